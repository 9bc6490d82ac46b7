"""What came as a code reaches the agent: as a code where it is plain, else as its sender's text."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, cast

import pytest
from aiohttp import ClientSession

from adapters.simulator import DEMO_KEY, NEVER, Rules
from gateway.core.model.callers import Account, Caller
from gateway.core.model.errors import RentalNotFound
from gateway.core.operations.call import Call
from gateway.core.operations.operation import AnyOperation
from gateway.core.operations.rentals import CANCEL_RENTAL, RENT_NUMBER
from mcp_server.calls.hints import WaitHints
from mcp_server.options import McpOptions
from mcp_server.ports import OperationInvoker
from mcp_server.tools.sanitize import SENDERS_WORDS
from tests.mcp.support import ERAS, MODERN, QUICK, SimulatedStand, connected, done, run_mcp

RENT = {"service_code": "whatsapp", "max_price": 1}
LOG_IN = "Use 482913 to log in"
LINK = "Log in: https://example.com/4829"
DEFANGED = f"{SENDERS_WORDS}Log in: hxxps://example[.]com/4829"
SILENT = replace(QUICK, rules=Rules(code_after=NEVER, cancel_locked=0.0))


@pytest.fixture
async def stand() -> AsyncIterator[SimulatedStand]:
    async with run_mcp(SILENT) as stand:
        yield stand


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(
    ("came", "shown"),
    [
        ("048213", {"code": "048213"}),
        (LOG_IN, {"code": "482913", "code_text": SENDERS_WORDS + LOG_IN}),
        ("#7788", {"code": "7788", "code_text": f"{SENDERS_WORDS}#7788"}),
        ("\uff14\uff18\uff12\uff19", {"code": "4829"}),
        (LINK, {"code_text": DEFANGED}),
        ("1234 or 5678", {"code_text": f"{SENDERS_WORDS}1234 or 5678"}),
    ],
)
async def test_wherever_a_code_is_shown_it_is_plain_or_its_text_is_there(
    stand: SimulatedStand, era: str, came: str, shown: dict[str, str]
) -> None:
    async with (
        connected(stand.mcp, era) as client,
        ClientSession(headers={"X-API-Key": DEMO_KEY}) as session,
    ):
        named = {"rental_id": (await done(client, "rent_number", RENT))["id"]}
        stand.sim.receive_code(named["rental_id"], came)
        waited = await done(client, "wait_for_code", named)
        read = await done(client, "get_rental", named)
        (listed,) = (await done(client, "list_rentals"))["data"]
        resource = await client.read_resource(f"rental://{named['rental_id']}")
        completed = await done(client, "complete_rental", named)
        async with session.get(f"{stand.url}/v1/rentals/{named['rental_id']}") as response:
            by_rest = await response.json()

    told = json.loads(resource.contents[0].text)  # type: ignore[union-attr]
    (of_all,) = read["codes"]
    for each in (waited, read, listed, told, completed, of_all):
        assert {name: each[name] for name in ("code", "code_text") if name in each} == shown
    assert ("code_text" in waited.get("hint", "")) == ("code" not in shown)
    assert by_rest["code"] == by_rest["codes"][0]["code"] == came
    assert "code_text" not in by_rest


@pytest.mark.parametrize("came", [LOG_IN, "1234 or 482913"])
async def test_the_next_code_is_waited_for_by_what_an_agent_took_from_the_last(
    stand: SimulatedStand, came: str
) -> None:
    async with connected(stand.mcp, MODERN) as client:
        named: dict[str, Any] = {"rental_id": (await done(client, "rent_number", RENT))["id"]}
        stand.sim.receive_code(named["rental_id"], came)
        await done(client, "wait_for_code", named)
        named["after_code"] = "482913"
        nothing_new = await done(client, "wait_for_code", {**named, "wait_seconds": 0})
        waiting = asyncio.create_task(done(client, "wait_for_code", named))
        stand.sim.receive_code(named["rental_id"], "Use 771199 to log in")
        told = await waiting

    assert nothing_new["status"] == "pending"
    assert nothing_new["hint"].startswith("No further code yet: call wait_for_code again")
    assert "replace_rental" not in nothing_new["hint"]
    assert told["code"] == "771199"


async def test_who_gives_the_text_itself_waits_for_the_next(stand: SimulatedStand) -> None:
    async with connected(stand.mcp, MODERN) as client:
        named: dict[str, Any] = {"rental_id": (await done(client, "rent_number", RENT))["id"]}
        stand.sim.receive_code(named["rental_id"], LINK)
        named["after_code"] = (await done(client, "wait_for_code", named))["code_text"]
        nothing_new = await done(client, "wait_for_code", {**named, "wait_seconds": 0})

    assert named["after_code"] == DEFANGED
    assert nothing_new["status"] == "pending"


async def test_a_whole_sms_as_a_code_is_kept_to_its_end(stand: SimulatedStand) -> None:
    text = f"{'Welcome! ' * 20}Your code is 482913"
    async with connected(stand.mcp, MODERN) as client:
        named = {"rental_id": (await done(client, "rent_number", RENT))["id"]}
        stand.sim.receive_code(named["rental_id"], text)
        told = await done(client, "wait_for_code", named)

    assert told["code"] == "482913"
    assert told["code_text"] == SENDERS_WORDS + text


@pytest.mark.parametrize("era", ERAS)
async def test_a_silent_wait_says_what_another_number_costs_and_asks_nobody_for_it(
    stand: SimulatedStand, era: str
) -> None:
    async with connected(stand.mcp, era) as client:
        rental = await done(client, "rent_number", RENT)
        named = {"rental_id": rental["id"]}
        await done(client, "list_prices", {"limit": 1})
        await done(client, "wait_for_code", {**named, "wait_seconds": 1})
        told = await done(client, "wait_for_code", {**named, "wait_seconds": 0})

    hint = told["hint"]
    assert told["status"] == "pending"
    assert "call wait_for_code again" in hint
    assert f"replace_rental buys another number for {rental['price']} USD" in hint
    assert "this one is given back then" in hint
    assert f"It ends at {rental['ends_at']}." in hint


@pytest.mark.parametrize("listed", [True, False])
async def test_a_hint_costs_no_call_to_the_provider(
    stand: SimulatedStand, monkeypatch: pytest.MonkeyPatch, listed: bool
) -> None:
    cache = stand.gateway.core.services.price_cache
    async with connected(stand.mcp, MODERN) as client:
        rental = await done(client, "rent_number", RENT)
        asked = stand.sim.journal.calls["prices-info"]
        monkeypatch.setattr(cache, "_fresh", 0.0)
        if not listed:
            cache._lists.clear()
        told = await done(client, "wait_for_code", {"rental_id": rental["id"], "wait_seconds": 0})

    assert rental["price"] == "0.55"
    assert "replace_rental buys another number for 0.55 USD" in told["hint"]
    assert stand.sim.journal.calls["prices-info"] == asked


async def test_a_price_that_is_not_known_is_not_said() -> None:
    class Ignorant:
        async def invoke(self, op: AnyOperation, call: Call, given: Any) -> Any:
            raise RentalNotFound

    call = Call(Caller("a", Account("a", "sk_a")), "t")
    pending = {"rental_id": 1, "status": "pending"}
    hint = await WaitHints(cast(OperationInvoker, Ignorant())).of(call, pending, may_buy=True)

    assert hint is not None
    assert "replace_rental buys another number (list_prices has its price)" in hint
    assert "ends at" not in hint


async def test_a_replaced_rental_leads_to_its_replacement() -> None:
    locked = replace(SILENT, rules=Rules(code_after=NEVER, cancel_locked=60.0))
    async with run_mcp(locked) as stand, connected(stand.mcp, MODERN) as client:
        named = {"rental_id": (await done(client, "rent_number", RENT))["id"]}
        second = await done(client, "replace_rental", named)
        told = await done(client, "wait_for_code", {**named, "wait_seconds": 0})

    assert told["status"] == "pending"
    assert f"replaced by rental {second['id']}: wait for the code of that one" in told["hint"]


async def test_an_end_names_the_ways_to_another_number(stand: SimulatedStand) -> None:
    async with connected(stand.mcp, MODERN) as client:
        named = {"rental_id": (await done(client, "rent_number", RENT))["id"]}
        await done(client, "cancel_rental", named)
        told = await done(client, "wait_for_code", named)

    assert told["status"] == "ended"
    assert told["hint"].startswith("No code will come. rent_number rents another number")


async def test_who_may_only_read_is_told_of_nothing_to_buy() -> None:
    reader = McpOptions(read_only=True)
    async with run_mcp(SILENT, reader) as stand, connected(stand.mcp, MODERN) as client:
        call = Call(await stand.gateway.callers.identify(DEMO_KEY), "trace")
        rental = await stand.gateway.invoker.invoke(RENT_NUMBER, call, RENT)
        named = {"rental_id": rental.id}
        silent = await done(client, "wait_for_code", {**named, "wait_seconds": 0})
        await stand.gateway.invoker.invoke(CANCEL_RENTAL, call, named)
        ended = await done(client, "wait_for_code", named)

    assert silent["hint"].startswith("No code yet: call wait_for_code again")
    assert "replace_rental" not in silent["hint"]
    assert ended["status"] == "ended"
    assert "hint" not in ended
