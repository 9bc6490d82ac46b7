"""Which addresses webhooks may be sent to: public ones, and those that the operator allows."""

import ipaddress
from collections.abc import Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Besides what `is_global` says, whose lists differ between versions of Python.
_NEVER = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
            "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
            "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
            "::/96", "100::/64", "100:0:0:1::/64", "2001::/23", "2001:db8::/32", "3fff::/20",
            "5f00::/16", "fc00::/7", "fe80::/9", "ff00::/8",
        ),
    )
)  # fmt: skip
_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
# Prefixes below which another address stands, and by how many bits it is shifted to the left.
_CARRIERS = (
    (ipaddress.IPv6Network("::ffff:0:0/96"), 0),  # mapped
    (ipaddress.IPv6Network("::ffff:0:0:0/96"), 0),  # translated
    (ipaddress.IPv6Network("64:ff9b::/96"), 0),  # NAT64
    (ipaddress.IPv6Network("2002::/16"), 80),  # 6to4
)


class AddressRefused(OSError):
    """A host has no address that may be sent to."""


def is_allowed(address: Address, networks: Sequence[Network], *, encrypted: bool = True) -> bool:
    """Whether something may be sent to an address.

    `networks` are allowed by the operator; other addresses only where they are public and the
    connection is `encrypted`.
    """
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        return False
    carried = _carried(address)
    if any(each in network for network in networks for each in {address, carried}):
        return True
    return encrypted and _is_public(carried)


def _carried(address: Address) -> Address:
    """The IPv4 address that an IPv6 one leads to; any other as it is."""
    for prefix, shift in _CARRIERS:
        if isinstance(address, ipaddress.IPv6Address) and address in prefix:
            return ipaddress.IPv4Address((int(address) >> shift) & 0xFFFFFFFF)
    return address


def _is_public(address: Address) -> bool:
    if any(address in network for network in _NEVER):
        return False
    if isinstance(address, ipaddress.IPv6Address) and address not in _PUBLIC_V6:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved
