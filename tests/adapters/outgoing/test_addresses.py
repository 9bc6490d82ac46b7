"""Which addresses may be sent to, whatever the version of Python says of them."""

import ipaddress
from ipaddress import ip_address, ip_network

import pytest

from adapters.outgoing.addresses import is_allowed

REFUSED = [
    "0.0.0.0", "0.0.0.1", "0.255.255.255", "10.0.0.0", "10.0.0.1", "10.255.255.255", "100.64.0.0",
    "100.100.100.200", "100.127.255.255", "127.0.0.1", "127.0.0.2", "127.255.255.255",
    "169.254.0.0", "169.254.169.254", "169.254.170.2", "169.254.255.255", "172.16.0.0",
    "172.17.0.1", "172.31.255.255", "192.0.0.0", "192.0.0.8", "192.0.0.9", "192.0.0.10",
    "192.0.0.170", "192.0.0.192", "192.0.0.255", "192.0.2.0", "192.0.2.255", "192.88.99.0",
    "192.88.99.1", "192.88.99.255", "192.168.0.0", "192.168.255.255", "198.18.0.0",
    "198.19.255.255", "198.51.100.0", "198.51.100.255", "203.0.113.0", "203.0.113.255",
    "224.0.0.0", "224.0.0.1", "232.1.1.1", "233.252.0.1", "239.255.255.255", "240.0.0.0",
    "255.255.255.254", "255.255.255.255", "::", "::1", "::2", "::7f00:1", "::127.0.0.1",
    "::8.8.8.8", "::ffff", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
    "::ffff:0.0.0.0", "::ffff:100.64.0.1", "::ffff:192.0.0.9", "::ffff:224.0.0.1",
    "::ffff:255.255.255.255", "::ffff:0:127.0.0.1", "::ffff:0:10.0.0.1", "::ffff:0:192.168.1.1",
    "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b::0.0.0.0",
    "64:ff9b::203.0.113.1", "64:ff9b:1::127.0.0.1", "64:ff9b:1::8.8.8.8",
    "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "64:ff9b:2::8.8.8.8", "64:ff9b::1:808:808",
    "2002:7f00:1::", "2002:a00:1::1", "2002:a9fe:a9fe::", "2002:c0a8:101::1", "2002:e000:1::",
    "2002::", "2002:c058:6301::", "2001::", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:0:7f00:1::", "2001:1::1", "2001:1::2", "2001:2::1", "2001:3::1", "2001:4:112::1",
    "2001:10::1", "2001:20::1", "2001:30::1", "2001:1ff:ffff::1", "2001:db8::",
    "2001:db8:ffff::1", "3fff::", "3fff:fff:ffff::1", "100::", "100::1", "100:0:0:1::1", "200::1",
    "400::1", "1000::1", "4000::1", "5f00::1", "6000::1", "8000::1", "a000::1", "c000::1",
    "e000::1", "f000::1", "f800::1", "fbff::1", "fc00::", "fc00::1", "fd00:ec2::254",
    "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe00::1", "fe7f::1", "fe80::1", "fe80::a9fe:a9fe",
    "febf::1", "fec0::1", "feff::1", "ff00::1", "ff01::1", "ff02::1", "ff05::2", "ff0e::1",
    "ff3e::8000:1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe80::1%lo", "fe80::1%1",
    "::1%lo", "2606:4700:4700::1111%eth0", "::ffff:8.8.8.8%1",
]  # fmt: skip

ALLOWED = [
    "1.0.0.1", "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "93.184.216.34",
    "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1", "169.253.255.255",
    "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.1", "192.0.3.0",
    "192.31.196.1", "192.52.193.1", "192.88.98.255", "192.88.100.0", "192.167.255.255",
    "192.169.0.0", "192.175.48.1", "198.17.255.255", "198.20.0.0", "198.51.99.255",
    "198.51.101.0", "203.0.112.255", "203.0.114.0", "223.255.255.255", "::ffff:8.8.8.8",
    "::ffff:0:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::", "2002:808:808::7f00:1",
    "2001:200::1", "2001:4860:4860::8888", "2001:db7::1", "2001:db9::1", "2003::1",
    "2400:cb00::1", "2606:4700:4700::1111", "2620:4f:8000::1", "2a00:1450:4001:80b::200e",
    "3ffe:ffff::1",
]  # fmt: skip
assert len(REFUSED) >= 80
ROWS = [(each, False) for each in REFUSED] + [(each, True) for each in ALLOWED]


@pytest.mark.parametrize(("address", "allowed"), ROWS)
@pytest.mark.parametrize("python", ["own", "lenient"])
def test_only_public_addresses_whatever_python_calls_so(
    address: str, allowed: bool, python: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lists differ between versions of Python: without any of them the answers are the same."""
    if python == "lenient":
        for kind in (ipaddress.IPv4Address, ipaddress.IPv6Address):
            monkeypatch.setattr(kind, "is_global", True)
            monkeypatch.setattr(kind, "is_multicast", False)
            monkeypatch.setattr(kind, "is_reserved", False)

    assert is_allowed(ip_address(address), ()) is allowed


@pytest.mark.parametrize("address", ALLOWED)
def test_nothing_goes_to_a_public_address_without_encryption(address: str) -> None:
    assert not is_allowed(ip_address(address), (ip_network("10.0.0.0/8"),), encrypted=False)


NETWORKED = [  # network, address, whether it is in it
    ("127.0.0.0/8", "127.0.0.1", True),
    ("127.0.0.0/8", "::ffff:127.0.0.1", True),
    ("127.0.0.0/8", "::ffff:7f00:1", True),
    ("127.0.0.0/8", "64:ff9b::127.0.0.1", True),
    ("127.0.0.0/8", "2002:7f00:1::", True),
    ("127.0.0.0/8", "::1", False),
    ("127.0.0.0/8", "::127.0.0.1", False),
    ("127.0.0.0/8", "10.0.0.1", False),
    ("127.0.0.0/8", "::ffff:10.0.0.1", False),
    ("127.0.0.0/8", "0.0.0.0", False),
    ("127.0.0.0/8", "169.254.169.254", False),
    ("10.0.0.5/32", "10.0.0.5", True),
    ("10.0.0.5/32", "10.0.0.6", False),
    ("::1/128", "::1", True),
    ("::1/128", "127.0.0.1", False),
    ("::1/128", "::ffff:127.0.0.1", False),
    ("fd00::/8", "fd12::1", True),
    ("fd00::/8", "fe80::1", False),
    ("fe80::/10", "fe80::1", True),
    ("fe80::/10", "fe80::1%eth0", False),
    ("::ffff:127.0.0.0/104", "::ffff:127.0.0.1", True),
    ("8.8.8.0/24", "8.8.8.8", True),
]


@pytest.mark.parametrize(("network", "address", "inside"), NETWORKED)
@pytest.mark.parametrize("encrypted", [False, True])
def test_an_operators_network_allows_what_leads_into_it_and_no_more(
    network: str, address: str, inside: bool, encrypted: bool
) -> None:
    assert is_allowed(ip_address(address), (ip_network(network),), encrypted=encrypted) is inside
