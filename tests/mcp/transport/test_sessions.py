"""How many sessions a key, an address and all together may have open."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession, web

from adapters.simulator import DEMO_KEY, AccountConfig, Simulator
from gateway.core.model.callers import Caller
from gateway.http.wire.auth import key_of
from gateway.http.wire.edge import TRACE_ID
from gateway.wiring import open_gateway
from mcp_server.options import McpOptions
from mcp_server.transport import http
from mcp_server.transport.http import McpAdmission
from mcp_server.transport.sessions import Sessions
from tests.mcp.support import MODERN, QUICK, connected, done
from tests.mcp.transport.test_http import HEADERS, INITIALIZE
from tests.support.gateway import listening, settings
from tests.support.waiting import until

KEYS = (DEMO_KEY, "sk_2", "sk_3")


@dataclass(frozen=True, slots=True)
class Visitors:
    """A gateway that counts addresses by a header, and who comes to it."""

    url: str
    session: ClientSession
    sessions: Sessions

    async def ask(
        self, method: str = "POST", key: str = DEMO_KEY, body: Any = INITIALIZE, **headers: str
    ) -> ClientResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {**HEADERS, "X-API-Key": key, **named}
        data = json.dumps(body)
        async with self.session.request(method, self.url, data=data, headers=sent) as response:
            await response.read()
            return response

    async def statuses(self, times: int, **more: str) -> list[int]:
        """Of so many openings, one after the other."""
        return [(await self.ask(**more)).status for _ in range(times)]


@asynccontextmanager
async def visitors(monkeypatch: pytest.MonkeyPatch, **options: Any) -> AsyncIterator[Visitors]:
    made: list[Sessions] = []

    def noted(options: McpOptions) -> Sessions:
        made.append(Sessions(options))
        return made[-1]

    monkeypatch.setattr(http, "Sessions", noted)
    config = replace(QUICK, accounts=tuple(AccountConfig(key) for key in KEYS))
    async with (
        Simulator(config).running() as sim,
        open_gateway(settings(sim.url)) as gateway,
        ClientSession() as session,
    ):

        async def identify(request: web.Request) -> Caller:
            return await gateway.callers.identify(key_of(request))

        app = gateway.app(with_mcp=False)
        admission = McpAdmission(address=lambda request: request.headers.get("X-Address"))
        http.mount(
            gateway.invoker,
            identify,
            lambda request: request[TRACE_ID],
            McpOptions(**options),
            admission,
        ).add_to(app)
        async with listening(app) as url:
            yield Visitors(f"{url}/mcp", session, made[0])


async def test_a_key_has_only_so_many_sessions_and_another_has_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with visitors(monkeypatch, max_sessions_of_key=2) as who:
        ours = await who.statuses(3)
        refused = await who.ask()
        problem = await refused.json(content_type=None)
        theirs = await who.statuses(3, key="sk_2")
        async with connected(who.url, MODERN) as client:  # an era without sessions
            balance = await done(client, "get_balance")

    assert ours == theirs == [200, 200, 503]
    assert (problem["code"], problem["retryable"]) == ("gateway_busy", True)
    assert "This key has 2 MCP sessions open" in problem["detail"]
    assert refused.headers["Retry-After"] == "5"
    assert balance["balance"]


async def test_an_address_has_only_so_many_whatever_keys_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with visitors(monkeypatch, max_sessions_of_address=2) as who:
        here = [(await who.ask(key=key, X_Address="192.0.2.7")).status for key in KEYS]
        elsewhere = await who.statuses(1, X_Address="192.0.2.8")
        local = await who.statuses(3)

    assert here == [200, 200, 503]
    assert elsewhere == [200]
    assert local == [200, 200, 200]


async def test_a_session_that_ended_gives_its_place_back(monkeypatch: pytest.MonkeyPatch) -> None:
    async with visitors(monkeypatch, max_sessions_of_key=1) as who:
        for _ in range(3):
            opened = (await who.ask()).headers["Mcp-Session-Id"]
            full = await who.statuses(1)
            stranger = await who.ask("DELETE", key="sk_2", Mcp_Session_Id=opened)
            still_full = await who.statuses(1)
            ended = await who.ask("DELETE", Mcp_Session_Id=opened)

            assert (full, stranger.status, still_full, ended.status) == ([503], 404, [503], 200)


async def test_what_opens_no_session_takes_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    async with visitors(monkeypatch, max_sessions_of_key=1) as who:
        bodies: list[Any] = [[], {"method": "x"}, {}] * 3
        failed = [(await who.ask(body=body)).status for body in bodies]
        listed = (await who.ask("GET")).status
        opened = await who.statuses(1)

    assert all(status >= 400 for status in failed)
    assert listed >= 400
    assert opened == [200]


async def test_who_hangs_up_at_the_opening_has_a_session_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with visitors(monkeypatch, max_sessions_of_key=3) as who:
        await who.ask(key="sk_2")  # what comes first loads the library
        for number in range(3):
            await hang_up(who.url, expected=number + 2, sessions=who.sessions)
        refused = await who.statuses(1)
        others = await who.statuses(1, key="sk_3")

    assert refused == [503]
    assert others == [200]


async def hang_up(url: str, expected: int, sessions: Sessions) -> None:
    """Open a session, and be gone as soon as it counts."""
    port = int(url.rpartition(":")[2].removesuffix("/mcp"))
    body = json.dumps(INITIALIZE)
    head = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}Content-Length: {len(body)}\r\n\r\n"
        f"{body}".encode()
    )
    await until(lambda: sessions._limit.open == expected)
    writer.transport.abort()
    writer.close()
