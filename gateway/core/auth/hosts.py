"""By which names this gateway may be addressed, and which addresses are this machine's own.

A web page can make its own host name resolve to this machine (DNS rebinding), and so reach what
trusts it. So a request counts only under a host name that is known to be this gateway's. An IP
address cannot be rebound.
"""

import ipaddress
from collections.abc import Iterable

from yarl import URL

from gateway.core.model.errors import Forbidden

_LOCAL = frozenset({"localhost"})
_DEFAULT_PORTS = (80, 443)  # a Host header leaves them out


class AllowedHosts:
    """The host names of this gateway: localhost, that of its public URL, and further ones."""

    def __init__(self, public_url: str = "", more: Iterable[str] = ()) -> None:
        """`more` are host names besides that of `public_url`.

        One with a port (`gateway:8080`) is allowed with that port only.
        """
        public = (URL(public_url).host,) if public_url else ()
        self._names = _LOCAL | {name.lower() for name in (*public, *more) if name}

    def check(self, host: str | None, origin: str | None = None) -> None:
        """Raises Forbidden for a Host or Origin header with another host name."""
        if not self.allows("//" + (host or "")):
            raise _forbidden("The Host header names no address of this gateway.")
        if origin is not None and not self.allows(origin):
            raise _forbidden("The Origin header names another site.")

    def allows(self, address: str) -> bool:
        """Whether a URL has one of these host names, or an IP address."""
        try:
            url = URL(address)
            name, port = (url.host or "").lower(), url.explicit_port
        except ValueError:
            return False
        if name in self._names or _ip_address(name) is not None:
            return True
        ports = _DEFAULT_PORTS if port is None else (port,)
        return any(f"{name}:{each}" in self._names for each in ports)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine as only itself reaches it."""
    address = _ip_address(host)
    return host.lower() in _LOCAL if address is None else address.is_loopback


def _forbidden(happened: str) -> Forbidden:
    allow = "The operator can allow it with GATEWAY_PUBLIC_URL or GATEWAY_ALLOWED_HOSTS."
    return Forbidden(happened, advice=allow)


def _ip_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
