"""Who may come to /mcp, by what name, and what they see there."""

import asyncio
import codecs
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession
from mcp.shared.exceptions import MCPError

from adapters.simulator import DEMO_KEY, AccountConfig, Simulator
from gateway.core.model.callers import Limits
from gateway.core.model.upstream_call import Effect
from gateway.core.operations.catalog import TOOLS
from gateway.wiring import open_gateway
from mcp_server.options import McpOptions
from tests.mcp.support import ERAS, QUICK, SimulatedStand, connected, done, refused, run_mcp
from tests.support.gateway import listening, settings

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
LIST = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
HEADERS = {
    "Accept": "application/json, text/event-stream",
    "Content-Type": "application/json",
    "X-API-Key": DEMO_KEY,
}


@pytest.fixture
async def stand() -> AsyncIterator[SimulatedStand]:
    async with run_mcp(replace(QUICK, accounts=(AccountConfig(), AccountConfig("sk_2")))) as stand:
        yield stand


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


async def post(
    session: ClientSession, stand: SimulatedStand, body: Any = INITIALIZE, **headers: str | None
) -> ClientResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {k: v for k, v in {**HEADERS, **named}.items() if v is not None}
    data = body if isinstance(body, bytes) else json.dumps(body)
    async with session.post(stand.mcp, data=data, headers=sent) as response:
        await response.read()
        return response


async def test_without_a_key_nobody_gets_to_the_protocol(
    session: ClientSession, stand: SimulatedStand
) -> None:
    for key in (None, "", "gtw_unknown"):
        response = await post(session, stand, X_API_Key=key)

        assert response.status == 401
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        assert (await response.json(content_type=None))["code"] == "unauthorized"


async def test_a_byte_order_mark_before_a_message_does_no_harm(
    session: ClientSession, stand: SimulatedStand
) -> None:
    marked = await post(session, stand, codecs.BOM_UTF8 + json.dumps(INITIALIZE).encode())

    assert marked.status == 200


async def test_a_slash_at_the_end_of_the_path_does_no_harm(
    session: ClientSession, stand: SimulatedStand
) -> None:
    async with session.post(f"{stand.mcp}/", json=INITIALIZE, headers=HEADERS) as opened:
        assert opened.status == 200
        assert b'"serverInfo"' in await opened.read()
    async with session.post(f"{stand.mcp}/", json=INITIALIZE) as stranger:
        assert stranger.status == 401


@pytest.mark.parametrize(
    "arguments",
    [
        b'{"service_code": "whatsapp", "max_price": 0.01, "max_price": 9}',
        b'{"service_code": "whatsapp", "max_price": 9}, "arguments": {"max_price": 9}',
    ],
    ids=["an argument", "the arguments"],
)
async def test_a_name_that_stands_twice_buys_nothing(
    session: ClientSession, stand: SimulatedStand, arguments: bytes
) -> None:
    body = (
        b'{"jsonrpc": "2.0", "id": 3, "method": "tools/call", '
        b'"params": {"name": "rent_number", "arguments": ' + arguments + b"}}"
    )
    response = await post(session, stand, body)
    told = await response.json(content_type=None)
    opened = await post(session, stand)

    assert (response.status, told["code"]) == (400, "invalid_request")
    assert "is given more than once" in told["detail"]
    assert stand.sim.journal.calls["rent-a-number"] == 0
    assert opened.status == 200


@pytest.mark.parametrize(
    "headers", [{}, {"X_API_Key": None, "Authorization": f"Bearer {DEMO_KEY}"}], ids=str
)
async def test_the_key_may_come_in_either_header(
    session: ClientSession, stand: SimulatedStand, headers: dict[str, str | None]
) -> None:
    response = await post(session, stand, **headers)

    assert response.status == 200
    assert response.headers["Content-Type"].startswith("text/event-stream")
    assert response.headers["X-Request-Id"]


async def test_a_session_belongs_to_the_key_that_opened_it(
    session: ClientSession, stand: SimulatedStand
) -> None:
    opened = (await post(session, stand)).headers["Mcp-Session-Id"]

    mine = await post(session, stand, LIST, Mcp_Session_Id=opened)
    somebody_elses = await post(session, stand, LIST, Mcp_Session_Id=opened, X_API_Key="sk_2")

    assert mine.status == 200
    assert somebody_elses.status == 404


async def test_a_sessions_stream_can_be_opened_again_after_a_hang_up(
    session: ClientSession, stand: SimulatedStand
) -> None:
    opened = (await post(session, stand)).headers["Mcp-Session-Id"]
    headers = {**HEADERS, "Mcp-Session-Id": opened}

    for _ in range(3):
        async with asyncio.timeout(60):
            while (stream := await session.get(stand.mcp, headers=headers)).status == 409:
                stream.close()  # the one before has not been noticed to be gone yet
        assert stream.status == 200
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        stream.close()


async def test_there_are_only_so_many_sessions(session: ClientSession) -> None:
    async with run_mcp(options=McpOptions(max_sessions=2)) as stand:
        statuses = [(await post(session, stand)).status for _ in range(3)]

    assert statuses == [200, 200, 503]


async def test_an_idle_session_ends(session: ClientSession) -> None:
    async with run_mcp(options=McpOptions(max_sessions=1, session_idle_seconds=0.05)) as stand:
        opened = (await post(session, stand)).headers["Mcp-Session-Id"]
        while (await post(session, stand)).status == 503:
            pass
        ended = await post(session, stand, LIST, Mcp_Session_Id=opened)

    assert ended.status == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example.com"}, 403),
        ({"Origin": "https://evil.example.com"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "localhost:1", "Origin": "http://localhost:5173"}, 200),
    ],
    ids=str,
)
async def test_strangers_names_are_refused(
    session: ClientSession, stand: SimulatedStand, headers: dict[str, str], status: int
) -> None:
    assert (await post(session, stand, **headers)).status == status


async def test_the_operators_names_are_ours(session: ClientSession) -> None:
    named = {"gateway_public_url": "https://codes.example.com/x", "gateway_allowed_hosts": ["sms"]}
    async with (
        Simulator(QUICK).running() as sim,
        open_gateway(settings(sim.url, **named)) as gateway,
        listening(gateway.app()) as url,
    ):
        stand = SimulatedStand(gateway, url, sim)
        ours = [await post(session, stand, Host=host) for host in ("codes.example.com", "SMS:80")]
        other = await post(session, stand, Host="example.com")

    assert [answer.status for answer in ours] == [200, 200]
    assert other.status == 403


async def test_the_name_that_a_trusted_proxy_tells_counts_and_no_other_s(
    session: ClientSession,
) -> None:
    found = []
    for proxies in (["127.0.0.0/8"], ["10.0.0.0/8"]):
        named = {"gateway_allowed_hosts": ["sms.example"], "gateway_trusted_proxies": proxies}
        async with (
            Simulator(QUICK).running() as sim,
            open_gateway(settings(sim.url, **named)) as gateway,
            listening(gateway.app()) as url,
        ):
            stand = SimulatedStand(gateway, url, sim)
            for host, told in (("upstream", "sms.example"), ("sms.example", "evil.example")):
                answer = await post(session, stand, Host=host, X_Forwarded_Host=told)
                found.append(answer.status)

    assert found == [200, 403, 403, 200]


async def test_names_as_containers_use_them_are_ours(session: ClientSession) -> None:
    named = ["host.docker.internal", "gateway:8080"]
    ours = ["host.docker.internal", "host.docker.internal:8080", "gateway:8080"]
    async with (
        Simulator(QUICK).running() as sim,
        open_gateway(settings(sim.url, gateway_allowed_hosts=named)) as gateway,
        listening(gateway.app()) as url,
    ):
        stand = SimulatedStand(gateway, url, sim)
        allowed = [await post(session, stand, Host=host) for host in ours]
        refused = [await post(session, stand, Host=host) for host in ("gateway:81", "docker")]
        told = [await answer.json(content_type=None) for answer in refused]

    assert [answer.status for answer in allowed] == [200, 200, 200]
    assert [answer.status for answer in refused] == [403, 403]
    assert all("GATEWAY_ALLOWED_HOSTS" in problem["detail"] for problem in told)


async def test_a_large_body_is_refused(session: ClientSession) -> None:
    async with run_mcp(options=McpOptions(max_body=1000)) as stand:
        with_length = await post(session, stand, b"x" * 1001)
        chunked = await session.post(
            stand.mcp, data=_pieces(), headers=HEADERS, chunked=True, compress=None
        )

    assert (with_length.status, chunked.status) == (413, 413)


async def _pieces() -> AsyncIterator[bytes]:
    for _ in range(20):
        yield b"x" * 100


async def test_a_compressed_body_is_refused(session: ClientSession, stand: SimulatedStand) -> None:
    assert (await post(session, stand, Content_Encoding="gzip")).status == 415


@pytest.mark.parametrize("method", ["PUT", "OPTIONS", "PATCH", "HEAD"])
async def test_other_methods_are_refused(
    session: ClientSession, stand: SimulatedStand, method: str
) -> None:
    async with session.request(method, stand.mcp, headers=HEADERS) as response:
        assert response.status == 405
        assert response.headers["Allow"] == "GET, POST, DELETE"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"jsonrpc": "2.0"}', b"\xff"])
async def test_what_is_no_call_is_answered_400(
    session: ClientSession, stand: SimulatedStand, body: bytes
) -> None:
    assert (await post(session, stand, body)).status == 400


async def test_there_is_no_authorization_server_to_be_found(
    session: ClientSession, stand: SimulatedStand
) -> None:
    for path in ("oauth-protected-resource", "oauth-authorization-server"):
        async with session.get(f"{stand.url}/.well-known/{path}") as response:
            assert response.status == 404


@pytest.mark.parametrize("era", ERAS)
async def test_a_reading_key_reads_and_nothing_else(era: str) -> None:
    reading = [op.name for op in TOOLS if op.effect is Effect.READ]
    async with (
        run_mcp(limits=Limits(read_only=True)) as stand,
        connected(stand.mcp, era) as client,
    ):
        seen = [tool.name for tool in (await client.list_tools()).tools]
        await done(client, "get_balance")
        sentence = await refused(
            client, "rent_number", {"service_code": "whatsapp", "max_price": 1}
        )
        with pytest.raises(MCPError, match="Unknown tool"):
            await client.call_tool("buy_everything")

    assert seen == reading
    assert sentence.startswith("forbidden: ")
