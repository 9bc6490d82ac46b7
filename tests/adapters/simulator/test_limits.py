"""The rate limits, by a clock that only the test moves."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiohttp import ClientSession

from adapters.simulator import Limits, Simulator
from tests.adapters.simulator.support import BOB, Clock, Customer, config

TOO_MANY = (429, {"errors": "Too many requests"})


@pytest.fixture
async def sim(clock: Clock) -> AsyncIterator[Simulator]:
    async with Simulator(config(clock, limits=Limits())).running() as simulator:
        yield simulator


async def test_two_rents_a_second_and_one_of_the_others(alice: Customer, clock: Clock) -> None:
    await alice.rent()
    await alice.rent()
    third = await alice.post("rent-a-number", {"service": "whatsapp"})
    balances = [await alice.get("balance") for _ in range(2)]
    clock.now += 1.0

    assert third == TOO_MANY
    assert [status for status, _ in balances] == [200, 429]
    assert (await alice.get("balance"))[0] == 200
    assert alice.sim.violations == 2
    assert len(alice.sim.books.rentals) == 2


async def test_calls_and_accounts_are_counted_apart(alice: Customer) -> None:
    bob = replace(alice, key=BOB)

    assert (await alice.get("balance"))[0] == 200
    assert (await alice.get("prices-info"))[0] == 200
    assert (await bob.get("balance"))[0] == 200


async def test_the_window_slides(alice: Customer, clock: Clock) -> None:
    alice.sim.change(limits={"other": 2})
    answers = []
    for pause in (0.0, 0.9, 0.05, 0.06):
        clock.now += pause
        answers.append((await alice.get("balance"))[0])

    assert answers == [200, 200, 429, 429]


async def test_refused_requests_can_be_left_out_of_the_count(alice: Customer, clock: Clock) -> None:
    alice.sim.change(limits={"refusals_count": False})
    answers = []
    for _ in range(4):
        answers.append((await alice.get("balance"))[0])
        clock.now += 0.6

    assert answers == [200, 429, 200, 429]


async def test_single_calls_can_have_their_own_limit_or_none(alice: Customer) -> None:
    alice.sim.change(limits={"calls": {"balance": 3, "prices-info": None}})
    balances = [(await alice.get("balance"))[0] for _ in range(4)]
    prices = [(await alice.get("prices-info"))[0] for _ in range(5)]

    assert balances == [200, 200, 200, 429]
    assert prices == [200] * 5


async def test_limits_can_be_switched_off(alice: Customer) -> None:
    alice.sim.change(limits=False)

    assert {(await alice.get("balance"))[0] for _ in range(5)} == {200}
    assert alice.sim.violations == 0


async def test_premium_calls_have_a_limit_of_their_own(alice: Customer) -> None:
    alice.sim.change(accounts={alice.key: {"tier": "premium"}})
    statuses = [(await alice.post("rental-status-premium", {"id": 1}))[0] for _ in range(201)]

    assert statuses == [404] * 200 + [429]


async def test_a_429_can_be_a_proxys_page_with_a_time_to_wait(
    alice: Customer, session: ClientSession
) -> None:
    alice.sim.change(limits={"body": "html", "retry_after": 2, "other": 0})
    url, headers = f"{alice.sim.url}/api/v1/balance", {"Auth": alice.key}
    async with session.get(url, headers=headers) as response:
        text = await response.text()

    assert (response.status, response.content_type) == (429, "text/html")
    assert response.headers["Retry-After"] == "2"
    assert text.startswith("<!DOCTYPE html>")


async def test_the_get_form_shares_the_limits_of_the_calls(alice: Customer) -> None:
    assert (await alice.get("balance"))[0] == 200
    assert await alice.stub(action="getBalance") == TOO_MANY
