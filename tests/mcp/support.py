"""The gateway with /mcp on a real socket, and the SDK's own client before it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from aiohttp import web
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, ElicitRequestParams, ElicitResult, TextContent

from adapters.simulator import DEMO_KEY, Rules, Simulator, SimulatorConfig
from gateway.core.model.callers import Caller, Limits
from gateway.http.wire.auth import key_of
from gateway.http.wire.edge import TRACE_ID
from gateway.settings import Settings
from gateway.wiring import Gateway, open_gateway
from gateway.wiring.mcp_options import ICONS
from mcp_server.options import McpOptions
from mcp_server.transport.http import mount
from tests.support.gateway import USUAL, have_accepted, listening, settings

T = TypeVar("T")

LEGACY, MODERN = "legacy", "2026-07-28"
ERAS = (LEGACY, MODERN)
# Who is asked here answers at once.
OPTIONS = McpOptions(min_answer_seconds=0.0, icons=ICONS)
QUICK = replace(USUAL, rules=Rules(code_after=0.3, cancel_locked=0.0))


@dataclass(frozen=True, slots=True)
class McpStand:
    """A gateway with /mcp."""

    gateway: Gateway
    url: str

    @property
    def mcp(self) -> str:
        return f"{self.url}/mcp"


@dataclass(frozen=True, slots=True)
class SimulatedStand(McpStand):
    """A gateway with /mcp before the simulator."""

    sim: Simulator


@dataclass
class Person:
    """A person who is asked, and answers as configured, after so many seconds."""

    agrees: bool = True
    action: str = "accept"
    thinks: float = 0.0
    asked: list[str] = field(default_factory=list)

    async def answer(self, context: Any, params: ElicitRequestParams) -> ElicitResult:
        self.asked.append(params.message)
        await asyncio.sleep(self.thinks)
        content = {"confirm": self.agrees} if self.action == "accept" else None
        return ElicitResult(action=self.action, content=content)  # type: ignore[arg-type]


def with_mcp(
    gateway: Gateway, options: McpOptions = OPTIONS, limits: Limits | None = None
) -> web.Application:
    """The gateway's application with /mcp; `limits` are those of everybody who calls."""
    app = gateway.app(with_mcp=False)

    async def identify(request: web.Request) -> Caller:
        caller = await gateway.callers.identify(key_of(request))
        return replace(caller, limits=limits)

    mount(gateway.invoker, identify, lambda request: request[TRACE_ID], options).add_to(app)
    return app


def own_settings(provider_url: str, folder: str) -> Settings:
    """A quick gateway that keeps its ledger in a folder."""
    return settings(provider_url, gateway_database_url=f"sqlite:///{folder}/gateway.db")


@asynccontextmanager
async def run_before(
    provider_url: str, options: McpOptions = OPTIONS, limits: Limits | None = None
) -> AsyncIterator[McpStand]:
    """/mcp before whatever listens at `provider_url`."""
    with TemporaryDirectory() as folder:
        async with (
            open_gateway(own_settings(provider_url, folder)) as gateway,
            listening(with_mcp(gateway, options, limits)) as url,
        ):
            await have_accepted(gateway, DEMO_KEY)
            yield McpStand(gateway, url)


@asynccontextmanager
async def run_mcp(
    config: SimulatorConfig = QUICK, options: McpOptions = OPTIONS, limits: Limits | None = None
) -> AsyncIterator[SimulatedStand]:
    """/mcp before the simulator."""
    async with (
        Simulator(config).running() as sim,
        run_before(sim.url, options, limits) as stand,
    ):
        yield SimulatedStand(stand.gateway, stand.url, sim)


@asynccontextmanager
async def connected(
    url: str, mode: str, *, person: Person | None = None, key: str = DEMO_KEY
) -> AsyncIterator[Client]:
    """The SDK's client over Streamable HTTP, in one of the eras."""
    import httpx2

    async with httpx2.AsyncClient(headers={"X-API-Key": key}, timeout=60) as http:
        transport = streamable_http_client(url, http_client=http)
        callback = person.answer if person else None
        async with Client(transport, mode=mode, elicitation_callback=callback) as client:
            yield client


@asynccontextmanager
async def apart(opened: AbstractAsyncContextManager[T]) -> AsyncIterator[T]:
    """Opens and closes in one task of its own, as the SDK's client wants it; fixtures do not."""
    ready: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def hold() -> None:
        async with opened as inner:
            ready.set_result(inner)
            await over.wait()

    task = asyncio.create_task(hold())
    task.add_done_callback(lambda _: ready.done() or ready.cancel())
    try:
        yield await ready
    finally:
        over.set()
        await task


def text_of(result: CallToolResult) -> str:
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text


async def done(client: Client, tool: str, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What a tool answers; it must not fail, and must say the same twice."""
    result = await client.call_tool(tool, dict(given or {}))
    assert not result.is_error, text_of(result)
    assert json.loads(text_of(result)) == result.structured_content
    content: dict[str, Any] = result.structured_content
    return content


async def refused(client: Client, tool: str, given: Mapping[str, Any] | None = None) -> str:
    """The sentence of a tool that must fail."""
    result = await client.call_tool(tool, dict(given or {}))
    assert result.is_error, text_of(result)
    assert result.structured_content is None
    return text_of(result)


def bought(stand: SimulatedStand, key: str = DEMO_KEY) -> int:
    """How many numbers the provider has sold for one code."""
    return sum(rental.account == key for rental in stand.sim.books.rentals.values())
