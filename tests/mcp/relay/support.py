"""A relay in this process, its client, and gateways that answer by script."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from adapters.simulator import DEMO_KEY
from mcp_server.options import McpOptions
from mcp_server.relay.endpoint import open_endpoint
from mcp_server.relay.relay import Relay
from tests.mcp.support import MODERN
from tests.support.waiting import until

Json = dict[str, Any]
OLDER = "2025-11-25"
RENT = {"service_code": "whatsapp", "max_price": 1}
ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


def request(number: Any, method: str, **params: Any) -> Json:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def call(number: Any, tool: str, given: Mapping[str, Any], *, modern: bool = False) -> Json:
    """A call of a tool; `modern` with the envelope of 2026-07-28."""
    envelope = {"_meta": ENVELOPE} if modern else {}
    return request(number, "tools/call", name=tool, arguments=dict(given), **envelope)


def initialize(number: Any = 0, **capabilities: Any) -> Json:
    about = {"name": "test", "version": "1"}
    return request(
        number,
        "initialize",
        protocolVersion=OLDER,
        capabilities=capabilities,
        clientInfo=about,
    )


INITIALIZED: Json = {"jsonrpc": "2.0", "method": "notifications/initialized"}


@dataclass
class Talk:
    """A client before a relay: what it says, and all that it heard."""

    heard: list[Json] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    _lines: asyncio.Queue[str | None] = field(default_factory=asyncio.Queue)

    async def __aiter__(self) -> AsyncIterator[str]:
        while (line := await self._lines.get()) is not None:
            yield line

    def hear(self, line: bytes) -> None:
        assert b"\n" not in line
        self.heard.append(json.loads(line))

    def say(self, message: Json | str) -> None:
        self._lines.put_nowait(message if isinstance(message, str) else json.dumps(message))

    def end(self) -> None:
        self.ended.set()
        self._lines.put_nowait(None)

    def answers(self, number: Any) -> list[Json]:
        return [each for each in self.heard if "method" not in each and each["id"] == number]

    def requests(self, method: str) -> list[Json]:
        return [each for each in self.heard if each.get("method") == method]

    async def asked(self, message: Json) -> Json:
        """The answer to a request."""
        self.say(message)
        await until(lambda: self.answers(message["id"]))
        (answer,) = self.answers(message["id"])
        return answer

    async def refused(self, message: Json) -> str:
        """The sentence of a tool call that must fail."""
        result = (await self.asked(message))["result"]
        assert result["isError"] is True
        sentence: str = result["content"][0]["text"]
        return sentence

    async def begun(self, **capabilities: Any) -> None:
        """Open a session, as the older protocol wants it."""
        assert "result" in await self.asked(initialize(**capabilities))
        self.say(INITIALIZED)


@asynccontextmanager
async def relayed(
    url: str, key: str = DEMO_KEY, options: McpOptions | None = None
) -> AsyncIterator[Talk]:
    """A client before a relay to the gateway at `url`."""
    talk = Talk()
    async with open_endpoint(url, key) as endpoint:
        relay = Relay(endpoint, options or McpOptions(), talk.hear)
        running = asyncio.create_task(relay.run(talk, talk.ended))
        try:
            yield talk
        finally:
            talk.end()
            async with asyncio.timeout(60):
                await running


@dataclass
class ScriptedGateway:
    """A /mcp that keeps what it was sent and answers as the test says.

    Until then it opens sessions and takes notifications.
    """

    url: str = ""
    respond: Callable[[web.Request, Json], Awaitable[web.StreamResponse | None]] | None = None
    seen: list[tuple[str, Mapping[str, str], Json]] = field(default_factory=list)
    sessions: int = 0

    def bodies(self, method: str) -> list[Json]:
        """The messages of one method that it was sent."""
        return [body for _, _, body in self.seen if body.get("method") == method]

    async def handle(self, asked: web.Request) -> web.StreamResponse:
        text = await asked.text()
        body: Json = json.loads(text) if text else {}
        self.seen.append((asked.method, asked.headers, body))
        if self.respond is not None:
            response = await self.respond(asked, body)
            if response is not None:
                return response
        if body.get("method") == "initialize":
            self.sessions += 1
            return answered(
                body, {"protocolVersion": OLDER}, {"Mcp-Session-Id": f"session-{self.sessions}"}
            )
        return web.Response(status=202 if asked.method == "POST" else 405)


@asynccontextmanager
async def scripted() -> AsyncIterator[ScriptedGateway]:
    gateway = ScriptedGateway()
    app = web.Application()
    app.router.add_route("*", "/mcp", gateway.handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        gateway.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield gateway
    finally:
        await runner.cleanup()


def answered(asked: Json, result: Json, headers: Mapping[str, str] | None = None) -> web.Response:
    """The answer to a request, as JSON."""
    answer = {"jsonrpc": "2.0", "id": asked["id"], "result": result}
    return web.json_response(answer, headers=headers)


async def streamed(asked: web.Request, *told: Json | bytes) -> web.StreamResponse:
    """An open stream of events, with what is told in it."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(asked)
    for each in told:
        await tell(response, each)
    return response


async def tell(stream: web.StreamResponse, message: Json | bytes) -> None:
    text = message if isinstance(message, bytes) else json.dumps(message).encode()
    await stream.write(b"event: message\r\ndata: " + text + b"\r\n\r\n")
