"""Another number in place of a silent one: bought once, within the first one's wishes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace as changed
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import ClientError

from adapters.simulator import DEMO_KEY, Fault, FaultKind, Rules, Simulator
from gateway.core.purchases.settlement import resolution
from tests.support.contract import Answer
from tests.support.gateway import Client, new_database, open_client
from tests.support.money import (
    CHARGING,
    PRICE,
    Bank,
    asked_to_rent,
    named,
    open_bank,
    rent,
    replayed,
    terms,
    two_clients,
)
from tests.support.program import node
from tests.support.statements import execute
from tests.support.waiting import until

LOCKED = changed(CHARGING, rules=changed(CHARGING.rules, cancel_locked=300.0))
LOST = Fault("rent-a-number", FaultKind.DROP_AFTER, times=1)
WISHES = {
    "max_price": "0.90",
    "carrier": "verizon",
    "keep_carrier": True,
    "area_codes": "212,646",
    "lock_area_code": True,
}


@pytest.fixture
async def locked() -> AsyncIterator[Bank]:
    """Whose provider lets nothing be cancelled yet."""
    async with open_bank(new_database(), config=LOCKED) as bank:
        yield bank


async def rented(client: Client, **wish: Any) -> int:
    rental_id: int = (await rent(client, **wish)).json["id"]
    return rental_id


async def replace(
    client: Client, rental_id: int, request_id: str | None = None, **given: Any
) -> Answer:
    headers = named(request_id) if request_id else {}
    return await client.post(f"/v1/rentals/{rental_id}/replace", given, headers=headers)


async def read(client: Client, rental_id: int) -> dict[str, Any]:
    """The rental, without the balance of its account."""
    rental: dict[str, Any] = (await client.get(f"/v1/rentals/{rental_id}")).json
    return {name: value for name, value in rental.items() if name != "balance"}


def told(answer: Answer) -> tuple[int, str, str]:
    return answer.status, answer.json["code"], answer.json["charged"]


async def test_the_answer_is_the_new_rental_and_the_old_one_is_to_be_cancelled(
    locked: Bank,
) -> None:
    first = await rented(locked.client)
    answer = await replace(locked.client, first, "order-2")
    new, old = answer.json, await read(locked.client, first)
    listed = (await locked.client.get("/v1/rentals")).json["data"]

    assert answer.status == 201
    assert answer.headers["Location"] == f"/v1/rentals/{new['id']}"
    assert (new["status"], new["replaces"], new["service_code"]) == ("active", first, "whatsapp")
    assert (old["status"], old["replaced_by"]) == ("active", new["id"])
    assert old["cancel_requested_at"] is not None
    assert [(row["replaces"], row["replaced_by"]) for row in listed] == [
        (first, None),
        (None, new["id"]),
    ]


async def test_the_old_one_is_given_back(bank: Bank) -> None:
    holder = await bank.with_key()
    first = await rented(holder)
    new = (await replace(holder, first)).json["id"]

    async def given_back() -> bool:
        return str((await read(holder, first))["status"]) == "cancelled"

    await until(given_back)
    old, balance = await read(holder, first), (await holder.get("/v1/balance")).json

    assert (old["ended_reason"], old["refunded"]) == ("replaced", "0.55")
    assert (await read(holder, new))["status"] == "active"
    assert balance["spent_total"] == "0.55"


async def test_the_same_request_gets_the_first_answer_and_another_one_is_refused(
    locked: Bank,
) -> None:
    first = await rented(locked.client)
    answer = await replace(locked.client, first, "order-2", carrier="any")
    again = await replace(locked.client, first, "order-2", carrier="any")
    other_input = await replace(locked.client, first, "order-2")
    another = await replace(locked.client, first)

    assert (again.status, again.body, replayed(again)) == (201, answer.body, True)
    assert other_input.json["code"] == "request_id_reused"
    assert told(another) == (409, "already_replaced", "no")
    assert another.json["replaced_by"] == answer.json["id"]
    assert str(answer.json["id"]) in another.json["detail"]
    assert locked.rents == 2


async def test_what_was_wished_for_the_first_holds_for_all_that_follow(locked: Bank) -> None:
    first = await rented(locked.client, **WISHES)
    second = (await replace(locked.client, first)).json["id"]
    await replace(locked.client, second)

    assert locked.sent[0]["max_price"] == 0.9
    assert locked.sent == [locked.sent[0]] * 3


NO_CARRIER = {"carrier": None, "keep_carrier": None}
NOWHERE = {"area_codes": None, "lock_area_code": None}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"max_price": "0.80"}, {"max_price": 0.8}),
        ({"carrier": "tmobile"}, {"carrier": "tmobile", "keep_carrier": None}),
        ({"carrier": "tmobile", "keep_carrier": True}, {"carrier": "tmobile"}),
        ({"carrier": "any"}, NO_CARRIER),
        ({"area_codes": "917"}, {"area_codes": "917", "lock_area_code": None}),
        ({"area_codes": "any", "carrier": "any"}, NO_CARRIER | NOWHERE),
        ({"carrier": "T-Mobile"}, {"carrier": "tmobile", "keep_carrier": None}),
        ({"area_codes": [917, "(212)"]}, {"area_codes": "917,212", "lock_area_code": None}),
        ({"carrier": "Same", "area_codes": " ANY "}, NOWHERE),
        ({"carrier": "same", "keep_carrier": False, "area_codes": "", "max_price": None}, {}),
    ],
    ids=str,
)
async def test_each_wish_can_be_given_anew(
    locked: Bank, given: dict[str, Any], sent: dict[str, Any]
) -> None:
    await replace(locked.client, await rented(locked.client, **WISHES), **given)
    before, now = locked.sent
    expected = before | sent

    assert now == {name: value for name, value in expected.items() if value is not None}


@pytest.mark.parametrize(
    ("given", "needs"),
    [({"keep_carrier": True}, "carrier"), ({"lock_area_code": True}, "area_codes")],
    ids=str,
)
async def test_wishes_are_checked_together(locked: Bank, given: dict[str, Any], needs: str) -> None:
    refused = await replace(locked.client, await rented(locked.client), **given)

    assert told(refused) == (400, "invalid_request", "no")
    assert refused.json["detail"].startswith(f"{next(iter(given))}: ")
    assert needs in refused.json["detail"]


async def test_of_a_rental_of_an_earlier_version_the_highest_price_must_be_given(
    store_url: str,
) -> None:
    async with open_bank(store_url, config=LOCKED) as bank:
        first = await rented(bank.client)
        await execute(store_url, "UPDATE spends SET wishes = NULL")
        refused = await replace(bank.client, first)
        given = await replace(bank.client, first, max_price="0.60")

    assert told(refused) == (400, "invalid_request", "no")
    assert refused.json["detail"].startswith("max_price: is required")
    assert (given.status, bank.sent[-1]["max_price"]) == (201, 0.6)


async def test_a_number_rented_again_is_replaced_by_any_at_its_price(locked: Bank) -> None:
    first = await rented(locked.client, **WISHES)
    again = (await locked.client.post(f"/v1/rentals/{first}/rent-again")).json["id"]
    new = await replace(locked.client, again)

    assert new.status == 201
    assert locked.sent[-1] == {"service": "whatsapp"}


async def test_a_code_that_has_just_come_is_not_paid_for_twice() -> None:
    rules = Rules(code_after=0.0, cancel_locked=300.0)
    async with open_bank(new_database(), config=changed(CHARGING, rules=rules)) as bank:
        first = await rented(bank.client)
        refused = [await replace(bank.client, first) for _ in range(2)]
        read_before = (await read(bank.client, first))["code"]

    assert [told(each) for each in refused] == [(409, "code_already_received", "no")] * 2
    assert read_before is not None
    assert bank.rents == 1


async def test_where_the_status_cannot_be_read_nothing_is_bought(locked: Bank) -> None:
    first = await rented(locked.client)
    locked.sim.script(Fault("rental-status", FaultKind.STATUS, times=None))
    refused = await replace(locked.client, first)

    assert told(refused) == (502, "upstream_error", "no")
    assert locked.rents == 1


@pytest.mark.parametrize(("end", "reason"), [("cancel", "cancelled"), ("complete", "completed")])
async def test_an_ended_one_is_replaced_by_a_plain_rent(bank: Bank, end: str, reason: str) -> None:
    first = await rented(bank.client)
    ended = (await bank.client.post(f"/v1/rentals/{first}/{end}")).json
    new = await replace(bank.client, first)
    old = await read(bank.client, first)

    assert (new.status, new.json["replaces"]) == (201, first)
    assert (old["replaced_by"], old["ended_reason"]) == (new.json["id"], reason)
    assert old["cancel_requested_at"] == ended["cancel_requested_at"]
    assert (await replace(bank.client, first)).json["code"] == "already_replaced"


async def test_a_chain_has_three_replacements(locked: Bank) -> None:
    last = await rented(locked.client)
    for _ in range(3):
        last = (await replace(locked.client, last)).json["id"]
    refused = await replace(locked.client, last)

    assert told(refused) == (403, "budget_exceeded", "no")
    assert "3 replacements" in refused.json["detail"]
    assert locked.rents == 4


async def test_only_what_was_bought_here_and_is_the_callers_is_replaced(locked: Bank) -> None:
    holder, other = await locked.with_key(), await locked.with_key()
    elsewhere = await locked.sim_rent(DEMO_KEY)
    refused = {
        "of another key": await replace(other, await rented(holder)),
        "of nobody": await replace(locked.client, 99),
        "elsewhere": await replace(locked.client, elsewhere),
    }

    assert {name: told(each)[:2] for name, each in refused.items()} == {
        "of another key": (404, "rental_not_found"),
        "of nobody": (404, "rental_not_found"),
        "elsewhere": (400, "invalid_request"),
    }
    assert "not bought through this gateway" in refused["elsewhere"].json["detail"]
    assert locked.rents == 2


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"max_active": 1}, "too_many_active_rentals"),
        ({"budget_total": Decimal("1.09")}, "budget_exceeded"),
        ({"budget_day": Decimal("1.09")}, "budget_exceeded"),
    ],
    ids=str,
)
async def test_both_must_fit_and_the_refusal_says_what_to_do(
    locked: Bank, limits: dict[str, Any], code: str
) -> None:
    holder = await locked.with_key(**limits)
    refused = await replace(holder, await rented(holder))

    assert told(refused)[1:] == (code, "no")
    assert "cancel it with cancel_rental, and replace it once" in refused.json["detail"]
    assert locked.rents == 1


async def test_once_the_old_one_is_refunded_the_new_one_fits(bank: Bank) -> None:
    holder = await bank.with_key(max_active=1, budget_total=PRICE)
    first = await rented(holder)
    await holder.post(f"/v1/rentals/{first}/cancel")

    assert (await replace(holder, first)).status == 201


async def test_it_is_one_of_the_purchases_of_a_day(locked: Bank) -> None:
    holder = await locked.with_key(max_per_day=2)
    first = await rented(holder)
    second = (await replace(holder, first)).json["id"]
    refused = await replace(holder, second)

    assert told(refused) == (403, "budget_exceeded", "no")
    assert "cancel_rental" not in refused.json["detail"]


async def test_a_key_pays_no_more_than_its_highest_price(locked: Bank) -> None:
    holder = await locked.with_key(max_price=Decimal("0.60"))
    first = await rented(holder)
    dear = await replace(holder, first, carrier="verizon")

    assert told(dear) == (409, "price_too_high", "no")
    assert (await replace(holder, first)).status == 201


async def test_a_refused_one_leaves_the_old_one_as_it_is(locked: Bank) -> None:
    first = await rented(locked.client)
    before = await read(locked.client, first)
    body = '{"errors": "out of stock"}'
    locked.sim.script(Fault("rent-a-number", FaultKind.STATUS, status=400, body=body, times=1))
    refused = await replace(locked.client, first, "order-2")

    assert told(refused) == (409, "out_of_stock", "no")
    assert await read(locked.client, first) == before
    assert (await replace(locked.client, first, "order-2")).status == 201


async def test_a_lost_one_leaves_the_old_one_until_it_is_found(store_url: str) -> None:
    async with open_bank(store_url, config=LOCKED) as bank:
        holder = await bank.with_key()
        first = await rented(holder)
        before = await read(holder, first)
        bank.sim.script(LOST)
        lost = await replace(holder, first, "order-2")
        meanwhile = await replace(holder, first, "order-3")
        unchanged = await read(holder, first)
        (spend,) = await bank.unknown()
        new = max(bank.sim.books.rentals)
        outcome = resolution(spend, new, None)
        await bank.running.gateway.ledger.settle(spend.ledger_id, outcome, datetime.now(UTC))
        again = await replace(holder, first, "order-2")
        old = (await holder.get("/v1/rentals")).json["data"][-1]

    assert told(lost) == (409, "outcome_unknown", "unknown")
    assert told(meanwhile) == (409, "outcome_unknown", "no")
    assert unchanged == before
    assert (again.status, again.json["id"], again.json["replaces"]) == (201, new, first)
    assert (old["id"], old["replaced_by"]) == (first, new)
    assert old["cancel_requested_at"] is not None
    assert bank.rents == 2


async def test_a_lost_one_is_matched_with_what_turns_up(locked: Bank) -> None:
    first = await rented(locked.client)
    await locked.client.get("/v1/prices")
    locked.sim.script(LOST)
    await replace(locked.client, first, "order-2")
    new = max(locked.sim.books.rentals)
    found = await read(locked.client, new)
    old = (await locked.client.get("/v1/rentals")).json["data"][-1]

    assert found["replaces"] == first
    assert (old["replaced_by"], old["cancel_requested_at"] is not None) == (new, True)
    assert (await replace(locked.client, first, "order-2")).json["replaces"] == first


async def test_a_code_that_still_comes_to_the_old_number_is_told_there() -> None:
    async with open_bank(new_database(), config=LOCKED) as bank:
        first = await rented(bank.client)
        new = (await replace(bank.client, first)).json["id"]
        bank.sim.receive_code(first, "012345")
        code = await bank.client.get(f"/v1/rentals/{first}/code", wait_seconds="25")
        old = await read(bank.client, first)
        events = await bank.client.get(
            "/v1/events", rental_id=str(first), type="rental.code_received"
        )

    assert (code.json["status"], code.json["code"]) == ("received", "012345")
    assert (old["code"], old["replaced_by"]) == ("012345", new)
    assert [row["data"]["code"] for row in events.json["data"]] == ["012345"]


async def test_ten_at_once_on_two_nodes_buy_one(store_url: str) -> None:
    async with (
        Simulator(LOCKED).running() as sim,
        two_clients(sim.url, store_url) as (one, other),
    ):
        first = await rented(one)
        answers = await asyncio.gather(
            *(replace(node, first, f"order-{n}") for n, node in enumerate([one, other] * 5))
        )
    codes = [answer.json["code"] for answer in answers]
    bought = [answer for answer in answers if answer.status == 201]
    refused = {answer.json["code"] for answer in answers if answer.status != 201}

    assert len(bought) == 1, codes
    assert refused <= {"already_replaced", "request_in_progress"}
    assert {answer.json["charged"] for answer in answers if answer.status != 201} == {"no"}
    assert asked_to_rent(sim) == 2


async def test_one_request_on_two_nodes_gets_one_answer(store_url: str) -> None:
    async with (
        Simulator(LOCKED).running() as sim,
        two_clients(sim.url, store_url) as (one, other),
    ):
        first = await rented(one)
        answers = await asyncio.gather(*(replace(node, first, "order-2") for node in [one, other]))
        later = await replace(other, first, "order-2")

    assert {answer.status for answer in [*answers, later]} == {201}
    assert len({answer.body for answer in [*answers, later]}) == 1
    assert asked_to_rent(sim) == 2


@asynccontextmanager
async def killed(sim: Simulator, url: str, point: str) -> AsyncIterator[tuple[Bank, int]]:
    """A bank on the ledger of a node that died at this point of a replacement; the old rental."""
    async with open_bank(url, sim) as bank:
        first = await rented(bank.client)
    async with (
        node(sim.url, dies_at=point, **terms(url)) as doomed,
        open_client(doomed.url) as client,
    ):
        with suppress(ClientError):
            await replace(client, first, "order-2")
        await doomed.died()
    async with open_bank(url, sim) as bank:
        yield bank, first


@pytest.mark.parametrize(
    ("point", "status", "rents", "replaced"),
    [
        ("before the intent is committed", 201, 2, True),
        ("after the intent is committed", 201, 2, True),
        ("after the sent-marker", 409, 1, False),
        ("after the answer is read", 409, 2, False),
        ("after the outcome is committed", 201, 2, True),
        ("after the answer is written", 201, 2, True),
    ],
)
async def test_a_killed_gateway_replaces_once(
    store_url: str, point: str, status: int, rents: int, replaced: bool
) -> None:
    async with (
        Simulator(LOCKED).running() as sim,
        killed(sim, store_url, point) as (bank, first),
    ):
        again = await replace(bank.client, first, "order-2")
        another = await replace(bank.client, first, "order-3")
        rows = (await bank.client.get("/v1/rentals")).json["data"]
    old = next(row for row in rows if row["id"] == first)

    assert again.status == status
    assert (old["replaced_by"] is not None) is replaced
    assert (old["cancel_requested_at"] is not None) is replaced
    assert told(another)[1:] == ("already_replaced" if replaced else "outcome_unknown", "no")
    assert asked_to_rent(sim) == rents


async def test_it_is_for_what_the_first_was_for_unless_it_says_otherwise(locked: Bank) -> None:
    first = await rented(locked.client, reference="customer 17")
    second = (await replace(locked.client, first)).json
    third = (await replace(locked.client, second["id"], reference="customer 18")).json
    listed = (await locked.client.get("/v1/rentals")).json["data"]

    assert [second["reference"], third["reference"]] == ["customer 17", "customer 18"]
    assert [row["reference"] for row in reversed(listed)] == [
        "customer 17",
        "customer 17",
        "customer 18",
    ]
