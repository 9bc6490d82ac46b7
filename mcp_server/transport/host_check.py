"""Protects /mcp against DNS rebinding, by which a web page reaches a server on the user's machine.

The page's own host name is made to resolve to this machine; so a request is accepted only under a
host name that is known to be this gateway's. An IP address cannot be rebound.
"""

import ipaddress
from collections.abc import Iterable

from yarl import URL

from gateway.core.model.errors import Forbidden

_LOCAL = frozenset({"localhost"})


class AllowedHosts:
    """The host names of this gateway: localhost, that of its public URL, and further ones."""

    def __init__(self, public_url: str = "", more: Iterable[str] = ()) -> None:
        """`more` are host names besides that of `public_url`."""
        public = (URL(public_url).host,) if public_url else ()
        self._names = _LOCAL | {name.lower() for name in (*public, *more) if name}

    def check(self, host: str | None, origin: str | None) -> None:
        """Raises Forbidden for a Host or Origin header with another host name."""
        if not self._is_allowed("//" + (host or "")):
            raise Forbidden(
                "The Host header names no address of this gateway.",
                advice="The operator can allow it with GATEWAY_PUBLIC_URL.",
            )
        if origin is not None and not self._is_allowed(origin):
            raise Forbidden(
                "The Origin header names another site.",
                advice="The operator can allow it with GATEWAY_PUBLIC_URL.",
            )

    def _is_allowed(self, address: str) -> bool:
        try:
            name = (URL(address).host or "").lower()
        except ValueError:
            return False
        return name in self._names or _is_ip_address(name)


def _is_ip_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
