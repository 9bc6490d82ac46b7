"""How many sessions a key, an address and all together may have open, and which make room."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession, web
from mcp.shared.exceptions import MCPError

from adapters.simulator import DEMO_KEY, AccountConfig, Rules, Simulator
from gateway.core.model.callers import Caller
from gateway.http.wire.auth import key_of
from gateway.http.wire.edge import TRACE_ID
from gateway.wiring import open_gateway
from mcp_server.options import McpOptions
from mcp_server.transport import http
from mcp_server.transport.http import McpAdmission
from mcp_server.transport.sessions import Sessions
from tests.mcp.support import LEGACY, MODERN, QUICK, connected, done
from tests.mcp.transport.test_http import HEADERS, INITIALIZE, LIST
from tests.support.gateway import listening, settings
from tests.support.waiting import until

KEYS = (DEMO_KEY, "sk_2", "sk_3")


@dataclass(frozen=True, slots=True)
class Visitors:
    """A gateway that counts addresses by a header, and who comes to it."""

    url: str
    session: ClientSession
    sessions: Sessions
    managers: list[Any]

    @property
    def held_by_the_sdk(self) -> int:
        """How many sessions the SDK holds."""
        (manager,) = self.managers
        assert len(manager._session_owners) == len(manager._server_instances)
        return len(manager._server_instances)

    async def ask(
        self, method: str = "POST", key: str = DEMO_KEY, body: Any = INITIALIZE, **headers: str
    ) -> ClientResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {**HEADERS, "X-API-Key": key, **named}
        data = None if body is None else json.dumps(body)
        async with self.session.request(method, self.url, data=data, headers=sent) as response:
            await response.read()
            return response

    def idle(self) -> bool:
        """Whether no call is under way."""
        return not any(each.calls for each in self.sessions._sessions.values())

    async def opened(self, key: str = DEMO_KEY) -> str:
        """The id of a session that was opened."""
        return str((await self.ask(key=key)).headers["Mcp-Session-Id"])

    async def listed(self, session_id: str, key: str = DEMO_KEY) -> int:
        """The status of a call in a session."""
        return (await self.ask(body=LIST, key=key, Mcp_Session_Id=session_id)).status

    @asynccontextmanager
    async def waiting(self, *session_ids: str) -> AsyncIterator[None]:
        """A call under way in each of some sessions."""
        given = {"service_code": "whatsapp", "max_price": 1, "allow_duplicate": True}
        call: Any = {"name": "rent_number", "arguments": given}
        told = (await self.called(session_ids[0], call))["result"]["structuredContent"]
        call = {"name": "wait_for_code", "arguments": {"rental_id": told["id"]}}
        calls = [asyncio.create_task(self.called(each, call)) for each in session_ids]
        await until(lambda: all(self.sessions._sessions[each].calls for each in session_ids))
        yield
        for each in calls:
            each.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    async def called(self, session_id: str, call: Any) -> Any:
        body = {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": call}
        answer = await self.ask(body=body, Mcp_Session_Id=session_id, Accept="application/json")
        return await answer.json()

    async def statuses(self, times: int, **more: str) -> list[int]:
        """Of so many openings, one after the other."""
        return [(await self.ask(**more)).status for _ in range(times)]


@asynccontextmanager
async def visitors(monkeypatch: pytest.MonkeyPatch, **options: Any) -> AsyncIterator[Visitors]:
    made: list[Sessions] = []
    managers: list[Any] = []
    make_manager = http._manager

    def noted(options: McpOptions) -> Sessions:
        made.append(Sessions(options))
        return made[-1]

    def noted_manager(server: Any, options: McpOptions) -> Any:
        managers.append(make_manager(server, options))
        return managers[-1]

    monkeypatch.setattr(http, "Sessions", noted)
    monkeypatch.setattr(http, "_manager", noted_manager)
    rules = Rules(code_after=3600.0, cancel_locked=0.0)
    config = replace(QUICK, rules=rules, accounts=tuple(AccountConfig(key) for key in KEYS))
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
            yield Visitors(f"{url}/mcp", session, made[0], managers)


async def test_a_key_has_only_so_many_sessions_and_another_has_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with visitors(monkeypatch, max_sessions_of_key=2) as who:
        busy = [await who.opened() for _ in range(2)]
        async with who.waiting(*busy), connected(who.url, MODERN) as client:
            refused = await who.ask()
            problem = await refused.json(content_type=None)
            theirs = await who.statuses(2, key="sk_2")
            balance = await done(client, "get_balance")  # of an era without sessions

    assert theirs == [200, 200]
    assert refused.status == 503
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
            opened = await who.opened()
            async with who.waiting(opened):
                full = await who.statuses(1)
                stranger = await who.ask("DELETE", key="sk_2", Mcp_Session_Id=opened)
                still_full = await who.statuses(1)
                ended = await who.ask("DELETE", Mcp_Session_Id=opened)

            assert (full, stranger.status, still_full, ended.status) == ([503], 404, [503], 200)


async def test_a_client_that_never_ends_its_sessions_loses_the_oldest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with visitors(monkeypatch) as who:
        others = await who.opened(key="sk_2")
        opened = [await who.opened() for _ in range(100)]
        held = who.held_by_the_sdk
        alive = [await who.listed(each) for each in opened]
        others_status = await who.listed(others, key="sk_2")

    assert held == 20 + 1
    assert alive == [404] * 80 + [200] * 20
    assert others_status == 200


async def test_a_stream_that_is_left_open_does_not_keep_a_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with visitors(monkeypatch) as who:
        streams = []
        for _ in range(40):
            headers = {**HEADERS, "Mcp-Session-Id": await who.opened()}
            streams.append(await who.session.get(who.url, headers=headers))
        held = who.held_by_the_sdk
        async with asyncio.timeout(60):
            ended = [await stream.content.read() for stream in streams[:20]]
        for stream in streams:
            stream.close()

    assert [stream.status for stream in streams] == [200] * 40
    assert held == 20
    assert b"data:" not in b"".join(ended)


async def test_the_session_that_was_idle_the_longest_makes_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with visitors(monkeypatch, max_sessions_of_key=3) as who:
        busy, used, unused = [await who.opened() for _ in range(3)]
        async with who.waiting(busy):
            await who.listed(used)
            newest = await who.opened()
            alive = [await who.listed(each) for each in (busy, used, unused, newest)]

    assert alive == [200, 200, 404, 200]


@pytest.mark.parametrize("body", [[], {}, LIST], ids=["no message", "no method", "no opening"])
async def test_what_opens_no_session_ends_none(monkeypatch: pytest.MonkeyPatch, body: Any) -> None:
    async with visitors(monkeypatch, max_sessions_of_key=1) as who:
        opened = await who.opened()
        failed = (await who.ask(body=body)).status
        still = await who.listed(opened)

    assert (failed, still) == (400, 200)


async def test_with_a_session_id_that_is_no_more_a_client_begins_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with visitors(monkeypatch) as who:
        for stale in ("no-such-session", await ended_session(who)):
            for method, body in (("POST", LIST), ("GET", None), ("DELETE", None)):
                refused = await who.ask(method, body=body, Mcp_Session_Id=stale)
                told = await refused.json()
                assert refused.status == 404
                assert told["id"] is None
                assert "Send initialize without Mcp-Session-Id" in told["error"]["message"]
            opened = await who.ask(Mcp_Session_Id=stale)
            assert opened.status == 200
            assert opened.headers["Mcp-Session-Id"] != stale
            assert await who.listed(opened.headers["Mcp-Session-Id"]) == 200


async def test_the_sdks_clients_open_as_many_as_they_like_and_the_oldest_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with visitors(monkeypatch) as who, AsyncExitStack() as opened:
        clients = []
        for _ in range(23):  # each keeps its stream open
            clients.append(await opened.enter_async_context(connected(who.url, LEGACY)))
            await done(clients[-1], "list_rentals")
        held = who.held_by_the_sdk
        for client in clients[:3]:
            with pytest.raises(MCPError, match="Send initialize without Mcp-Session-Id"):
                await client.list_tools()
        for client in clients[3:]:
            await done(client, "list_rentals")

    assert held == 20


async def test_nobody_joins_anothers_session(monkeypatch: pytest.MonkeyPatch) -> None:
    async with visitors(monkeypatch, max_sessions_of_key=1) as who:
        theirs = await who.opened(key="sk_2")
        opened = await who.ask(Mcp_Session_Id=theirs)
        ours = opened.headers["Mcp-Session-Id"]

        assert opened.status == 200
        assert ours != theirs
        assert await who.listed(theirs) == await who.listed(ours, key="sk_2") == 404
        assert await who.listed(theirs, key="sk_2") == await who.listed(ours) == 200


async def ended_session(who: Visitors) -> str:
    opened = await who.opened()
    await who.ask("DELETE", Mcp_Session_Id=opened)
    return opened


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
        await until(who.idle)
        held = who.held_by_the_sdk
        further = await who.statuses(1)
        others = await who.statuses(1, key="sk_3")

    assert held == 1 + 3
    assert further == others == [200]
    assert who.sessions._limit.open == held + 1


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
