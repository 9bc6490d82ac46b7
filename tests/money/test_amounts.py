"""Amounts that no provider can mean: unreadable, and never a number that the ledger cannot hold."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from gateway.core.model.callers import Limits
from gateway.core.model.purchases import Spend, SpendState
from tests.support import samples as s
from tests.support.gateway import Client, Running, run_gateway
from tests.support.keys import make_key
from tests.support.money import PRICE, rent, replayed, terms
from tests.support.scripted import Asked, Said, Scripted, reply

OVERDRAWN = "-0.55"  # a balance may say so
AMOUNTS: list[Any] = ["99999999999999.99", 10.0**14, 1_000_000, OVERDRAWN, "0.5500001", "1e3"]
amounts = pytest.mark.parametrize("amount", AMOUNTS, ids=str)


@asynccontextmanager
async def before(url: str, amount: Any) -> AsyncIterator[tuple[Running, Client]]:
    """A gateway before a provider that says this amount everywhere but in the price list.

    Also somebody with a key of a budget, who may rent for a long time.
    """
    said: dict[str, Said] = {
        "prices-info": reply(200, s.PRICES),
        "rent-a-number": reply(201, {**s.RENTED, "price": amount, "new_balance": amount}),
        "rental-status": reply(200, {**s.STATUS, "cost": amount, "balance": amount}),
        "cancel-rental": reply(200, {**s.CANCELLED, "cost": amount, "balance": amount}),
        "balance": reply(200, {**s.BALANCE, "balance": amount}),
        "long-rentals": reply(200, {**s.LONG_MADE, "long_rental": {**s.LONG, "price": amount}}),
    }

    def answer(asked: Asked) -> Said:
        return said[asked.path.removeprefix("/api/v1/")]

    async with (
        Scripted(always=answer).running() as provider,
        run_gateway(provider.url, **terms(url)) as running,
    ):
        limits = Limits(budget_total=2 * PRICE, long_rentals=True)
        key = await make_key(running.gateway, "a test", limits)
        yield running, Client(running.client.session, running.url, key)


async def last(running: Running) -> Spend:
    (spend,) = await running.gateway.ledger.spends(1)
    return spend


@amounts
async def test_what_was_bought_at_one_is_bought_and_counts_as_reserved(
    store_url: str, amount: Any
) -> None:
    async with before(store_url, amount) as (running, holder):
        first, again = [await rent(holder, "order-1") for _ in range(2)]
        spend = await last(running)
        read = await holder.get("/v1/rentals/12345")
        cancelled = await holder.post("/v1/rentals/12345/cancel")
        spent = await running.gateway.ledger.spending(spend.caller_id, spend.at)

    balance = amount if amount == OVERDRAWN else None
    assert (first.status, first.json["price"], first.json["balance"]) == (201, None, balance)
    assert (again.body, replayed(again)) == (first.body, True)
    assert (spend.state, spend.charged) == (SpendState.BOUGHT, PRICE)
    assert (read.status, read.json["price"], read.json["balance"]) == (200, None, balance)
    assert (cancelled.status, cancelled.json["status"]) == (200, "cancelled")
    assert spent.total in (PRICE, Decimal(0))


@amounts
async def test_a_long_rental_bought_at_one_is_bought(store_url: str, amount: Any) -> None:
    async with before(store_url, amount) as (running, holder):
        made = await holder.post("/v1/long-rentals", {"period": "1w"})
        spend = await last(running)

    assert (made.status, made.json["price"]) == (201, None)
    assert (spend.state, spend.charged) == (SpendState.BOUGHT, None)


async def test_a_row_of_the_price_list_at_one_is_skipped(store_url: str) -> None:
    listed = [*AMOUNTS, 7.1000000000000005]
    rows = [{**s.PRICE, "api_name": f"service{n}", "price": p} for n, p in enumerate(listed)]
    prices = reply(200, {**s.PRICES, "prices": rows})
    async with (
        Scripted(always=prices).running() as provider,
        run_gateway(provider.url, **terms(store_url)) as running,
    ):
        told = await running.client.get("/v1/prices")

    assert [row["price"] for row in told.json["data"]] == ["7.10"]


@pytest.mark.parametrize("amount", [one for one in AMOUNTS if one != OVERDRAWN], ids=str)
async def test_a_balance_of_one_cannot_be_read(store_url: str, amount: Any) -> None:
    async with before(store_url, amount) as (running, _):
        told = await running.client.get("/v1/balance")

    assert (told.status, told.json["code"]) == (502, "upstream_bad_response")
