"""What comes back when a rental ends without a code, and what the ledger and budgets know of it."""

from dataclasses import replace
from decimal import Decimal

import pytest

from adapters.simulator import Fault, FaultKind
from gateway.core.model.purchases import SpendState
from tests.support.money import CHARGING, Bank, open_bank, rent
from tests.support.waiting import until

ONE_DOLLAR = {"budget_total": Decimal(1)}


def expire(bank: Bank, rental_id: int) -> None:
    provider = bank.sim.provider
    provider.renting.expire(rental_id, provider.timeline.now())


@pytest.mark.parametrize("refunds", [True, False], ids=["refunded", "kept"])
async def test_an_expiry_frees_the_budget_where_the_provider_refunds_it(
    store_url: str, refunds: bool
) -> None:
    config = replace(CHARGING, rules=replace(CHARGING.rules, refund_expired=refunds))
    async with open_bank(store_url, config=config, getatext_expiry_refunds=refunds) as bank:
        buyer = await bank.with_key(**ONE_DOLLAR)
        made, full = await rent(buyer), await rent(buyer)
        expire(bank, made.json["id"])
        read = await buyer.get(f"/v1/rentals/{made.json['id']}")
        listed, balance = await buyer.get("/v1/rentals"), await buyer.get("/v1/balance")
        filtered = await buyer.get("/v1/rentals", status="expired")
        next_one = await rent(buyer)
        [*_, spend] = await bank.running.gateway.ledger.spends(9)
        books = bank.sim.books.rentals[made.json["id"]]

    came_back = "0.55" if refunds else None
    assert (full.status, full.json["code"]) == (403, "budget_exceeded")
    assert (made.json["refunded"], read.json["status"]) == (None, "expired")
    assert [one.json["data"][0]["refunded"] for one in (listed, filtered)] == [came_back] * 2
    assert read.json["refunded"] == came_back
    assert balance.json["spent_total"] == ("0.00" if refunds else "0.55")
    assert next_one.status == (201 if refunds else 403)
    assert (spend.charged, spend.refunded) == (books.price, books.refunded)


async def test_the_default_is_that_nothing_comes_back(bank: Bank) -> None:
    buyer = await bank.with_key(**ONE_DOLLAR)
    made = await rent(buyer)
    expire(bank, made.json["id"])
    read = await buyer.get(f"/v1/rentals/{made.json['id']}")

    assert (read.json["status"], read.json["refunded"]) == ("expired", None)
    assert (await rent(buyer)).status == 403


async def test_a_cancelled_rental_says_what_came_back(bank: Bank) -> None:
    made = await rent(bank.client)
    cancelled = await bank.client.post(f"/v1/rentals/{made.json['id']}/cancel")
    [spend] = await bank.running.gateway.ledger.spends(9)

    assert (cancelled.json["refunded"], cancelled.json["codes"]) == ("0.55", [])
    assert spend.refund_reason == "cancelled"
    assert spend.refunded_at is not None


async def test_a_lost_purchase_matched_with_an_expired_rental_is_refunded(store_url: str) -> None:
    async with open_bank(store_url, getatext_expiry_refunds=True) as bank:
        await bank.client.get("/v1/prices")
        bank.sim.script(Fault("rent-a-number", FaultKind.DROP_AFTER))
        lost = await rent(bank.client, "order-1")
        [rental_id] = bank.sim.books.rentals
        expire(bank, rental_id)
        read = await bank.client.get(f"/v1/rentals/{rental_id}")
        ledger = bank.running.gateway.ledger
        await until(lambda: is_settled(bank))
        [spend] = await ledger.spends(9)

    assert lost.json["code"] == "outcome_unknown"
    assert (read.json["status"], read.json["refunded"]) == ("expired", "0.55")
    assert (spend.charged, spend.refunded) == (Decimal("0.55"), Decimal("0.55"))
    assert spend.refund_reason == "expired"


async def is_settled(bank: Bank) -> bool:
    [spend] = await bank.running.gateway.ledger.spends(9)
    return spend.state is SpendState.BOUGHT
