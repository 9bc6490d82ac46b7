"""The client on a real socket: what goes out, and what every fault of the line means."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest

from adapters.getatext import account, provider, rentals
from adapters.getatext.client import Client
from adapters.getatext.endpoint import AnyEndpoint
from adapters.getatext.reply import Reply
from gateway.core.model.errors import GatewayError, OutcomeUnknown
from gateway.core.model.provider_errors import (
    LOST_CHANGE,
    UpstreamBadResponse,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.core.model.values import Charged
from tests.adapters.getatext.scripted import ScriptedServer, Send, cut, http

KEY = "sk_live_5ecret"
CAP = 1000
CHUNKED = b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNK = b"190\r\n%s\r\n" % (b"x" * 0x190)
OK = b'{"balance": "1.00"}'
KINDS = pytest.mark.parametrize(
    "call",
    [account.BALANCE, rentals.STATUS, rentals.CANCEL, rentals.RENT],
    ids=lambda call: call.name,
)


@pytest.fixture
async def client(getatext: ScriptedServer) -> AsyncIterator[Client]:
    async with Client(getatext.url + "/", max_body=CAP) as client:
        yield client


async def failure(client: Client, call: AnyEndpoint) -> GatewayError:
    body = None if call.method == "GET" else b"{}"
    with pytest.raises(GatewayError) as raised:
        await client.send(call, KEY, body)
    assert KEY not in f"{raised.value!r} {raised.value} {raised.value.__notes__}"
    return raised.value


async def test_a_read_carries_the_key_and_nothing_needless(
    client: Client, getatext: ScriptedServer
) -> None:
    getatext.script.append(http(200, OK))
    reply = await client.send(account.BALANCE, KEY)

    assert reply == Reply(200, OK)
    asked = getatext.asked[0]
    assert (asked.method, asked.target, asked.body) == ("GET", "/api/v1/balance", b"")
    assert asked.headers == {
        "host": getatext.url.removeprefix("http://"),
        "auth": KEY,
        "accept": "application/json",
        "accept-encoding": "identity",
        "user-agent": "getatext-gateway",
    }


async def test_a_body_goes_out_as_json(client: Client, getatext: ScriptedServer) -> None:
    getatext.script.append(http(200, OK))
    await client.send(rentals.STATUS, KEY, b'{"id":5}')

    asked = getatext.asked[0]
    assert (asked.method, asked.target) == ("POST", "/api/v1/rental-status")
    assert asked.body == b'{"id":5}'
    assert asked.headers["content-type"] == "application/json"


async def test_an_empty_post_names_no_type(client: Client, getatext: ScriptedServer) -> None:
    getatext.script.append(http(200, OK))
    await client.send(rentals.COMPLETE, KEY, about=5)

    asked = getatext.asked[0]
    assert (asked.method, asked.target) == ("POST", "/api/v1/rental-status/5/completed")
    assert asked.body == b""
    assert "content-type" not in asked.headers


async def test_reads_share_a_connection_and_purchases_never_do(
    client: Client, getatext: ScriptedServer
) -> None:
    for call in (rentals.STATUS, rentals.STATUS, rentals.RENT, rentals.RENT, rentals.STATUS):
        getatext.script.append(http(200, OK))
        await client.send(call, KEY, b"{}")

    first, second, third, fourth, last = (asked.connection for asked in getatext.asked)
    assert first == second == last
    assert len({first, third, fourth}) == 3


async def test_retry_after_comes_along(client: Client, getatext: ScriptedServer) -> None:
    getatext.script.append(http(429, b"{}", "Retry-After: 3"))

    assert await client.send(rentals.STATUS, KEY, b"{}") == Reply(429, b"{}", "3")


async def test_cookies_are_not_kept(client: Client, getatext: ScriptedServer) -> None:
    getatext.script += [http(200, OK, "Set-Cookie: session=abc"), http(200, OK)]
    await client.send(account.BALANCE, KEY)
    await client.send(account.BALANCE, KEY)

    assert "cookie" not in getatext.asked[1].headers


@KINDS
@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(
    client: Client, getatext: ScriptedServer, call: AnyEndpoint, status: int
) -> None:
    getatext.script.append(http(status, b"", f"Location: {getatext.url}/elsewhere"))

    assert await client.send(call, KEY) == Reply(status, b"")
    assert len(getatext.asked) == 1


@KINDS
async def test_a_body_up_to_the_cap_is_read(
    client: Client, getatext: ScriptedServer, call: AnyEndpoint
) -> None:
    getatext.script.append(http(200, b"x" * CAP))

    assert await client.send(call, KEY) == Reply(200, b"x" * CAP)


@KINDS
@pytest.mark.parametrize(
    "send",
    [
        http(200, b"x" * (CAP + 1)),
        Send(b"HTTP/1.1 200 X\r\nContent-Length: 999999999\r\n\r\n" + b"x" * 2 * CAP, hang=True),
        Send(CHUNKED + 4 * CHUNK, hang=True),
        http(200, gzip.compress(b" " * 10_000_000), "Content-Encoding: gzip"),
        http(200, OK, "Content-Encoding: br"),
    ],
    ids=["just above the cap", "endless", "endless chunks", "a gzip bomb", "brotli"],
)  # fmt: skip
async def test_a_body_too_large_or_encoded_is_left_unread(
    client: Client, getatext: ScriptedServer, call: AnyEndpoint, send: Send
) -> None:
    getatext.script += [send, http(200, OK)]

    assert await client.send(call, KEY) == Reply(200, None)
    assert await client.send(call, KEY) == Reply(200, OK)


async def test_a_body_in_pieces_is_put_together(client: Client, getatext: ScriptedServer) -> None:
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in OK) + b"0\r\n\r\n"
    getatext.script.append(Send(CHUNKED + chunks))

    assert await client.send(account.BALANCE, KEY) == Reply(200, OK)


LOST = [
    ("dropped without an answer", Send(drop=True), UpstreamUnavailable),
    ("dropped in the head", Send(b"HTTP/1.1 200 X\r\nCont", drop=True), UpstreamUnavailable),
    ("dropped in the body", cut(200, OK), UpstreamBadResponse),
    ("no HTTP", Send(b"SSH-2.0-OpenSSH_9.9\r\n\r\n", drop=True), UpstreamBadResponse),
    (
        "a broken chunk",
        Send(CHUNKED + b"zz\r\n", drop=True),
        UpstreamBadResponse,
    ),
    (
        "a head without an end",
        Send(b"HTTP/1.1 200 X\r\nX: " + b"x" * 100_000, drop=True),
        UpstreamBadResponse,
    ),
]
lost = pytest.mark.parametrize(
    ("send", "expected"), [row[1:] for row in LOST], ids=[row[0] for row in LOST]
)


@lost
@pytest.mark.parametrize("call", [rentals.STATUS, rentals.CANCEL], ids=lambda call: call.name)
async def test_a_lost_answer_to_what_costs_nothing_is_a_fault(
    client: Client,
    getatext: ScriptedServer,
    call: AnyEndpoint,
    send: Send,
    expected: type[GatewayError],
) -> None:
    getatext.script.append(send)
    error = await failure(client, call)

    assert type(error) is expected
    assert error.charged is Charged.NO
    assert (LOST_CHANGE in error.detail) is (call is rentals.CANCEL)
    assert len(getatext.asked) == 1


@lost
@pytest.mark.parametrize(
    "call", [call for call in provider.ENDPOINTS if call.spends], ids=lambda call: call.name
)
async def test_a_purchase_whose_answer_is_lost_has_an_unknown_outcome(
    client: Client,
    getatext: ScriptedServer,
    call: AnyEndpoint,
    send: Send,
    expected: type[GatewayError],
) -> None:
    getatext.script.append(send)
    error = await failure(client, call)

    assert type(error) is OutcomeUnknown
    assert error.charged is Charged.UNKNOWN
    assert len(getatext.asked) == 1


SILENT = [
    Send(hang=True),
    Send(b"HTTP/1.1 200 X\r\n", hang=True),
    Send(b"HTTP/1.1 200 X\r\nContent-Length: 99\r\n\r\n{", hang=True),
]


async def in_silence(call: AnyEndpoint) -> list[GatewayError]:
    """What becomes of a call that is answered by nothing, or by a beginning: all at one time."""

    async def one(send: Send) -> GatewayError:
        async with (
            ScriptedServer() as server,
            Client(server.url, read_seconds=10, spend_seconds=10) as client,
        ):
            server.script.append(send)
            return await failure(client, call)

    return await asyncio.gather(*map(one, SILENT))


async def test_what_costs_nothing_ends_in_time_and_a_change_says_that_it_was_sent() -> None:
    read, changed = await asyncio.gather(in_silence(rentals.STATUS), in_silence(rentals.CANCEL))

    assert {type(error) for error in (*read, *changed)} == {UpstreamTimeout}
    assert {error.charged for error in (*read, *changed)} == {Charged.NO}
    assert {LOST_CHANGE in error.detail for error in read} == {False}
    assert {LOST_CHANGE in error.detail for error in changed} == {True}


async def test_a_purchase_ends_in_time_with_an_unknown_outcome() -> None:
    assert {type(error) for error in await in_silence(rentals.RENT)} == {OutcomeUnknown}


@KINDS
async def test_a_refused_connection_is_no_purchase(call: AnyEndpoint) -> None:
    async with ScriptedServer() as gone:
        url = gone.url
    async with Client(url) as client:
        error = await failure(client, call)

    assert type(error) is UpstreamUnavailable
    assert error.charged is Charged.NO
    assert LOST_CHANGE not in error.detail


@KINDS
async def test_a_host_without_an_address_is_no_purchase(call: AnyEndpoint) -> None:
    async with Client("http://nowhere.invalid") as client:
        error = await failure(client, call)

    assert type(error) is UpstreamUnavailable
    assert error.charged is Charged.NO
    assert LOST_CHANGE not in error.detail


@KINDS
async def test_a_failed_handshake_is_no_purchase(call: AnyEndpoint) -> None:
    def refuse(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"This is no TLS.")
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    async with server, Client(f"https://{host}:{port}") as client:
        error = await failure(client, call)

    assert type(error) is UpstreamUnavailable
    assert error.charged is Charged.NO
    assert LOST_CHANGE not in error.detail


async def without_connection(call: AnyEndpoint) -> tuple[GatewayError, int]:
    """What becomes of a call while the only connection is in use; how often the provider heard."""
    async with ScriptedServer() as server:
        async with Client(
            server.url, connections=1, connect_seconds=10, read_seconds=60, spend_seconds=60
        ) as client:
            busy = asyncio.ensure_future(client.send(call, KEY, b"{}"))
            await server.somebody_asked.wait()
            error = await failure(client, call)
            busy.cancel()
        return error, len(server.asked)


async def test_a_call_that_got_no_connection_in_time_was_not_sent() -> None:
    found = await asyncio.gather(
        without_connection(rentals.STATUS),
        without_connection(rentals.CANCEL),
        without_connection(rentals.RENT),
    )

    assert [type(error) for error, _ in found] == [UpstreamUnavailable] * 3
    assert [error.charged for error, _ in found] == [Charged.NO] * 3
    assert [LOST_CHANGE in error.detail for error, _ in found] == [False] * 3
    assert [asked for _, asked in found] == [1, 1, 1]


async def test_a_purchase_on_a_closed_client_was_not_sent(getatext: ScriptedServer) -> None:
    client = Client(getatext.url)
    await client.close()

    assert type(await failure(client, rentals.RENT)) is UpstreamUnavailable
