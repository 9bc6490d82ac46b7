"""The whole flow by the SDK's own client: both eras, over HTTP and standard input and output."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from adapters.simulator import DEMO_KEY, NEVER, Simulator
from gateway.wiring import open_gateway
from mcp_server.calls import waiting
from tests.mcp.support import (
    ERAS,
    QUICK,
    Person,
    SimulatedStand,
    connected,
    done,
    own_settings,
    refused,
    run_mcp,
)
from tests.support.gateway import listening

ROOT = Path(__file__).absolute().parents[2]
SLOW = replace(QUICK, rules=replace(QUICK.rules, code_after=NEVER))
PROGRESS_SECONDS = 0.2
WAYS = ("http", "stdio", "stdio before a gateway")
DEAR = {"service_code": "telegram", "max_price": 9.5}


@pytest.fixture
async def stand() -> AsyncIterator[SimulatedStand]:
    async with run_mcp(SLOW) as stand:
        yield stand


@asynccontextmanager
async def joined(
    stand: SimulatedStand, way: str, era: str, person: Person
) -> AsyncIterator[Client]:
    if way == "http":
        async with connected(stand.mcp, era, person=person) as client:
            yield client
        return
    args: dict[str, Any] = {
        "provider_url": stand.sim.url,
        "key": DEMO_KEY,
        "progress_seconds": PROGRESS_SECONDS,
    }
    if way == "stdio before a gateway":
        args["gateway_url"] = stand.url
    program = StdioServerParameters(
        command=sys.executable,
        args=["-m", "tests.mcp.stdio_program", json.dumps(args)],
        cwd=ROOT,
    )
    async with Client(program, mode=era, elicitation_callback=person.answer) as client:
        yield client


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("way", WAYS)
async def test_an_agent_rents_a_number_and_reads_its_code(
    stand: SimulatedStand, way: str, era: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "PROGRESS_SECONDS", PROGRESS_SECONDS)
    person = Person()
    heard: list[str | None] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append(message)
        if len(heard) == 2:
            stand.sim.receive_code(rental["id"], "482913")

    async with joined(stand, way, era, person) as client:
        (price,) = (await done(client, "list_prices", {"service_code": "telegram"}))["data"]
        above = await refused(client, "rent_number", {**DEAR, "max_price": 0.01})
        rental = await done(client, "rent_number", DEAR)
        waited = await client.call_tool(
            "wait_for_code", {"rental_id": rental["id"]}, progress_callback=hear
        )
        ended = await done(client, "complete_rental", {"rental_id": rental["id"]})
        late = await refused(client, "cancel_rental", {"rental_id": rental["id"]})

    assert above.startswith("price_too_high: telegram costs " + price["price"])
    assert rental["price"] == price["price"]
    assert len(person.asked) == (float(price["price"]) > 1)
    assert len(heard) >= 2
    assert "No code yet" in (heard[0] or "")
    assert waited.structured_content["code"].isdigit()
    assert ended["status"] == "completed"
    assert "No money moved." in late
    assert late.split(":")[0] in ("rental_ended", "code_already_received")


@pytest.mark.parametrize(
    ("tool", "end"), [("cancel_rental", "cancelled"), ("complete_rental", "completed")]
)
async def test_a_change_is_repeated(tool: str, end: str, stand: SimulatedStand) -> None:
    async with joined(stand, "http", ERAS[0], Person()) as client:
        rented = await done(client, "rent_number", DEAR)
        answers = [await done(client, tool, {"rental_id": rented["id"]}) for _ in range(2)]

    assert [each["status"] for each in answers] == [end, end]


@pytest.mark.parametrize("way", ["command", "serve"])
async def test_the_gateway_itself_is_wired_so(tmp_path: Path, way: str) -> None:
    person = Person(thinks=1.0)
    joining: AbstractAsyncContextManager[Client]
    async with Simulator(QUICK).running() as simulator, AsyncExitStack() as opened:
        if way == "serve":
            settings = own_settings(simulator.url, str(tmp_path))
            gateway = await opened.enter_async_context(open_gateway(settings))
            url = await opened.enter_async_context(listening(gateway.app()))
            joining = connected(f"{url}/mcp", "auto", person=person)
        else:
            program = StdioServerParameters(
                command=sys.executable,
                args=["-m", "gateway", "mcp", "--toolsets", "rentals,account"],
                cwd=ROOT,
                env={
                    "GETATEXT_BASE_URL": simulator.url,
                    "GETATEXT_API_KEY": DEMO_KEY,
                    "GATEWAY_DATABASE_URL": f"sqlite:///{tmp_path}/gateway.db",
                },
            )
            joining = Client(program, mode="auto", elicitation_callback=person.answer)
        client = await opened.enter_async_context(joining)
        names = [tool.name for tool in (await client.list_tools()).tools]
        await done(client, "rent_number", DEAR)
        instructions = client.instructions or ""

    assert ("create_long_rental" in names) == (way == "serve")
    assert instructions.startswith("Rent US phone numbers")
