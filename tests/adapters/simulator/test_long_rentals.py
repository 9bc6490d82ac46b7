"""Numbers for weeks: what they cost, how they end, what they receive."""

from decimal import Decimal
from typing import Any

import pytest

from adapters.simulator import LongStatus, Simulator
from tests.adapters.simulator.support import Customer

WEEK = 7 * 86_400


async def create(customer: Customer, period: str = "1w", auto_renew: bool = False) -> Any:
    wish = {"rental_time": period, "auto_renew": auto_renew}
    return await customer.post("long-rentals", wish)


def status(sim: Simulator) -> LongStatus:
    return sim.books.long_rentals[1].status


@pytest.mark.parametrize(
    ("period", "price", "label"),
    [("1w", "10.55", "1 Week"), ("2w", "18.00", "2 Weeks"), ("1m", "30.00", "1 Month")],
)
async def test_each_period_has_its_price(
    alice: Customer, period: str, price: str, label: str
) -> None:
    http_status, body = await create(alice, period)

    assert http_status == 200
    assert (body["long_rental"]["price"], body["long_rental"]["period"]) == (price, label)
    assert alice.balance == Decimal("113.87") - Decimal(price)


async def test_too_dear_or_unknown_is_refused(alice: Customer) -> None:
    assert await create(alice, "1y") == (400, {"errors": "You have insufficient funds"})
    assert await create(alice, "3d") == (400, {"errors": "The rental time field is invalid"})
    assert alice.sim.books.long_rentals == {}


async def test_renewing_costs_and_adds_a_period(alice: Customer) -> None:
    await create(alice)
    _, body = await alice.post("long-rentals/1/update", {"action": "renew"})

    assert body["long_rental"]["end_time"] == "2025-07-20"
    assert alice.balance == Decimal("113.87") - 2 * Decimal("10.55")
    assert alice.sim.books.long_rentals[1].paid == Decimal("21.10")


async def test_cancelling_gives_nothing_back(alice: Customer) -> None:
    await create(alice, auto_renew=True)
    _, body = await alice.post("long-rentals/1/update", {"action": "cancel"})
    again = await alice.post("long-rentals/1/update", {"action": "renew"})

    assert (body["long_rental"]["status"], body["long_rental"]["auto_renew"]) == (
        "Cancelled",
        False,
    )
    assert again == (400, {"errors": "Rental is not active"})
    assert alice.balance == Decimal("103.32")


async def test_auto_renew_pays_while_the_money_lasts(alice: Customer) -> None:
    await create(alice)
    change = {"action": "auto_renew", "auto_renew": True}
    _, body = await alice.post("long-rentals/1/update", change)
    alice.sim.advance(9 * WEEK + 1)
    after_nine_weeks = (status(alice.sim), alice.balance)
    alice.sim.advance(WEEK)

    assert body["long_rental"]["auto_renew"] is True
    assert after_nine_weeks == (LongStatus.ACTIVE, Decimal("8.37"))
    assert status(alice.sim) is LongStatus.EXPIRED


async def test_without_auto_renew_it_expires(alice: Customer) -> None:
    await create(alice)
    alice.sim.advance(WEEK)
    _, body = await alice.get("long-rentals")

    assert body["long_rentals"][0]["status"] == "Expired"
    assert alice.balance == Decimal("103.32")


async def test_unknown_actions_and_rentals_and_strangers_are_refused(
    alice: Customer, bob: Customer
) -> None:
    await create(alice)

    assert await alice.post("long-rentals/1/update", {"action": "x"}) == (
        400,
        {"errors": "The action field is invalid"},
    )
    assert (await alice.get("long-rentals/2/messages"))[0] == 404
    assert await bob.get("long-rentals/1/messages") == (
        200,
        {"errors": "You do not have permission to access this rental"},
    )
    assert (await bob.get("long-rentals"))[1]["long_rentals"] == []


async def test_messages_arrive_until_it_ends(alice: Customer) -> None:
    await create(alice)
    told = {"long_rental_id": 1, "sender": "GOOG", "text": "G-123456"}
    await alice.control("POST", "text", told)
    alice.sim.advance(10)
    await alice.post("long-rentals/1/update", {"action": "cancel"})
    await alice.control("POST", "text", told)
    _, body = await alice.get("long-rentals/1/messages")

    assert [one["sender"] for one in body["messages"]] == ["GOOG", "8888", "22395"]
