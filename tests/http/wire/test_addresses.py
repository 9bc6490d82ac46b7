"""What trusted proxies say of a request counts, and what others say does not."""

from ipaddress import ip_network
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from gateway.core.auth.hosts import AllowedHosts
from gateway.http.wire.addresses import DEFAULT_URL, OwnAddress, Proxy, host_of, is_local, sender

PROXIES: list[Proxy] = [ip_network("10.0.0.0/8"), ip_network("::1")]
OURS = AllowedHosts("", ["sms.example", "inner"])
STRANGER, NEAR = "192.0.2.7", "10.1.2.3"


def asked(remote: str, *headers: tuple[str, str], socket: str | None = None) -> Any:
    """A request with these headers from an address; `socket`: over this Unix socket."""
    named = CIMultiDict([("Host", "inner:81"), *headers])
    request = make_mocked_request("GET", "/", named).clone(remote=remote)
    if socket is not None:
        transport = request.transport
        assert transport is not None
        transport.get_extra_info.side_effect = {"sockname": socket}.get  # type: ignore[attr-defined]
    return request


def proto(*values: str) -> list[tuple[str, str]]:
    return [("X-Forwarded-Proto", value) for value in values]


def host(*values: str) -> list[tuple[str, str]]:
    return [("X-Forwarded-Host", value) for value in values]


def chain(*values: str) -> list[tuple[str, str]]:
    return [("X-Forwarded-For", value) for value in values]


ORIGINS = [  # what is told, who tells it, and at which address the gateway was reached then
    ("nothing", NEAR, [], "http://inner:81"),
    ("both", NEAR, [*proto("https"), *host("sms.example")], "https://sms.example"),
    ("by a stranger", STRANGER, [*proto("https"), *host("sms.example")], "http://inner:81"),
    ("by nobody", "", [*proto("https"), *host("sms.example")], "http://inner:81"),
    ("the scheme only", NEAR, proto("HTTPS"), "https://inner:81"),
    ("a port", NEAR, host("sms.example:8443"), "http://sms.example:8443"),
    ("a usual port", NEAR, [*proto("https"), *host("sms.example:443")], "https://sms.example"),
    ("an address", NEAR, host("[2001:db8::1]:82"), "http://[2001:db8::1]:82"),
    ("a name that is not ours", NEAR, host("evil.example"), DEFAULT_URL),
    ("rubbish", NEAR, [*proto("javascript"), *host('x"><b>')], "http://inner:81"),
    ("a path", NEAR, host("sms.example/evil"), "http://inner:81"),
    ("a login", NEAR, host("sms.example@evil.example"), "http://inner:81"),
    ("nothing in it", NEAR, [*proto(""), *host("")], "http://inner:81"),
    ("a port too large", NEAR, host("sms.example:99999"), DEFAULT_URL),
    ("what a caller said before, too", NEAR,
     [*proto("gopher, https"), *host("evil.example, sms.example")], "https://sms.example"),
    ("in lines of its own", NEAR,
     [*proto("http", "https"), *host("evil.example", "sms.example")], "https://sms.example"),
    ("by two proxies, of which each adds", NEAR,
     [*chain("192.0.2.7, 10.9.9.9"), *proto("https, http"), *host("sms.example, inner")],
     "https://sms.example"),
    ("by two proxies, of which the first alone tells", NEAR,
     [*chain("192.0.2.7, 10.9.9.9"), *proto("https"), *host("sms.example")],
     "https://sms.example"),
    ("by two, after what the caller said", NEAR,
     [*chain("10.5.5.5, 192.0.2.7, 10.9.9.9"), *proto("http, https, http"),
      *host("evil.example, sms.example, inner")],
     "https://sms.example"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("remote", "headers", "url"), [row[1:] for row in ORIGINS], ids=[row[0] for row in ORIGINS]
)
def test_trusted_proxies_say_at_which_address_the_gateway_is(
    remote: str, headers: list[tuple[str, str]], url: str
) -> None:
    assert OwnAddress("", OURS, PROXIES).of(asked(remote, *headers)) == url


def test_the_public_url_wins() -> None:
    request = asked(NEAR, *proto("http"), *host("inner"))

    assert OwnAddress("https://sms.example/x", OURS, PROXIES).of(request) == "https://sms.example/x"


def test_without_trusted_proxies_nobody_is_believed() -> None:
    request = asked(NEAR, *chain("192.0.2.1"), *proto("https"), *host("sms.example"))

    assert OwnAddress("", OURS).of(request) == "http://inner:81"
    assert host_of(request, []) == "inner:81"
    assert str(sender(request, [])) == NEAR


SOCKET = "/run/gateway.sock"
SENDERS = [  # over which socket, what the peer is called, who is trusted, and who sent it
    ("a Unix socket", SOCKET, "", [], None),
    ("a Unix socket, among networks", SOCKET, "", PROXIES, None),
    ("a trusted Unix socket", SOCKET, "", ["unix"], "192.0.2.7"),
    ("a peer that calls itself an address", SOCKET, "10.1.2.3", PROXIES, None),
    ("a socket without a path", b"\0abstract", "", ["unix"], "192.0.2.7"),
    ("a network", None, NEAR, PROXIES, "192.0.2.7"),
    ("a network, when sockets are trusted", None, NEAR, ["unix"], NEAR),
    ("IPv4 written as IPv6", None, f"::ffff:{NEAR}", PROXIES, "192.0.2.7"),
]


@pytest.mark.parametrize(
    ("socket", "peer", "proxies", "expected"), [row[1:] for row in SENDERS],
    ids=[row[0] for row in SENDERS],
)  # fmt: skip
def test_a_proxy_on_a_unix_socket_is_trusted_by_its_own_word(
    socket: str | None, peer: str, proxies: list[Proxy], expected: str | None
) -> None:
    found = sender(asked(peer, *chain("192.0.2.7"), socket=socket), proxies)

    assert (found and str(found)) == expected


def test_behind_a_trusted_socket_the_chain_goes_on_through_networks() -> None:
    request = asked("", *chain("192.0.2.7, 10.9.9.9"), *host("sms.example, inner"), socket=SOCKET)

    assert str(sender(request, [*PROXIES, "unix"])) == "192.0.2.7"
    assert str(sender(request, ["unix"])) == "10.9.9.9"
    assert host_of(request, [*PROXIES, "unix"]) == "sms.example"
    assert host_of(request, ["unix"]) == "inner"


def test_a_text_in_the_chain_is_no_socket() -> None:
    request = asked("", *chain("192.0.2.7, unix"), socket=SOCKET)

    assert sender(request, ["unix"]) is None


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_this_machine_is_local_unless_it_passes_something_on(peer: str) -> None:
    assert is_local(asked(peer))
    for name in ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded"):
        assert not is_local(asked(peer, (name, "any")))


@pytest.mark.parametrize(("peer", "socket"), [(NEAR, None), ("", None), ("", SOCKET),
                                              ("127.0.0.1", SOCKET)])  # fmt: skip
def test_others_and_whoever_comes_over_a_unix_socket_are_not(peer: str, socket: str | None) -> None:
    assert not is_local(asked(peer, socket=socket))
