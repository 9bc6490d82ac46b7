"""The bridge alone: bodies in, responses out, and who has gone."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientConnectionError, ClientPayloadError, web
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient

from gateway.core.model.http_errors import RequestTimeout
from mcp_server.transport import asgi_bridge as bridge_module
from mcp_server.transport.asgi_bridge import Bridge, Message, read_body

Receive = Callable[[], Any]
Send = Callable[[Message], Any]
Client = TestClient[web.Request, web.Application]
Bridged = Callable[[Any], Awaitable[Client]]
STREAM = [(b"content-type", b"text/event-stream")]
BRIDGE = web.AppKey("bridge", Bridge)


@pytest.fixture
def bridged(aiohttp_client: AiohttpClient) -> Bridged:
    """Puts an ASGI application on a socket and gives a client of it."""

    async def serve(app: Any) -> Client:
        bridge = Bridge(app)
        bridge.start()

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                body = await read_body(request)
                return await bridge.handle(request, body, {"caller": "me"}, {"X-Ours": "1"})
            except RequestTimeout:
                return web.Response(status=408)

        async def shut(_: web.Application) -> None:
            await bridge.stop()

        site = web.Application()
        site[BRIDGE] = bridge
        site.router.add_route("*", "/{tail:.*}", handle)
        site.on_shutdown.append(shut)
        return await aiohttp_client(site)

    return serve


async def echo(scope: Any, receive: Receive, send: Send) -> None:
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message["body"]
        if not message["more_body"]:
            break
    headers = dict(scope["headers"])
    facts = f"{scope['method']} {scope['path']} {scope['query_string'].decode()} {scope['caller']}"
    await send(
        {
            "type": "http.response.start",
            "status": 201,
            "headers": [
                (b"X-Names", b",".join(sorted(headers))),
                (b"connection", b"close"),
                (b"content-length", b"999"),
            ],
        }
    )
    await send({"type": "http.response.body", "body": facts.encode() + b" " + body})


async def test_a_request_goes_in_and_one_response_comes_out(bridged: Bridged) -> None:
    sent = {"X-Api-Key": "secret", "Authorization": "Bearer secret", "X-Other": "1"}
    client = await bridged(echo)
    async with client.post("/a/b?c=d", data=b"x" * 200_000, headers=sent) as response:
        text = await response.text()

    assert response.status == 201
    assert text == "POST /a/b c=d me " + "x" * 200_000
    assert response.headers["Content-Length"] == str(len(text))
    assert response.headers["X-Ours"] == "1"
    names = response.headers["X-Names"].split(",")
    assert "x-other" in names
    assert not {"x-api-key", "authorization", "connection"} & set(names)


async def test_a_streams_headers_go_out_at_once(bridged: Bridged) -> None:
    go_on = asyncio.Event()

    async def stream(scope: Any, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": STREAM})
        await go_on.wait()
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await send({"type": "http.response.body", "body": b"b", "more_body": False})

    client = await bridged(stream)
    async with asyncio.timeout(60), client.get("/") as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        assert response.headers["X-Ours"] == "1"
        go_on.set()
        assert await response.read() == b"ab"


async def test_who_hangs_up_is_noticed_and_sends_go_nowhere(bridged: Bridged) -> None:
    gone = asyncio.Event()
    ended = asyncio.Event()

    async def stream(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": STREAM})
        assert (await receive())["type"] == "http.disconnect"
        gone.set()
        for _ in range(3):
            await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})
        ended.set()

    client = await bridged(stream)
    response = await client.get("/")
    response.close()
    async with asyncio.timeout(60):
        await gone.wait()
        await ended.wait()


async def test_who_hangs_up_before_the_headers_is_noticed_too(bridged: Bridged) -> None:
    gone = asyncio.Event()
    arrived = asyncio.Event()

    async def waits(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        arrived.set()
        assert (await receive())["type"] == "http.disconnect"
        gone.set()
        await send({"type": "http.response.start", "status": 200, "headers": STREAM})
        await send({"type": "http.response.body", "body": b"late"})

    client = await bridged(waits)
    asking = asyncio.ensure_future(client.post("/"))
    await arrived.wait()
    asking.cancel()
    async with asyncio.timeout(60):
        await gone.wait()


@pytest.mark.parametrize("path", ["/fails", "/answers"])
async def test_a_body_that_does_not_come_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, path: str, bridged: Bridged
) -> None:
    monkeypatch.setattr(bridge_module, "BODY_SECONDS", 0.1)

    async def reads(scope: Any, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] == "http.request":
            assert message["more_body"]
        if scope["path"] == "/answers":
            await send({"type": "http.response.start", "status": 500, "headers": []})
            await send({"type": "http.response.body", "body": b"as the SDK's older transport"})
        raise ConnectionError("as the SDK does when the client has gone")

    client = await bridged(reads)
    reader, writer = await asyncio.open_connection(client.host, client.port)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"
    writer.write(head.encode() + b"half")
    answer = await reader.readline()
    writer.close()

    assert answer.startswith(b"HTTP/1.1 408 ")


async def test_the_end_of_the_server_ends_streams_but_lets_calls_finish(
    monkeypatch: pytest.MonkeyPatch, bridged: Bridged
) -> None:
    monkeypatch.setattr(bridge_module, "GRACE_SECONDS", 60)
    arrived, left = asyncio.Event(), asyncio.Event()
    ended: list[str] = []

    async def either(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        if scope["method"] == "GET":
            await send({"type": "http.response.start", "status": 200, "headers": STREAM})
            assert (await receive())["type"] == "http.disconnect"
            ended.append("stream")
            left.set()
            return
        arrived.set()
        await left.wait()
        ended.append("call")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})

    client = await bridged(either)
    stream = await client.get("/")
    calling = asyncio.ensure_future(client.post("/"))
    await arrived.wait()
    await client.app[BRIDGE].stop()
    response = await calling
    assert await response.read() == b"done"
    stream.close()

    assert ended == ["stream", "call"]


async def test_a_fault_inside_is_a_fault(bridged: Bridged) -> None:
    async def breaks(scope: Any, receive: Receive, send: Send) -> None:
        raise LookupError

    client = await bridged(breaks)
    async with client.post("/") as response:
        assert response.status == 500


async def test_a_stream_that_breaks_off_is_not_taken_for_a_whole_one(bridged: Bridged) -> None:
    async def breaks(scope: Any, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": STREAM})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise LookupError

    client = await bridged(breaks)
    async with client.get("/") as response:
        with pytest.raises((ClientPayloadError, ClientConnectionError)):
            await response.read()


@pytest.mark.parametrize("headers", [[], STREAM], ids=["one body", "stream"])
async def test_only_the_first_answer_counts(
    headers: list[tuple[bytes, bytes]], bridged: Bridged
) -> None:
    async def answers_twice(scope: Any, receive: Receive, send: Send) -> None:
        for status, body in ((202, b"first"), (500, b"second")):
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    client = await bridged(answers_twice)
    async with client.post("/") as response:
        assert response.status == 202
        assert await response.read() == b"first"


class GoesOn:
    """Hears of the disconnect, and goes on for ever all the same."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        self.arrived.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()


async def test_what_goes_on_though_nobody_is_there_is_ended(
    monkeypatch: pytest.MonkeyPatch, bridged: Bridged
) -> None:
    monkeypatch.setattr(bridge_module, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(bridge_module, "LINGER_SECONDS", 0.1)
    app = GoesOn()
    client = await bridged(app)
    asking = asyncio.ensure_future(client.post("/"))
    await app.arrived.wait()
    asking.cancel()
    async with asyncio.timeout(60):
        await app.cancelled.wait()


async def test_what_goes_on_at_the_end_of_the_server_is_ended(
    monkeypatch: pytest.MonkeyPatch, bridged: Bridged
) -> None:
    monkeypatch.setattr(bridge_module, "GRACE_SECONDS", 0.05)
    app = GoesOn()
    client = await bridged(app)
    asking = asyncio.ensure_future(client.post("/"))
    await app.arrived.wait()
    async with asyncio.timeout(60):
        await client.app[BRIDGE].stop()
    with pytest.raises(ClientConnectionError):
        await asking

    assert app.cancelled.is_set()
