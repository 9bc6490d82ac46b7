"""Which names the MCP address may be called by: a page of the web must not reach it by a trick.

DNS rebinding makes a stranger's name lead to this machine; so a request counts only under a name
that is known to be ours. An address in digits cannot be rebound.
"""

import ipaddress
from collections.abc import Iterable

from yarl import URL

from gateway.core.model.errors import Forbidden

_LOCAL = frozenset({"localhost"})


class Hosts:
    """The names that are ours."""

    def __init__(self, public_url: str = "", more: Iterable[str] = ()) -> None:
        """Take the gateway's own address and further names."""
        public = (URL(public_url).host,) if public_url else ()
        self._names = _LOCAL | {name.lower() for name in (*public, *more) if name}

    def check(self, host: str | None, origin: str | None) -> None:
        """Raises Forbidden for a Host or an Origin that is not ours."""
        if not self._ours("//" + (host or "")):
            raise Forbidden(
                "The Host header names no address of this gateway.",
                advice="The operator can allow it with GATEWAY_PUBLIC_URL.",
            )
        if origin is not None and not self._ours(origin):
            raise Forbidden(
                "The Origin header names another site.",
                advice="The operator can allow it with GATEWAY_PUBLIC_URL.",
            )

    def _ours(self, address: str) -> bool:
        try:
            name = (URL(address).host or "").lower()
        except ValueError:
            return False
        return name in self._names or _is_digits(name)


def _is_digits(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
