"""The way to the provider: through an HTTP proxy, and which certificate authorities are trusted."""

import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import hdrs
from yarl import URL


class LoginWanted(aiohttp.ClientError):
    """A proxy that passes requests on wants a login: it has passed nothing on."""


@dataclass(frozen=True, slots=True)
class Outbound:
    """How the provider is reached.

    The proxy's URL goes without its login, which the library would put into errors and warnings.
    """

    proxy: URL | None = None
    proxy_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    tls: ssl.SSLContext | bool = True

    @classmethod
    def through(cls, proxy: str | None, ca_file: Path | None) -> "Outbound":
        """Through the proxy of this URL; `ca_file`: authorities trusted besides the system's."""
        tls = trusting(ca_file) if ca_file else True
        if not proxy:
            return cls(tls=tls)
        url = URL(proxy)
        if url.user is None:
            return cls(url, tls=tls)
        login = b64encode(f"{url.user}:{url.password or ''}".encode()).decode()
        return cls(url.with_user(None), {hdrs.PROXY_AUTHORIZATION: f"Basic {login}"}, tls)

    def forwards(self, base_url: str) -> bool:
        """Whether the proxy reads each request and passes it on, as it does without https."""
        return self.proxy is not None and URL(base_url).scheme == "http"


def trusting(ca_file: Path) -> ssl.SSLContext:
    """Trusts the system's authorities and those in a file. Raises OSError, also ssl.SSLError."""
    context = ssl.create_default_context()
    context.load_verify_locations(ca_file)
    context.set_alpn_protocols(("http/1.1",))  # as the library's own
    return context


DIRECT = Outbound()
