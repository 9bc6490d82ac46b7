"""Where a request comes from, seen through trusted proxies, and where it reached the gateway."""

import ipaddress
import re
from collections.abc import Sequence
from typing import Final, Literal
from urllib.parse import urlsplit

from aiohttp import hdrs, web
from yarl import URL

from gateway.core.auth.hosts import AllowedHosts

DEFAULT_URL = "http://127.0.0.1:8080"
"""Where the gateway is if nothing else is set."""
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
UNIX: Final = "unix"
"""Whoever comes over a Unix socket, which has no addresses."""
Proxy = Network | Literal["unix"]
_FORWARDED = (
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Real-IP",
    "Forwarded",
)
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?").fullmatch
_ONE_SITE = 64  # bits: whoever has an IPv6 address has as many as that leaves


def sender(request: web.Request, proxies: Sequence[Proxy]) -> Address | None:
    """The sender's address: the last one in the chain that is not a trusted proxy's, or None."""
    return _chain(request, proxies)[1]


def limited_address(request: web.Request, proxies: Sequence[Proxy]) -> str | None:
    """The address by which a sender's open requests are counted: of IPv6 its /64.

    None for this machine (a proxy on it stands for many) and for one that cannot be told.
    """
    address = sender(request, proxies)
    if address is None or address.is_loopback:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, _ONE_SITE), strict=False))
    return str(address)


def counted_address(request: web.Request, proxies: Sequence[Proxy]) -> str:
    """The address by which a sender's attempts are counted; all of this machine are one."""
    return limited_address(request, proxies) or "this machine"


def is_local(request: web.Request) -> bool:
    """Whether this machine itself sent the request, and no proxy forwarded it.

    Over a Unix socket nobody is told from those behind a proxy there.
    """
    if any(name in request.headers for name in _FORWARDED):
        return False
    address = _address(_peer(request))
    return address is not None and address.is_loopback


def host_of(request: web.Request, proxies: Sequence[Proxy]) -> str:
    """The host, with its port, by which the sender called the gateway.

    As the trusted proxies tell it, which the sender may have made up no less than the header Host.
    """
    trusted, _ = _chain(request, proxies)
    told = _told(request, "X-Forwarded-Host", trusted)
    return told if _HOST(told) else request.headers.get(hdrs.HOST, "")


def _scheme_of(request: web.Request, proxies: Sequence[Proxy]) -> str:
    trusted, _ = _chain(request, proxies)
    told = _told(request, "X-Forwarded-Proto", trusted).lower()
    return told if told in {"http", "https"} else request.scheme


def _chain(request: web.Request, proxies: Sequence[Proxy]) -> tuple[int, Address | None]:
    """How many trusted proxies the request came through, and who sent it to the first of them.

    Each proxy adds where it got the request from to X-Forwarded-For, at the end; the last one is
    the other end of the connection.
    """
    peer = _peer(request)
    if peer == UNIX and UNIX not in proxies:
        return 0, None
    trusted = 1 if peer == UNIX else 0
    places = [*_listed(request, "X-Forwarded-For"), *([] if trusted else [peer])]
    for place in reversed(places):
        address = _address(place)
        if address is None or not any(address in each for each in proxies if each != UNIX):
            return trusted, address
        trusted += 1
    return trusted, None


def _told(request: web.Request, name: str, trusted: int) -> str:
    """What the first of the trusted proxies says in a header to which each may add; "" for nothing.

    Where there are fewer values than proxies, not each has added one, and the first counts.
    """
    values = _listed(request, name)
    return values[-min(trusted, len(values))] if trusted and values else ""


def _listed(request: web.Request, name: str) -> list[str]:
    lines = request.headers.getall(name, ())
    return [one.strip() for line in lines for one in line.split(",")]


def _peer(request: web.Request) -> str:
    """The address at the other end of the connection, or UNIX."""
    # By its own end: at the other one of a Unix socket stands whatever the peer has chosen.
    transport = request.transport
    if transport is None:  # it has left, and is still to be logged
        return request.remote or UNIX
    if isinstance(transport.get_extra_info("sockname"), str | bytes):
        return UNIX
    return request.remote or ""


def _address(text: str) -> Address | None:
    """An address; an IPv4 one that is written as IPv6 is one of IPv4."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


class OwnAddress:
    """The gateway's URL as its callers know it, to which the paths are appended."""

    def __init__(self, public_url: str, hosts: AllowedHosts, proxies: Sequence[Proxy] = ()) -> None:
        """`public_url` "" means the origin of each request, where that is one of `hosts`.

        `proxies` are trusted to say what that origin is.
        """
        self._public_url = public_url
        self._hosts = hosts
        self._proxies = proxies
        self.path = urlsplit(public_url).path
        """The path below which a proxy serves the gateway; "" for none."""

    def of(self, request: web.Request) -> str:
        """The URL, without a slash at the end."""
        if self._public_url:
            return self._public_url
        try:
            scheme, host = _scheme_of(request, self._proxies), host_of(request, self._proxies)
            origin = str(URL(f"{scheme}://{host}").origin())
        except ValueError:  # a Host header that is no host
            return DEFAULT_URL
        return origin if self._hosts.allows(origin) else DEFAULT_URL
