"""An agent with somebody's money: caps, questions, repeated calls, hang-ups."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, ElicitResult, InputRequiredResult

from adapters.simulator import AccountConfig, Fault, FaultKind, Service
from gateway.core.model.callers import Account, Caller, Limits
from gateway.core.model.prices import Price, PricePage
from gateway.core.model.rentals import RentAgain, Rental, RentalStatus
from gateway.core.operations.call import Call
from gateway.core.operations.catalog import BY_NAME
from gateway.core.operations.operation import AnyOperation
from gateway.core.prices import cache
from mcp_server.calls.quotes import Estimator
from mcp_server.options import McpOptions
from mcp_server.tools import results
from tests.mcp.support import (
    ERAS,
    MODERN,
    QUICK,
    Person,
    SimulatedStand,
    apart,
    bought,
    connected,
    done,
    refused,
    run_mcp,
    text_of,
)

MARKET = replace(
    QUICK,
    catalogue_size=0,
    services=(
        Service("Cheap Mail", "cheapmail", Decimal("0.30"), 10, 5),
        Service("Mail Two", "mailtwo", Decimal("0.80"), 10, 5),
        Service("Mail Plus", "mailplus", Decimal("1.20"), 10, 5),
        Service("Mail", "mail", Decimal("1.50"), 10, 5),
    ),
)
PASSER_BY = Caller("a", Account("a", "sk_a"))
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
CHEAP = {"service_code": "cheapmail", "max_price": 0.5}
DEAR = {"service_code": "mail", "max_price": "2.00"}


@pytest.fixture
async def stand() -> AsyncIterator[SimulatedStand]:
    async with run_mcp(MARKET) as stand:
        yield stand


@pytest.fixture(params=ERAS)
async def client(stand: SimulatedStand, request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    async with apart(connected(stand.mcp, request.param)) as client:
        yield client


async def test_a_cap_must_be_given(client: Client, stand: SimulatedStand) -> None:
    sentence = await refused(client, "rent_number", {"service_code": "cheapmail"})

    assert sentence == (
        "invalid_request: max_price: is required. Nothing was charged. Correct it and call again."
    )
    assert bought(stand) == 0


async def test_a_cheaper_choice_is_one_that_the_key_may_rent() -> None:
    limits = Limits(services=frozenset({"mail", "mailtwo"}))
    async with run_mcp(MARKET, limits=limits) as stand, connected(stand.mcp, MODERN) as client:
        sentence = await refused(client, "rent_number", {"service_code": "mail", "max_price": 0.9})

    assert "Cheaper services with such a name: mailtwo at 0.80. " in sentence


async def test_above_the_cap_it_names_the_price_and_cheaper_choices(
    client: Client, stand: SimulatedStand
) -> None:
    sentence = await refused(client, "rent_number", {"service_code": "mail", "max_price": 0.9})

    assert sentence == (
        "price_too_high: mail costs 1.50 USD now, above max_price 0.90. Nothing was charged. "
        "Cheaper services with such a name: cheapmail at 0.30, mailtwo at 0.80. "
        "Raise max_price only if the user agrees."
    )
    assert bought(stand) == 0


async def test_a_price_that_rose_unseen_is_told_with_the_one_that_is_needed(
    client: Client, stand: SimulatedStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "_PATIENCE", 60.0)
    await done(client, "list_prices")
    stand.sim.change(services={"cheapmail": {"price": "0.90"}})
    result = await client.call_tool("rent_number", {**CHEAP, "carrier": "tmobile"})
    above = await client.call_tool("rent_number", {**CHEAP, "max_price": 0.8})
    (row,) = (await done(client, "list_prices", {"service_code": "cheapmail"}))["data"]

    assert text_of(result).startswith(
        "price_too_high: The price is above max_price: it takes 1.08 USD now. Nothing was charged."
    )
    assert text_of(above).startswith("price_too_high: cheapmail costs 0.90 USD now, above")
    needed = [(each.meta or {})[results.ERROR_META]["price_needed"] for each in (result, above)]
    assert needed == ["1.08", "0.90"]
    assert row["price"] == "0.90"
    assert bought(stand) == 0


@pytest.mark.parametrize(
    ("wish", "refusal"),
    [
        ({"number": "2125550123", "carrier": "tmobile"}, "number: cannot be had with carrier"),
        ({"number": "2125550123", "area_codes": "212"}, "number: cannot be had with area_codes"),
        ({"keep_carrier": True}, "keep_carrier: needs a carrier"),
        ({"lock_area_code": True}, "lock_area_code: needs area codes"),
    ],
)
async def test_a_wish_that_would_be_dropped_buys_nothing(
    client: Client, stand: SimulatedStand, wish: dict[str, Any], refusal: str
) -> None:
    assert refusal in await refused(client, "rent_number", {**CHEAP, **wish})
    assert bought(stand) == 0


async def test_the_same_call_again_would_buy_twice(client: Client, stand: SimulatedStand) -> None:
    first = await done(client, "rent_number", CHEAP)
    sentence = await refused(client, "rent_number", {**CHEAP, "max_price": "0.50"})
    on_purpose = await done(client, "rent_number", {**CHEAP, "allow_duplicate": True})

    assert sentence.startswith("duplicate_purchase: ")
    assert "a second, was not sent. Nothing was charged for it." in sentence
    assert on_purpose["id"] != first["id"]
    assert bought(stand) == 2


async def test_calls_at_the_same_time_buy_once(client: Client, stand: SimulatedStand) -> None:
    stand.sim.script(Fault("rent-a-number", FaultKind.SLOW, seconds=0.3))
    results = await asyncio.gather(*(client.call_tool("rent_number", CHEAP) for _ in range(3)))

    assert sorted(result.is_error for result in results) == [False, True, True]
    assert bought(stand) == 1


async def test_a_refused_purchase_may_be_tried_again_at_once(
    client: Client, stand: SimulatedStand
) -> None:
    stand.sim.script(
        Fault("rent-a-number", FaultKind.STATUS, status=400, body='{"errors": "out of stock"}')
    )

    assert (await refused(client, "rent_number", CHEAP)).startswith("out_of_stock: ")
    assert await done(client, "rent_number", CHEAP)


async def test_after_a_lost_answer_it_is_not_bought_again(
    client: Client, stand: SimulatedStand
) -> None:
    stand.sim.script(Fault("rent-a-number", FaultKind.DROP_AFTER))
    lost = await refused(client, "rent_number", CHEAP)
    again = await refused(client, "rent_number", CHEAP)

    assert lost.startswith("outcome_unknown: ")
    assert "It is not known whether money was charged." in lost
    assert again.startswith("duplicate_purchase: ")
    assert bought(stand) == 1


@pytest.mark.parametrize("era", ERAS)
async def test_a_dear_purchase_is_confirmed_by_a_person(stand: SimulatedStand, era: str) -> None:
    person = Person()
    async with connected(stand.mcp, era, person=person) as client:
        rental = await done(client, "rent_number", DEAR)

    assert person.asked == [
        "Rent a US number for Mail? It costs 1.50 USD, at most 2.00 USD, charged at once."
    ]
    assert rental["price"] == "1.50"
    assert bought(stand) == 1


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("person", [Person(agrees=False), Person(action="decline")], ids=str)
async def test_without_a_yes_nothing_is_bought(
    stand: SimulatedStand, era: str, person: Person
) -> None:
    async with connected(stand.mcp, era, person=person) as client:
        sentence = await refused(client, "rent_number", DEAR)

    assert sentence.startswith("not_confirmed: ")
    assert bought(stand) == 0


async def test_a_cheap_purchase_asks_nobody(stand: SimulatedStand) -> None:
    person = Person(agrees=False)
    async with connected(stand.mcp, MODERN, person=person) as client:
        await done(client, "rent_number", {**CHEAP, "max_price": 50})

    assert person.asked == []


async def test_what_nobody_confirmed_never_costs_more_than_the_limit(
    stand: SimulatedStand,
) -> None:
    async with connected(stand.mcp, MODERN) as client:
        await done(client, "rent_number", {**CHEAP, "max_price": 50})
    (asked,) = (one for one in stand.sim.journal.received if one.call == "rent-a-number")

    assert asked.json == {"service": "cheapmail", "max_price": 1.0}


async def test_where_nobody_can_be_asked_it_names_the_setting(
    client: Client, stand: SimulatedStand
) -> None:
    sentence = await refused(client, "rent_number", DEAR)

    assert sentence.startswith("confirmation_required: ")
    assert "GATEWAY_MCP_CONFIRM_ABOVE=1.50 for this MCP server" in sentence
    assert bought(stand) == 0


@pytest.mark.parametrize("era", ERAS)
async def test_a_setting_can_allow_what_nobody_can_confirm(era: str) -> None:
    async with run_mcp(MARKET, McpOptions(unconfirmed="allow")) as stand:
        async with connected(stand.mcp, era) as client:
            await done(client, "rent_number", DEAR)

        assert bought(stand) == 1


@pytest.mark.parametrize("era", ERAS)
async def test_a_price_nobody_knows_before_is_always_asked_for(
    stand: SimulatedStand, era: str
) -> None:
    person = Person()
    async with connected(stand.mcp, era, person=person) as client:
        rented = await done(client, "create_long_rental", {"period": "1w"})
        await done(client, "renew_long_rental", {"long_rental_id": rented["id"]})

    assert person.asked == [
        "Rent a US number for a week up to a year (period 1w, auto_renew false)? "
        "It costs what the provider asks, charged at once.",
        f"Pay for another period (1w) of {rented['number']}? "
        f"It costs {rented['price']} USD, charged at once.",
    ]


@pytest.mark.parametrize(
    ("then", "now", "counts"), [("0.30", "1.70", "1.70"), ("1.70", "0.30", "1.70")]
)
async def test_for_renting_again_the_dearer_of_then_and_now_counts(
    then: str, now: str, counts: str
) -> None:
    estimate = await Estimator(Known(then, now)).estimate(
        BY_NAME["rent_again"], Call(PASSER_BY, "t"), RentAgain(rental_id=1)
    )

    assert estimate.likely == Decimal(counts)
    assert estimate.what == "Rent +16465550100 for Mail once more"


async def test_a_fault_of_ours_does_not_say_that_nothing_was_charged(
    client: Client, stand: SimulatedStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(value: object) -> None:
        raise LookupError

    monkeypatch.setattr(results, "structured_content", breaks)
    sentence = await refused(client, "rent_number", CHEAP)

    assert bought(stand) == 1
    assert sentence == (
        "internal_error: Something went wrong in the gateway. It is not known whether money was "
        f"charged. {results.LOOK_FIRST}"
    )


class Known:
    """Answers one rental of a service, and the service's price."""

    def __init__(self, then: str, now: str) -> None:
        self._rental = Rental(
            id=1,
            ledger_id="1",
            status=RentalStatus.COMPLETED,
            service_code="mail",
            service_name="Mail",
            number="+16465550100",
            price=Decimal(then),
        )
        self._price = Price(service_code="mail", service_name="Mail", price=Decimal(now))

    async def invoke(self, op: AnyOperation, call: Call, given: Any) -> Any:
        if op.name == "get_rental":
            return self._rental
        assert (op.name, given) == ("list_prices", {"service_code": "mail"})
        return PricePage(data=[self._price], fetched_at=NOON, stale=False)

    async def repeated(self, *call: Any) -> None:
        return None

    async def resolved(self, op: AnyOperation, call: Call, asked: Any) -> Any:
        return asked

    async def check(self, *call: Any) -> None:
        raise AssertionError("a quote asks nobody")

    async def answer(self, op: AnyOperation, call: Call, given: Any) -> Any:
        raise AssertionError("a quote must not buy")


@pytest.mark.parametrize("era", ERAS)
async def test_who_hangs_up_has_bought_all_the_same(stand: SimulatedStand, era: str) -> None:
    stand.sim.script(Fault("rent-a-number", FaultKind.SLOW, seconds=0.5))
    async with connected(stand.mcp, era) as client:
        calling = asyncio.create_task(client.call_tool("rent_number", CHEAP))
        while not stand.sim.journal.calls["rent-a-number"]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)
    async with connected(stand.mcp, era) as client:
        sentence = await refused(client, "rent_number", CHEAP)

    assert bought(stand) == 1
    assert sentence.startswith("duplicate_purchase: ")


@pytest.mark.parametrize("request_id", ["order-1", "long order " * 23 + "no"])
async def test_a_request_id_buys_once_however_often_it_comes(
    request_id: str, client: Client, stand: SimulatedStand
) -> None:
    named = {**CHEAP, "request_id": request_id}
    first = await client.call_tool("rent_number", named)
    again = await client.call_tool("rent_number", named)
    other = await refused(client, "rent_number", {**named, "max_price": 0.4})

    assert (again.meta or {})["getatext-gateway/replayed"] is True
    assert same(again, first)
    assert other.startswith("request_id_reused: ")
    assert bought(stand) == 1


@pytest.mark.parametrize("price", ["0.45", "0.90", "3.00"])
async def test_a_request_made_again_gets_its_answer_whatever_it_would_cost_now(
    client: Client, stand: SimulatedStand, price: str
) -> None:
    named = {**CHEAP, "max_price": 1.5, "request_id": "order-1"}
    first = await client.call_tool("rent_number", named)
    catalogue = stand.sim.provider.catalogue
    catalogue.put(replace(catalogue.find("cheapmail"), price=Decimal(price)))
    stand.gateway.core.services.price_cache._lists.clear()
    again = await client.call_tool("rent_number", named)

    assert not again.is_error
    assert same(again, first)
    assert bought(stand) == 1


async def test_a_confirmation_sent_again_buys_nothing_again(stand: SimulatedStand) -> None:
    async with connected(stand.mcp, MODERN, person=Person()) as client:
        question = await client.session.call_tool("rent_number", DEAR, allow_input_required=True)
        assert isinstance(question, InputRequiredResult)
        yes = {"purchase": ElicitResult(action="accept", content={"confirm": True})}
        sealed: dict[str, Any] = {
            "input_responses": yes,
            "request_state": question.request_state,
            "allow_input_required": True,
        }
        first, again = [
            await client.session.call_tool("rent_number", DEAR, **sealed) for _ in range(2)
        ]
        with pytest.raises(MCPError, match="requestState"):
            await client.session.call_tool("rent_number", {**DEAR, "max_price": 9}, **sealed)

    assert isinstance(first, CallToolResult)
    assert isinstance(again, CallToolResult)
    assert same(again, first)
    assert bought(stand) == 1


def same(again: CallToolResult, first: CallToolResult) -> bool:
    """Whether a replay tells of the rental of the first answer, which may have a code since."""
    then, now = first.structured_content or {}, again.structured_content or {}
    told = now["replayed"], "nothing was bought now" in now["hint"]
    fixed = ("id", "ledger_id", "service_code", "number", "price", "created_at")
    return told == (True, True) and all(now[name] == then[name] for name in fixed)


async def test_somebody_elses_confirmation_counts_for_nothing() -> None:
    accounts = (AccountConfig(), AccountConfig("sk_2"))
    async with run_mcp(replace(MARKET, accounts=accounts)) as stand:
        async with connected(stand.mcp, MODERN, person=Person()) as client:
            question = await client.session.call_tool(
                "rent_number", DEAR, allow_input_required=True
            )
        assert isinstance(question, InputRequiredResult)
        async with connected(stand.mcp, MODERN, person=Person(), key="sk_2") as client:
            with pytest.raises(MCPError, match="requestState"):
                await client.session.call_tool(
                    "rent_number",
                    DEAR,
                    input_responses={
                        "purchase": ElicitResult(action="accept", content={"confirm": True})
                    },
                    request_state=question.request_state,
                    allow_input_required=True,
                )

        assert bought(stand) == bought(stand, "sk_2") == 0
