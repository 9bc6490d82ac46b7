"""An answer that was lost: said so, never repeated, and found again where only one thing fits."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.simulator import Fault, FaultKind, Simulator
from gateway.core.model.purchases import View
from gateway.core.purchases.settlement import resolution
from tests.support.contract import Answer
from tests.support.gateway import Client, new_database
from tests.support.money import CHARGING, OWN, PRICE, Bank, open_bank, rent, replayed
from tests.support.waiting import until

See = Callable[[Bank], Awaitable[None]]
LOST = Fault("rent-a-number", FaultKind.DROP_AFTER)
FAULTS = [
    LOST,
    Fault("rent-a-number", FaultKind.DROP_BEFORE),
    Fault("rent-a-number", FaultKind.HANG),
    Fault("rent-a-number", FaultKind.TRUNCATED),
    Fault("rent-a-number", FaultKind.CUT_JSON),
    Fault("rent-a-number", FaultKind.HTML, after_work=True),
    Fault("rent-a-number", FaultKind.STATUS, status=500, after_work=True),
    Fault("rent-a-number", FaultKind.STATUS, status=408, after_work=True),
]
FIRST = 12345


async def listed(client: Client, **asked: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (await client.get("/v1/rentals", **asked)).json["data"]
    return rows


async def lose(bank: Bank, client: Client | None = None, **more: Any) -> Answer:
    """A rent that is made and whose answer is lost."""
    bank.sim.script(LOST)
    return await rent(client or bank.client, **more)


async def see_prices(client: Client) -> None:
    """The gateway learns of services and how long their rentals last."""
    assert (await client.get("/v1/prices")).status == 200


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.kind.value} {fault.status}")
async def test_a_lost_answer_is_an_unknown_outcome_and_stays_one(fault: Fault) -> None:
    async with open_bank(new_database(), getatext_spend_seconds=10) as bank:
        bank.sim.script(fault)
        first, again = [await rent(bank.client, "order-1") for _ in range(2)]
        rows = await listed(bank.client)
        only = await listed(bank.client, status="unknown")

    told = first.json
    assert (first.status, told["code"]) == (409, "outcome_unknown")
    assert (told["charged"], told["retryable"]) == ("unknown", False)
    assert (again.status, again.body) == (409, first.body)
    assert replayed(again)
    assert bank.rents == 1
    assert rows == only
    assert [(row["id"], row["status"], row["service_code"]) for row in rows] == [
        (None, "unknown", "whatsapp")
    ]
    assert rows[0]["ledger_id"]


async def test_a_status_that_fits_completes_the_purchase(bank: Bank) -> None:
    await see_prices(bank.client)
    await lose(bank, request_id="order-1")
    seen = await bank.client.get(f"/v1/rentals/{FIRST}")
    again = await rent(bank.client, "order-1")
    rows = await listed(bank.client)

    assert seen.json["ledger_id"] == rows[0]["ledger_id"]
    assert (again.status, again.json["id"], replayed(again)) == (201, FIRST, True)
    assert [(row["id"], row["status"]) for row in rows] == [(FIRST, "active")]
    assert not await bank.unknown()
    assert bank.rents == 1


async def test_a_status_completes_it_also_where_nobody_had_asked_for_prices(bank: Bank) -> None:
    await lose(bank, request_id="order-1")
    seen = await bank.client.get(f"/v1/rentals/{FIRST}")
    await until(lambda: no_unknown(bank))
    again = await rent(bank.client, "order-1")

    assert seen.status == 200
    assert (again.status, again.json["id"], replayed(again)) == (201, FIRST, True)
    assert bank.rents == 1


async def test_a_lost_purchase_is_told_at_once_however_long_the_prices_take(bank: Bank) -> None:
    bank.sim.script(Fault("prices-info", FaultKind.SLOW, seconds=30))
    lost = await lose(bank, request_id="order-1")
    await bank.client.get(f"/v1/rentals/{FIRST}")
    before = await bank.unknown()
    bank.sim.release()
    await until(lambda: no_unknown(bank))

    assert lost.json["code"] == "outcome_unknown"
    assert len(before) == 1


async def test_it_is_told_and_stays_unknown_where_the_prices_cannot_be_had(bank: Bank) -> None:
    bank.sim.script(*[Fault("prices-info", FaultKind.HTML) for _ in range(10)])
    lost = await lose(bank, request_id="order-1")
    seen = await bank.client.get(f"/v1/rentals/{FIRST}")
    await until(lambda: bank.sim.journal.calls["prices-info"])

    assert (lost.json["code"], seen.status) == ("outcome_unknown", 200)
    assert len(await bank.unknown()) == 1


async def test_what_a_process_that_died_had_lost_is_found_by_the_next(store_url: str) -> None:
    async with Simulator(CHARGING).running() as sim:
        async with open_bank(store_url, sim) as bank:
            sim.script(Fault("prices-info", FaultKind.DROP_BEFORE))
            await lose(bank, request_id="order-1")
        async with open_bank(store_url, sim) as bank:
            await bank.client.get(f"/v1/rentals/{FIRST}")
            await until(lambda: no_unknown(bank))
            again = await rent(bank.client, "order-1")

    assert (again.status, again.json["id"]) == (201, FIRST)


async def test_what_another_node_saw_is_found_too(store_url: str) -> None:
    async with open_bank(store_url) as one, open_bank(store_url, one.sim) as other:
        one.sim.script(Fault("rent-a-number", FaultKind.HANG, after_work=True))
        renting = asyncio.ensure_future(rent(one.client, "order-1"))
        await until(lambda: one.sim.books.rentals)
        await other.client.get(f"/v1/rentals/{FIRST}")
        one.sim.release()
        lost = await renting
        await until(lambda: no_unknown(one))

    assert lost.json["code"] == "outcome_unknown"


async def test_of_two_rentals_that_fit_one_lost_purchase_neither_is_taken(bank: Bank) -> None:
    bank.sim.script(Fault("prices-info", FaultKind.SLOW, seconds=30))
    await lose(bank)
    made_elsewhere = bank.sim.books.rentals[FIRST]
    bank.sim.books.rentals[FIRST + 1] = replace(made_elsewhere, id=FIRST + 1)
    for rental_id in (FIRST, FIRST + 1):
        assert (await bank.client.get(f"/v1/rentals/{rental_id}")).status == 200
    bank.sim.release()
    await see_prices(bank.client)
    await until(lambda: not bank.running.gateway.core.reconciliation.under_way)

    assert len(await bank.unknown()) == 1


async def test_a_rental_that_may_be_of_a_purchase_under_way_is_left_to_it(bank: Bank) -> None:
    await see_prices(bank.client)
    bank.sim.script(Fault("rent-a-number", FaultKind.DROP_BEFORE))
    await rent(bank.client, "order-1")
    bank.sim.script(Fault("rent-a-number", FaultKind.SLOW, seconds=30))
    renting = asyncio.ensure_future(rent(bank.client, "order-2"))
    await until(lambda: bank.sim.books.rentals)
    await bank.client.get(f"/v1/rentals/{FIRST}")
    bank.sim.release()
    second = await renting
    await until(lambda: not bank.running.gateway.core.reconciliation.under_way)
    (unknown,) = await bank.unknown()

    assert (second.status, second.json["id"]) == (201, FIRST)
    assert unknown.request_id == "order-1"


async def test_a_rental_seen_while_its_purchase_is_under_way_completes_it_too() -> None:
    async with open_bank(new_database()) as bank:
        await see_prices(bank.client)
        bank.sim.script(Fault("rent-a-number", FaultKind.HANG, after_work=True))
        renting = asyncio.ensure_future(rent(bank.client, "order-1"))
        await until(lambda: bank.sim.books.rentals)
        await bank.client.get(f"/v1/rentals/{FIRST}")
        bank.sim.release()
        lost = await renting
        await until(lambda: no_unknown(bank))
        again = await rent(bank.client, "order-1")

    assert lost.json["code"] == "outcome_unknown"
    assert (again.status, again.json["id"]) == (201, FIRST)


async def test_where_two_lost_purchases_fit_neither_is_taken_for_it(bank: Bank) -> None:
    await see_prices(bank.client)
    for number in (1, 2):
        await lose(bank, request_id=f"order-{number}")
    for rental_id in (FIRST, FIRST + 1):
        assert (await bank.client.get(f"/v1/rentals/{rental_id}")).status == 200
    again = await rent(bank.client, "order-1")

    assert again.json["code"] == "outcome_unknown"
    assert len(await bank.unknown()) == 2


async def test_a_rental_of_another_service_is_not_taken_for_it(bank: Bank) -> None:
    await see_prices(bank.client)
    await lose(bank, service_code="telegram")
    rentals = bank.sim.books.rentals
    rentals[FIRST] = replace(rentals[FIRST], service_name="Whatsapp")
    await bank.client.get(f"/v1/rentals/{FIRST}")

    assert len(await bank.unknown()) == 1


@pytest.mark.parametrize("minutes", [-10, 10])
async def test_a_rental_of_another_time_is_not_taken_for_it(minutes: int) -> None:
    config = replace(CHARGING, clock=lambda: time.time() + 60 * minutes)
    async with open_bank(new_database(), config=config) as bank:
        await see_prices(bank.client)
        await lose(bank)
        seen = await bank.client.get(f"/v1/rentals/{FIRST}")
        unknown = await bank.unknown()

    assert seen.status == 200
    assert len(unknown) == 1


async def test_a_rental_of_another_account_is_not_taken_for_it(bank: Bank) -> None:
    holder = await bank.with_key()
    await see_prices(bank.client)
    await see_prices(holder)
    await lose(bank)
    await rent(holder)
    await holder.get(f"/v1/rentals/{FIRST + 1}")

    assert len(await bank.unknown()) == 1


async def test_a_purchase_made_here_is_never_taken_for_a_lost_one(bank: Bank) -> None:
    await see_prices(bank.client)
    made = await rent(bank.client)
    bank.sim.script(Fault("rent-a-number", FaultKind.DROP_BEFORE))
    await rent(bank.client, "order-1")
    await bank.client.get(f"/v1/rentals/{made.json['id']}")

    assert len(await bank.unknown()) == 1


async def seen_by_webhook(bank: Bank) -> None:
    """The provider's webhook makes the gateway read the rental with the account's own key."""
    told = await bank.client.ask(
        "POST", "/webhooks/getatext/a%20hook", key=None, json={"id": FIRST, "code": 4821}
    )
    assert told.status == 200
    ledger, account = bank.running.gateway.ledger, bank.running.gateway.callers.own
    assert account is not None

    async def written() -> bool:
        return await ledger.find(View(account.id), "rental", FIRST) is not None

    await until(written)


async def seen_by_the_owner(bank: Bank) -> None:
    assert (await bank.holder(OWN).get(f"/v1/rentals/{FIRST}")).status == 200


SEEN = [seen_by_webhook, seen_by_the_owner]


@pytest.mark.parametrize("see", SEEN, ids=lambda see: see.__name__)
async def test_what_is_seen_of_the_account_completes_the_purchase_of_who_sees_it(
    store_url: str, see: See
) -> None:
    async with open_bank(store_url, getatext_webhook_secret="a hook") as bank:
        holder = await bank.with_key(admin=True)
        await see_prices(holder)
        await lose(bank, holder, request_id="order-1")
        await see(bank)
        await until(lambda: no_unknown(bank))
        again = await rent(holder, "order-1")

    assert (again.status, again.json["id"]) == (201, FIRST)


@pytest.mark.parametrize("see", SEEN, ids=lambda see: see.__name__)
async def test_a_rental_that_its_owner_made_is_not_given_to_a_key_that_lost_a_purchase(
    store_url: str, see: See
) -> None:
    async with open_bank(store_url, getatext_webhook_secret="a hook") as bank:
        holder = await bank.with_key(budget_total=PRICE)
        await see_prices(holder)
        bank.sim.script(Fault("rent-a-number", FaultKind.DROP_BEFORE))
        await rent(holder, "order-1")
        by_hand = await bank.sim_rent(OWN)
        await see(bank)
        repository, spends = bank.running.gateway.core.services.repository, await bank.unknown()
        prices = bank.running.gateway.core.services.price_cache.known(spends[0].account_id)
        suggested = await repository.suggestions(spends[0], prices)
        again = await rent(holder, "order-1")
        hidden = await holder.get(f"/v1/rentals/{FIRST}")

    assert by_hand == FIRST
    assert (again.status, again.json["code"]) == (409, "outcome_unknown")
    assert (hidden.status, hidden.json["code"]) == (404, "rental_not_found")
    assert [rental.id for rental in suggested] == [FIRST]


async def no_unknown(bank: Bank) -> bool:
    return not await bank.unknown()


@pytest.mark.parametrize("charged", [True, False], ids=["charged", "not charged"])
async def test_an_operators_word_settles_it(bank: Bank, charged: bool) -> None:
    holder = await bank.with_key(budget_total=2 * PRICE)
    await lose(bank, holder, request_id="order-1")
    (spend,) = await bank.unknown()
    outcome = resolution(spend, FIRST if charged else None, None)
    ledger, now = bank.running.gateway.ledger, spend.at
    settled = [await ledger.settle(spend.ledger_id, outcome, now) for _ in range(2)]
    again = await rent(holder, "order-1")
    balance = (await holder.get("/v1/balance")).json

    assert settled == [True, False]
    assert replayed(again)
    if charged:
        assert (again.status, again.json["id"], again.json["price"]) == (201, FIRST, "0.55")
        assert (balance["spent_total"], balance["left_total"]) == ("0.55", "0.55")
        assert (await holder.get(f"/v1/rentals/{FIRST}")).status == 200
    else:
        assert (again.json["code"], again.json["charged"]) == ("upstream_refused", "no")
        assert (balance["spent_total"], balance["left_total"]) == ("0.00", "1.10")
        assert await listed(holder) == []
    assert bank.rents == 1


async def test_an_unknown_outcome_stays_reserved(bank: Bank) -> None:
    holder = await bank.with_key(budget_total=PRICE)
    await lose(bank, holder)
    refused = await rent(holder)
    balance = (await holder.get("/v1/balance")).json

    assert refused.json["code"] == "budget_exceeded"
    assert (balance["spent_today"], balance["left_total"]) == ("0.55", "0.00")


SPENDS: list[tuple[str, dict[str, Any]]] = [
    (f"/v1/rentals/{FIRST}/rent-again", {}),
    ("/v1/long-rentals", {"period": "1w"}),
    ("/v1/long-rentals/1/renew", {}),
]


@pytest.mark.parametrize(("path", "given"), SPENDS)
async def test_every_purchase_can_be_of_unknown_outcome(
    bank: Bank, path: str, given: dict[str, Any]
) -> None:
    await rent(bank.client)
    await bank.client.post("/v1/long-rentals", {"period": "1w"})
    bank.sim.script(Fault("*", FaultKind.DROP_AFTER))
    first, again = [
        await bank.client.post(path, {**given, "request_id": "order-1"}) for _ in range(2)
    ]

    assert (first.status, first.json["code"]) == (409, "outcome_unknown")
    assert again.body == first.body
    assert len(await bank.unknown()) == 1


async def test_a_renewal_is_not_taken_for_the_purchase_of_what_it_renews(bank: Bank) -> None:
    """The ledger does not know it yet: its buyer does, who sees the account."""
    bank.sim.script(Fault("create-long-rental", FaultKind.DROP_AFTER))
    await bank.client.post("/v1/long-rentals", {"period": "1w"})
    renewed = await bank.client.post("/v1/long-rentals/1/renew", {})
    (lost,) = await bank.unknown()
    ledger, at = bank.running.gateway.ledger, datetime.now(UTC)
    bought = await ledger.is_bought(lost.account_id, "long_rental", 1)
    price = bank.sim.books.long_rentals[1].price
    await ledger.settle(lost.ledger_id, resolution(lost, 1, price), at)
    spends = await ledger.spends(10)

    assert renewed.status == 200
    assert not bought
    assert [spend.charged for spend in spends] == [price, price]
    assert bank.sim.books.spent == 2 * price
    assert await ledger.is_bought(lost.account_id, "long_rental", 1)


async def test_what_a_purchase_of_an_unknown_service_may_have_bought_is_not_given_to_another(
    bank: Bank,
) -> None:
    """Two in a row were lost: the second one rented again what the first one had bought."""
    await bank.client.get("/v1/prices")
    first = (await rent(bank.client)).json["id"]
    for number in (first, first + 1):
        bank.sim.script(Fault("re-rent", FaultKind.DROP_AFTER))
        await bank.client.post(f"/v1/rentals/{number}/rent-again")
    seen = (await bank.client.get(f"/v1/rentals/{first + 2}")).json
    unknown = await bank.unknown()

    assert seen["created_at"] is None  # nobody's, until an operator says so
    assert [spend.service_code for spend in unknown] == ["whatsapp", None]
    assert await bank.running.gateway.suggestions(unknown[1])
