"""Many at once: one request id buys once, and a budget for seven lets seven through."""

import asyncio
from collections import Counter
from decimal import Decimal

import pytest

from adapters.simulator import Simulator
from tests.support.contract import Answer
from tests.support.money import (
    CHARGING,
    PRICE,
    Bank,
    asked_to_rent,
    open_bank,
    rent,
    rent_many,
    replayed,
    two_clients,
)

MANY = 200
BUDGET_FOR_SEVEN = 7 * PRICE + Decimal("0.54")


def assert_one(answers: list[Answer]) -> None:
    assert [answer.status for answer in answers] == [201] * MANY
    assert len({answer.body for answer in answers}) == 1
    assert sum(not replayed(answer) for answer in answers) == 1


async def test_one_request_id_buys_once_however_many_send_it(store_url: str) -> None:
    async with open_bank(store_url) as bank:
        answers = await rent_many(bank.client, MANY, request_id="order-1")

    assert_one(answers)
    assert bank.rents == 1
    assert len(bank.sim.books.rentals) == 1


async def test_one_request_id_buys_once_on_two_nodes_and_after_both_have_gone(
    store_url: str,
) -> None:
    async with Simulator(CHARGING).running() as sim:
        async with two_clients(sim.url, store_url) as (one, other):
            halves = await asyncio.gather(
                rent_many(one, MANY // 2, request_id="order-1"),
                rent_many(other, MANY // 2, request_id="order-1"),
            )
        async with open_bank(store_url, sim) as bank:
            later = await rent(bank.client, "order-1")

    assert_one([*halves[0], *halves[1]])
    assert (later.status, later.body) == (201, halves[0][0].body)
    assert replayed(later)
    assert asked_to_rent(sim) == 1


def assert_seven(answers: list[Answer], sim: Simulator) -> None:
    ends = Counter(answer.json.get("code", "bought") for answer in answers)
    refused = [answer for answer in answers if answer.status != 201]

    # A rental's own code is null: that is what Counter sees of a success.
    assert ends == {None: 7, "budget_exceeded": 93}
    assert {(answer.status, answer.json["charged"]) for answer in refused} == {(403, "no")}
    assert asked_to_rent(sim) == 7
    assert sim.books.spent == 7 * PRICE


@pytest.mark.parametrize("budget", ["budget_total", "budget_day"])
async def test_a_budget_for_seven_lets_seven_of_a_hundred_through(
    store_url: str, budget: str
) -> None:
    async with open_bank(store_url) as bank:
        holder = await bank.with_key(**{budget: BUDGET_FOR_SEVEN})
        answers = await rent_many(holder, 100)

        assert_seven(answers, bank.sim)


async def test_a_budget_for_seven_lets_seven_through_on_two_nodes_together(store_url: str) -> None:
    async with Simulator(CHARGING).running() as sim:
        async with open_bank(store_url, sim) as bank:
            key = await bank.key(budget_total=BUDGET_FOR_SEVEN)
        async with two_clients(sim.url, store_url, key) as (one, other):
            halves = await asyncio.gather(rent_many(one, 50), rent_many(other, 50))

        assert_seven([*halves[0], *halves[1]], sim)


async def test_a_limit_of_active_rentals_holds_exactly(bank: Bank) -> None:
    holder = await bank.with_key(max_active=3)
    answers = await rent_many(holder, 30)
    ends = Counter(answer.json["code"] for answer in answers)

    assert ends == {None: 3, "too_many_active_rentals": 27}
    assert bank.rents == 3
