"""A new operation is a good tool before anybody has written an adjustment for it."""

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from mcp_types import CallToolRequestParams

from gateway.core.model.callers import Account, Caller
from gateway.core.model.rentals import Rental, Rentals, RentalStatus
from gateway.core.model.upstream_call import Effect
from gateway.core.operations.call import Call
from gateway.core.operations.catalog import BY_NAME, TOOLS
from gateway.core.operations.operation import AnyOperation
from mcp_server.calls.runner import ToolRunner
from mcp_server.options import McpOptions
from mcp_server.ports import OperationInvoker
from mcp_server.tools.adjustments import ADJUSTMENTS, adjustment_of
from mcp_server.tools.definitions import Json, Tools, tool_spec

RENTAL = Rental(id=1, status=RentalStatus.ACTIVE, service_code="mail")
LEGACY_CLIENT = SimpleNamespace(session=SimpleNamespace(client_capabilities=None))


def new(like: str) -> AnyOperation:
    """An operation without an adjustment, with the input and result of another."""
    return replace(BY_NAME[like], name=f"new_{like}")


class Gateway:
    """Answers every operation with what is given; writes down with which inputs."""

    def __init__(self, *values: Any) -> None:
        self.values = list(values)
        self.given: list[Mapping[str, Any]] = []

    async def invoke(self, op: AnyOperation, call: Call, given: Mapping[str, Any]) -> Any:
        self.given.append(given)
        return self.values.pop(0)

    async def repeated(self, *call: Any) -> None:
        return None

    async def answer(self, *call: Any) -> Any:
        raise AssertionError("nothing may be bought")


async def run(op: AnyOperation, gateway: Gateway, given: Json) -> Json:
    options = McpOptions()
    runner = ToolRunner(cast(OperationInvoker, gateway), Tools([op], options), options)
    params = CallToolRequestParams(name=op.name, arguments=given)
    call = Call(Caller("a", Account("a", "sk_a")), "t")
    return cast(Json, await runner.run(cast(Any, LEGACY_CLIENT), params, call))


def test_adjustments_are_of_operations_that_exist() -> None:
    assert set(ADJUSTMENTS) <= {op.name for op in TOOLS}


@pytest.mark.parametrize("op", TOOLS, ids=lambda op: op.name)
def test_every_new_tool_has_guidance_and_the_inputs_of_its_kind(op: AnyOperation) -> None:
    there, fresh = tool_spec(op), tool_spec(new(op.name))

    assert len(fresh.adjustment.guidance) > 20
    assert fresh.adjustment.guidance in fresh.definition["description"]
    only_there = {"hint"} if there.adjustment.wait else set[str]()
    for name in ("inputSchema", "outputSchema"):
        assert (
            set(fresh.definition[name]["properties"])
            == set(there.definition[name]["properties"]) - only_there
        )


async def test_a_new_list_comes_in_short_pages() -> None:
    op = new("list_rentals")
    rentals = Gateway(Rentals(data=[RENTAL] * 20, next_cursor="next"), Rentals(data=[RENTAL] * 7))
    result = await run(op, rentals, {})

    limit = tool_spec(op).definition["inputSchema"]["properties"]["limit"]
    assert limit["description"] == "How many rentals at the most; default 20."
    assert rentals.given[0] == {"limit": 20}
    assert result["structuredContent"]["left_out"] == 7


async def test_a_new_list_without_pages_is_cut_to_one() -> None:
    op = new("list_messages")
    messages = Gateway(op.gives(data=[]))
    result = await run(op, messages, {"long_rental_id": 1, "limit": 5})

    assert adjustment_of(op).page is not None
    assert messages.given == [{"long_rental_id": 1}]
    assert result["structuredContent"] == {"data": []}


async def test_a_new_read_answers_the_whole_value() -> None:
    op = new("get_rental")
    result = await run(op, Gateway(RENTAL), {"rental_id": 1})

    assert adjustment_of(op).page is None
    assert result["structuredContent"]["id"] == 1
    assert tool_spec(op).definition["annotations"]["readOnlyHint"] is True


@pytest.mark.parametrize(
    ("like", "given"),
    [
        ("create_long_rental", {"period": "1w"}),
        ("rent_again", {"rental_id": 1}),
        ("rent_number", {"service_code": "mail"}),
        ("rent_number", {"service_code": "mail", "max_price": 9}),
    ],
    ids=str,
)
async def test_a_new_purchase_needs_a_person(like: str, given: Json) -> None:
    op = new(like)
    result = await run(op, Gateway(), given)

    assert op.effect is Effect.SPEND
    assert result["content"][0]["text"].startswith("confirmation_required: ")
