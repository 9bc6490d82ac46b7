"""Where a request comes from, seen through trusted proxies, and where it reached the gateway."""

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from aiohttp import web

from gateway.core.auth.hosts import AllowedHosts

DEFAULT_URL = "http://127.0.0.1:8080"
"""Where the gateway is if nothing else is set."""
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_ONE_SITE = 64  # bits: whoever has an IPv6 address has as many as that leaves


def sender(request: web.Request, proxies: Sequence[Network]) -> Address | None:
    """The sender's address: the last one in the chain that is not a trusted proxy's, or None."""
    forwarded = [
        one.strip()
        for line in request.headers.getall("X-Forwarded-For", [])
        for one in line.split(",")
    ]
    for text in reversed([*forwarded, request.remote or ""]):
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return None
        if not any(address in network for network in proxies):
            return address
    return None


def limited_address(request: web.Request, proxies: Sequence[Network]) -> str | None:
    """The address by which a sender's open requests are counted: of IPv6 its /64.

    None for this machine (a proxy on it stands for many) and for one that cannot be told.
    """
    address = sender(request, proxies)
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    if address is None or address.is_loopback:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, _ONE_SITE), strict=False))
    return str(address)


class OwnAddress:
    """The gateway's URL as its callers know it, to which the paths are appended."""

    def __init__(self, public_url: str, hosts: AllowedHosts) -> None:
        """`public_url` "" means the origin of each request, where that is one of `hosts`."""
        self._public_url = public_url
        self._hosts = hosts
        self.path = urlsplit(public_url).path
        """The path below which a proxy serves the gateway; "" for none."""

    def of(self, request: web.Request) -> str:
        """The URL, without a slash at the end."""
        if self._public_url:
            return self._public_url
        try:
            origin = str(request.url.origin())
        except ValueError:  # a Host header that is no host
            return DEFAULT_URL
        return origin if self._hosts.allows(origin) else DEFAULT_URL
