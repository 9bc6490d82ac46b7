"""One operation, three descriptions, one answer: catalog, OpenAPI, tools; REST and MCP."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from aiohttp import ClientSession
from mcp import Client
from yarl import URL

from adapters.simulator import DEMO_KEY, NEVER, Fault, Rules, SampleText
from gateway.core.operations.catalog import BY_NAME, CATALOG, TOOLS
from gateway.core.operations.operation import AnyOperation
from gateway.http.documents.openapi import document
from mcp_server.tools.definitions import tool_spec
from mcp_server.tools.results import ERROR_META
from tests.mcp.support import MODERN, QUICK, Person, SimulatedStand, connected, run_mcp
from tests.support.parity import CODES, INPUTS, LONG, RENT, RENTAL, compared

ONLY_TOOLS = {"limit", "allow_duplicate"}
ONLY_RESULTS = {"hint", "left_out", "replayed", "code_text"}
TEXTS = (SampleText(0.0, "8888", "Your code is 012345"),)  # there at once, and none comes later
STILL = replace(QUICK, rules=Rules(code_after=NEVER, cancel_locked=0.0, sample_texts=TEXTS))

NOT_THERE = {"rental_id": 99, "long_rental_id": 99}
each = pytest.mark.parametrize("op", TOOLS, ids=lambda op: op.name)


@dataclass(frozen=True, slots=True)
class Faces:
    """Two ways to one gateway: each answers a value, or the code of an error."""

    stand: SimulatedStand
    session: ClientSession
    client: Client

    @property
    def both(self) -> tuple[Callable[[AnyOperation, dict[str, Any]], Awaitable[Any]], ...]:
        return self.by_rest, self.by_mcp

    async def by_mcp(self, op: AnyOperation, given: dict[str, Any]) -> Any:
        result = await self.client.call_tool(op.name, given)
        if result.is_error:
            assert result.meta is not None
            return result.meta[ERROR_META]["code"]
        content: dict[str, Any] = result.structured_content
        return {name: value for name, value in content.items() if name not in ONLY_RESULTS}

    async def by_rest(self, op: AnyOperation, given: dict[str, Any]) -> Any:
        path, inputs = op.rest.path, dict(given)
        for name in op.rest.path_fields:
            path = path.replace(f"{{{name}}}", str(inputs.pop(name)))
        reads = op.rest.method == "GET"
        query = {name: str(value).lower() for name, value in inputs.items()} if reads else {}
        async with self.session.request(
            op.rest.method,
            URL(self.stand.url + path).with_query(query),
            json=None if reads else inputs,
        ) as response:
            body = await response.json(content_type=None)
        return body if response.status < 400 else body["code"]

    async def filled(self, given: dict[str, Any]) -> dict[str, Any]:
        """The input with what was bought for it; every face gets its own."""
        rents: dict[str, tuple[str, dict[str, Any]]] = {
            RENTAL: ("rent_number", RENT),
            LONG: ("create_long_rental", {"period": "1w"}),
        }
        full = dict(given)
        for name, value in given.items():
            if value in (RENTAL, LONG):
                operation, inputs = rents[value]
                full[name] = (await self.by_rest(BY_NAME[operation], inputs))["id"]
        return full


@asynccontextmanager
async def opened() -> AsyncIterator[Faces]:
    async with (
        run_mcp(STILL) as stand,
        ClientSession(headers={"X-API-Key": DEMO_KEY}) as session,
        connected(stand.mcp, MODERN, person=Person()) as client,
    ):
        yield Faces(stand, session, client)


def test_the_three_descriptions_name_the_same_operations() -> None:
    listed = [
        operation["operationId"]
        for path in document(whole=True)["paths"].values()
        for operation in path.values()
        if "operationId" in operation
    ]

    assert [op.name for op in CATALOG if op.name in listed] == list(BY_NAME)
    assert {op.name for op in TOOLS} == set(INPUTS)
    assert set(BY_NAME) - set(INPUTS) == {op.name for op in CATALOG if not op.tool}


@each
def test_a_tool_takes_and_gives_what_the_operation_does(op: AnyOperation) -> None:
    definition = tool_spec(op).definition
    takes = set(definition["inputSchema"]["properties"])
    gives = set(definition["outputSchema"]["properties"])

    assert takes - ONLY_TOOLS == set(op.takes.model_fields) - ONLY_TOOLS
    assert gives - ONLY_RESULTS == set(op.gives.model_fields) - ({"next_cursor"} - gives)


@each
async def test_both_faces_answer_the_same(op: AnyOperation) -> None:
    async with opened() as faces:
        inputs = [await faces.filled(INPUTS[op.name]) for _ in faces.both]
        rest, mcp = [await face(op, given) for face, given in zip(faces.both, inputs, strict=True)]

    assert isinstance(rest, dict), rest
    assert compared(mcp) == compared(rest)


@each
async def test_both_faces_refuse_the_same(op: AnyOperation) -> None:
    unknown = {**INPUTS[op.name], **_not_there(op), "nothing_takes_this": 1}
    async with opened() as faces:
        codes = [await face(op, unknown) for face in faces.both]

    assert codes == ["invalid_request", "invalid_request"]


@pytest.mark.parametrize("op", [op for op in TOOLS if op.subject], ids=lambda op: op.name)
async def test_both_faces_miss_the_same(op: AnyOperation) -> None:
    absent = {**INPUTS[op.name], **_not_there(op)}
    async with opened() as faces:
        codes = [await face(op, absent) for face in faces.both]

    assert codes == [f"{op.kind}_not_found"] * 2


def _not_there(op: AnyOperation) -> dict[str, Any]:
    return {name: value for name, value in NOT_THERE.items() if name in op.takes.model_fields}


@pytest.mark.parametrize(
    ("name", "given", "fault", "code"), CODES, ids=[f"{name} {code}" for name, _, _, code in CODES]
)
async def test_both_faces_fail_the_same(
    name: str, given: dict[str, Any], fault: Fault | None, code: str
) -> None:
    async with opened() as faces:
        inputs = [await faces.filled(given) for _ in faces.both]
        if fault:
            faces.stand.sim.script(fault)
        codes = [
            await face(BY_NAME[name], given) for face, given in zip(faces.both, inputs, strict=True)
        ]

    assert codes == [code, code]
