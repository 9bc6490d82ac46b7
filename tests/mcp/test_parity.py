"""One operation, three descriptions, one answer: catalog, OpenAPI, tools; REST and MCP."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from mcp import Client

from adapters.simulator import DEMO_KEY
from gateway.core.catalog import BY_NAME, CATALOG
from gateway.core.errors import GatewayError
from gateway.core.invoke import Call
from gateway.core.operation import AnyOperation
from gateway.http.openapi import document
from mcp_server.remote import RemoteInvoker, open_remote
from mcp_server.results import ERROR_META
from mcp_server.tools import tool_spec
from tests.mcp.support import (
    MODERN,
    Person,
    SimulatedStand,
    apart,
    connected,
    run_mcp,
)
from tests.support.gateway import listening

ONLY_TOOLS = {"limit", "allow_duplicate"}
ONLY_RESULTS = {"hint", "left_out"}
MOVING = {"balance", "ledger_id", "id", "number", "created_at", "ends_at", "fetched_at"}
MOVING |= {"spent_today", "spent_total", "code", "received_at", "rented_on", "ends_on"}
RENT = {"service_code": "whatsapp", "max_price": 1}
# A call that works, or one that is refused where no two calls can both work.
INPUTS: dict[str, dict[str, Any]] = {
    "list_prices": {"limit": 3},
    "get_balance": {},
    "rent_number": RENT,
    "list_rentals": {"limit": 2},
    "get_rental": {"rental_id": 0},
    "wait_for_code": {"rental_id": 0, "wait_seconds": 0},
    "cancel_rental": {"rental_id": 99},
    "complete_rental": {"rental_id": 99},
    "rent_again": {"rental_id": 99},
    "list_long_rentals": {},
    "create_long_rental": {"period": "1m"},
    "renew_long_rental": {"long_rental_id": 99},
    "cancel_long_rental": {"long_rental_id": 99},
    "set_auto_renew": {"long_rental_id": 0, "auto_renew": True},
    "list_messages": {"long_rental_id": 0},
}
WRONG: dict[str, Any] = {"nothing_takes_this": 1}

each = pytest.mark.parametrize("op", CATALOG, ids=lambda op: op.name)


@pytest.fixture
async def stand() -> AsyncIterator[SimulatedStand]:
    async with run_mcp() as stand:
        yield stand


@pytest.fixture
async def remote(stand: SimulatedStand) -> AsyncIterator[RemoteInvoker]:
    async with open_remote(stand.url, DEMO_KEY) as remote:
        yield remote


@pytest.fixture
async def client(stand: SimulatedStand) -> AsyncIterator[Client]:
    async with apart(connected(stand.mcp, MODERN, person=Person())) as client:
        yield client


@pytest.fixture
async def owned(remote: RemoteInvoker) -> dict[str, int]:
    """A rental and a long rental to ask about."""
    call = Call(remote.caller, "t")
    rental = await remote.invoke(BY_NAME["rent_number"], call, RENT)
    long = await remote.invoke(BY_NAME["create_long_rental"], call, {"period": "1w"})
    return {"rental_id": rental.id, "long_rental_id": long.id}


def test_the_three_descriptions_name_the_same_operations() -> None:
    listed = [
        operation["operationId"]
        for path in document()["paths"].values()
        for operation in path.values()
        if "operationId" in operation
    ]

    assert set(INPUTS) == set(BY_NAME)
    assert set(BY_NAME) <= set(listed)


@each
def test_a_tool_takes_and_gives_what_the_operation_does(op: AnyOperation) -> None:
    definition = tool_spec(op).definition
    takes = set(definition["inputSchema"]["properties"])
    gives = set(definition["outputSchema"]["properties"])

    assert takes - ONLY_TOOLS == set(op.takes.model_fields) - ONLY_TOOLS
    assert gives - ONLY_RESULTS == set(op.gives.model_fields) - ({"next_cursor"} - gives)


@each
async def test_both_faces_answer_the_same(
    op: AnyOperation, remote: RemoteInvoker, client: Client, owned: dict[str, int]
) -> None:
    given = {
        name: owned.get(name) if value == 0 and name in owned else value
        for name, value in INPUTS[op.name].items()
    }

    assert await by_mcp(client, op, given) == await by_rest(remote, op, given)


@each
async def test_both_faces_refuse_the_same(
    op: AnyOperation, remote: RemoteInvoker, client: Client
) -> None:
    given = {**INPUTS[op.name], **WRONG}

    assert await by_mcp(client, op, given) == "invalid_request"
    assert await by_rest(remote, op, given) == "invalid_request"


async def by_mcp(client: Client, op: AnyOperation, given: dict[str, Any]) -> Any:
    result = await client.call_tool(op.name, given)
    if result.is_error:
        assert result.meta is not None
        return result.meta[ERROR_META]["code"]
    content = result.structured_content
    return compared({name: value for name, value in content.items() if name not in ONLY_RESULTS})


async def by_rest(remote: RemoteInvoker, op: AnyOperation, given: dict[str, Any]) -> Any:
    try:
        value = await remote.invoke(op, Call(remote.caller, "t"), given)
    except GatewayError as error:
        return error.code
    return compared(json.loads(value.model_dump_json(exclude_none=True)))


def compared(value: Any) -> Any:
    """Without what two calls of one operation cannot have in common, and in one order."""
    if isinstance(value, dict):
        return {name: compared(each) for name, each in value.items() if name not in MOVING}
    if isinstance(value, list):
        return sorted((compared(each) for each in value), key=str)
    return value


async def test_the_address_of_a_gateway_may_end_with_a_slash(stand: SimulatedStand) -> None:
    async with open_remote(stand.url + "/", DEMO_KEY) as remote:
        page = await remote.invoke(BY_NAME["list_prices"], Call(remote.caller, "t"), {"limit": 1})

    assert len(page.data) == 1


async def test_a_gateway_that_is_not_there_is_named_so() -> None:
    async with open_remote("http://127.0.0.1:1", DEMO_KEY) as remote:
        for name in ("get_balance", "rent_number"):
            with pytest.raises(GatewayError, match="cannot be reached") as caught:
                await remote.invoke(BY_NAME[name], Call(remote.caller, "t"), INPUTS[name])
            assert caught.value.charged == "no"


async def test_a_purchase_whose_answer_is_lost_can_be_asked_for_again() -> None:
    async def drop(reader: Any, writer: Any) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(drop, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, open_remote(f"http://127.0.0.1:{port}", DEMO_KEY) as remote:
        with pytest.raises(GatewayError) as caught:
            await remote.invoke(BY_NAME["rent_number"], Call(remote.caller, "t"), RENT)

    assert caught.value.code == "outcome_unknown"
    assert "Repeat the call with request_id mcp-" in caught.value.detail


async def test_unreadable_answers_of_a_gateway_are_told_as_such() -> None:
    async def page(request: web.Request) -> web.Response:
        return web.Response(status=200, text="<html>")

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", page)
    async with listening(app) as url, open_remote(url, DEMO_KEY) as remote:
        call = Call(remote.caller, "t")
        codes = {"list_prices": "upstream_bad_response", "rent_number": "outcome_unknown"}
        for name, code in codes.items():
            with pytest.raises(GatewayError) as caught:
                await remote.invoke(BY_NAME[name], call, INPUTS[name])
            assert caught.value.code == code
