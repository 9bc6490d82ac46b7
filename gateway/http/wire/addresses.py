"""The address that a request comes from, seen through trusted proxies."""

import ipaddress
from collections.abc import Sequence

from aiohttp import web

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
