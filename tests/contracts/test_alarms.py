"""Alarms are written with what they tell, once by all nodes, and read by those they concern."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from adapters.store import Store, open_store
from gateway.core.model.callers import GatewayKey, Limits, caller_id
from gateway.core.model.events import ALARMS, Alarm, Event, EventType
from gateway.core.model.purchases import Outcome, View
from gateway.core.model.rentals import RentalStatus
from tests.support.ledger import (
    ACCOUNT,
    LATER,
    NOW,
    REFUSED,
    RELEASED,
    UNKNOWN,
    bought,
    buy,
    end,
    intent,
    long_rental,
    new_id,
    rental,
    rental_of,
)
from tests.support.statements import execute
from tests.support.store_process import another
from tests.support.waiting import until

LOST = EventType.PURCHASE_OUTCOME_UNKNOWN
OVERCHARGED = EventType.PURCHASE_OVERCHARGED
REACHED = EventType.KEY_BUDGET_REACHED
LOW = EventType.BALANCE_LOW
KEY = GatewayKey("k1", "the shop", "hash", Limits(), NOW)
SHOP = caller_id(KEY)
TOMORROW = NOW + timedelta(days=1)


async def alarms(store: Store, view: View = ACCOUNT) -> list[Event]:
    """Oldest first."""
    return [event for event in await store.events.events(view, 0, 1000) if event.type in ALARMS]


async def told(store: Store, view: View = ACCOUNT) -> list[tuple[str | None, int | None, str]]:
    """Of which budgets how much was told, and what was spent."""
    found = [event.details for event in await alarms(store, view) if event.type is REACHED]
    return [(one.limit, one.percent, str(one.spent)) for one in found if one is not None]


async def limited(store: Store, **limits: Any) -> None:
    await store.keys.create(replace(KEY, limits=Limits(**limits)))


async def spend(store: Store, *prices: str, first: int = 1, at: datetime = NOW) -> None:
    for place, price in enumerate(prices, first):
        amount = Decimal(price)
        await buy(store.ledger, rental(place, price=amount), caller_id=SHOP, reserved=amount, at=at)


def heard(store: Store) -> list[Alarm]:
    """The alarms that this process is told of."""
    raised: list[Alarm] = []
    store.alarms.to = raised.append
    return raised


async def test_a_lost_purchase_is_told_to_its_buyer_and_the_account_once(store: Store) -> None:
    raised = heard(store)
    ledger_id = await end(store.ledger, UNKNOWN)
    await store.ledger.settle(ledger_id, UNKNOWN, LATER)  # the operator does not know either

    [event] = await alarms(store)
    assert event.type is LOST
    assert event.details is not None
    assert event.details.model_dump(exclude_none=True) == {
        "ledger_id": ledger_id,
        "operation": "rent_number",
        "reserved": "0.55",
    }
    assert rental_of(event).status is RentalStatus.UNKNOWN
    assert (rental_of(event).ledger_id, rental_of(event).id) == (ledger_id, None)
    assert await alarms(store, View("account", "caller")) == [event]
    assert await alarms(store, View("account", "another")) == []
    assert await alarms(store, View("other")) == []
    assert [(one.type, one.details) for one in raised] == [(LOST, event.details)]


async def test_a_lost_long_rental_is_told_without_a_rental(store: Store) -> None:
    ledger_id = await end(store.ledger, UNKNOWN, kind="long_rental", reserved=None)

    [event] = await alarms(store)
    assert (event.type, event.data) == (LOST, None)
    assert event.details is not None
    assert (event.details.ledger_id, event.details.reserved) == (ledger_id, None)


async def test_what_the_dead_left_is_told_once(store_url: str, store: Store) -> None:
    with another(store_url, "leave_open") as other:
        other.go()
        assert other.line() == "left"
    async with open_store(store_url, new_id=new_id) as second:
        raised = [heard(store), heard(second)]

        async def recovered() -> bool:
            await asyncio.gather(store.ledger.recover(NOW), second.ledger.recover(NOW))
            return bool(await alarms(store))

        await until(recovered)

    [event] = await alarms(store)
    assert event.details is not None
    assert event.details.ledger_id == "sent"
    assert sum(map(len, raised)) == 1


@pytest.mark.parametrize(
    ("reserved", "price", "alarming"),
    [
        (Decimal("0.55"), Decimal("0.56"), True),
        (Decimal("0.55"), Decimal("0.55"), False),
        (Decimal("0.55"), None, False),  # counted as reserved
        (None, Decimal("9.99"), False),
    ],
    ids=str,
)
async def test_a_price_above_what_was_reserved_is_told(
    store: Store, reserved: Decimal | None, price: Decimal | None, alarming: bool
) -> None:
    ledger_id = await buy(store.ledger, rental(price=price), reserved=reserved)

    found = await alarms(store, View("account", "caller"))
    assert [event.type for event in found] == [OVERCHARGED] * alarming
    for event in found:
        assert rental_of(event).id == 12345
        assert event.details is not None
        assert event.details.model_dump(exclude_none=True) == {
            "ledger_id": ledger_id,
            "operation": "rent_number",
            "reserved": str(reserved),
            "charged": str(price),
        }
    listed = await store.events.page(
        ACCOUNT, type=OVERCHARGED, rental_id=12345, after=None, before=None, limit=9
    )
    assert listed == found


async def test_a_lost_purchase_found_at_a_higher_price_is_told_as_that(store: Store) -> None:
    lost = await end(store.ledger, UNKNOWN)
    await store.ledger.settle(lost, bought(rental(price=Decimal("0.70"))), LATER)
    dear = await end(store.ledger, UNKNOWN, kind="long_rental")
    await store.ledger.settle(dear, bought(long_rental()), LATER)

    found = await alarms(store)
    assert [event.type for event in found] == [LOST, OVERCHARGED] * 2
    assert [event.data and event.data.id for event in found] == [None, 12345, None, None]


TOTAL = {"budget_total": Decimal("1.00")}
DAY = {"budget_day": Decimal("1.00")}
SPENDING: list[tuple[dict[str, Any], Sequence[str], list[tuple[str, int, str]]]] = [
    (TOTAL, ["0.79"], []),
    (TOTAL, ["0.40", "0.40"], [("total", 80, "0.80")]),
    (TOTAL, ["0.80", "0.10", "0.05"], [("total", 80, "0.80")]),
    (TOTAL, ["0.80", "0.20"], [("total", 80, "0.80"), ("total", 100, "1.00")]),
    (TOTAL, ["1.00"], [("total", 80, "1.00"), ("total", 100, "1.00")]),
    (DAY, ["0.85"], [("day", 80, "0.85")]),
    (DAY | {"budget_total": Decimal("2.00")}, ["0.85"], [("day", 80, "0.85")]),
    (DAY | TOTAL, ["0.90"], [("day", 80, "0.90"), ("total", 80, "0.90")]),
    ({"max_price": Decimal(1)}, ["0.99"], []),
    ({"budget_total": Decimal(0)}, ["0"], []),
]


@pytest.mark.parametrize(("limits", "prices", "expected"), SPENDING, ids=str)
async def test_each_crossing_of_a_budget_is_told_once(
    store_url: str, store: Store, limits: Any, prices: Sequence[str], expected: Any
) -> None:
    await limited(store, **limits)
    for place, price in enumerate(prices, 1):
        async with open_store(store_url, new_id=new_id) as restarted:
            await spend(restarted, price, first=place)

    assert await told(store) == expected
    assert await told(store, View("account", SHOP)) == expected
    assert await told(store, View("account", "gtw_another")) == []


async def test_it_tells_which_key_and_how_much(store: Store) -> None:
    raised = heard(store)
    await limited(store, **TOTAL)
    await spend(store, "0.85")

    [event] = await alarms(store)
    assert event.data is None
    assert event.details is not None
    assert event.details.model_dump(exclude_none=True) == {
        "key_id": "k1",
        "key_name": "the shop",
        "limit": "total",
        "percent": 80,
        "spent": "0.85",
        "budget": "1.00",
    }
    assert raised == [Alarm(REACHED, "account", SHOP, event.details)]


async def test_another_day_is_another_budget(store: Store) -> None:
    await limited(store, **DAY)
    await spend(store, "0.80")
    await spend(store, "0.50", first=2, at=TOMORROW)
    assert len(await told(store)) == 1
    await spend(store, "0.30", first=3, at=TOMORROW)

    assert await told(store) == [("day", 80, "0.80")] * 2


@pytest.mark.parametrize("over", [REFUSED, RELEASED])
async def test_what_is_under_way_and_refused_tells_nothing(store: Store, over: Outcome) -> None:
    await limited(store, **TOTAL)
    given: dict[str, Any] = {"caller_id": SHOP, "reserved": Decimal("0.40")}
    for _ in range(3):  # each brings what counts to 80 %, and then is refused
        waiting = intent(**given)
        assert await store.ledger.begin(waiting) is None
        assert await told(store) == []
        await store.ledger.settle(waiting.ledger_id, over, NOW)
    waiting = intent(**given)
    await store.ledger.begin(waiting)
    await spend(store, "0.40")  # with what is under way it is 80 %
    assert await told(store) == []
    await store.ledger.settle(waiting.ledger_id, over, NOW)
    assert await told(store) == []
    await end(store.ledger, UNKNOWN, **given)  # this stays reserved

    assert await told(store) == [("total", 80, "0.80")]


async def test_a_refused_purchase_does_not_arm_what_was_told(store: Store) -> None:
    await limited(store, **TOTAL)
    await spend(store, "0.80")
    for _ in range(2):
        await end(store.ledger, REFUSED, caller_id=SHOP, reserved=Decimal("0.20"))
    await spend(store, "0.05", first=2)

    assert await told(store) == [("total", 80, "0.80")]


@pytest.mark.parametrize("way", ["cancelled", "recorded"])
async def test_a_refund_arms_it_again(store: Store, way: str) -> None:
    await limited(store, **TOTAL)
    given: dict[str, Any] = {"caller_id": SHOP, "reserved": Decimal("0.50")}
    first = await buy(store.ledger, rental(1, price=Decimal("0.50")), **given)
    await spend(store, "0.50", first=2)
    if way == "recorded":
        assert await store.ledger.record_refund(first, Decimal("0.50"), LATER)
    else:
        await store.ledger.record("account", rental(1, status=RentalStatus.CANCELLED), LATER)
    assert len(await told(store)) == 2
    await spend(store, "0.30", first=3)

    assert await told(store) == [
        ("total", 80, "1.00"), ("total", 100, "1.00"), ("total", 80, "0.80"),
    ]  # fmt: skip


async def test_a_refund_that_leaves_it_above_arms_nothing(store: Store) -> None:
    await limited(store, **TOTAL)
    await spend(store, "0.85", "0.10")
    await store.ledger.record("account", rental(2, status=RentalStatus.CANCELLED), LATER)
    await spend(store, "0.05", first=3)

    assert await told(store) == [("total", 80, "0.85")]


async def test_a_higher_budget_is_told_at_its_own_line(store_url: str, store: Store) -> None:
    await limited(store, **TOTAL)
    await spend(store, "0.80")
    await execute(store_url, """UPDATE keys SET limits = '{"budget_total": "2.00"}'""")
    await spend(store, "0.10", first=2)
    assert len(await told(store)) == 1
    await spend(store, "0.75", first=3)

    assert await told(store) == [("total", 80, "0.80"), ("total", 80, "1.65")]


async def test_ten_purchases_at_once_on_two_nodes_tell_each_crossing_once(
    store_url: str, store: Store
) -> None:
    await limited(store, **TOTAL, **DAY)
    price = Decimal("0.10")
    async with open_store(store_url, new_id=new_id) as other:
        nodes = [store, other]
        raised = [heard(node) for node in nodes]
        wanted = [intent(caller_id=SHOP, reserved=price) for _ in range(12)]
        await asyncio.gather(*(store.ledger.begin(each) for each in wanted))
        ends = [bought(rental(number, price=price)) for number in range(1, 11)] + [REFUSED] * 2
        await asyncio.gather(
            *(
                nodes[place % 2].ledger.settle(each.ledger_id, over, NOW)
                for place, (each, over) in enumerate(zip(wanted, ends, strict=True))
            )
        )

    assert sorted(await told(store)) == [
        ("day", 80, "0.80"), ("day", 100, "1.00"),
        ("total", 80, "0.80"), ("total", 100, "1.00"),
    ]  # fmt: skip
    assert sum(map(len, raised)) == 4


def _at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


BALANCES: list[tuple[str, list[tuple[str, float, float, bool]], list[str]]] = [
    # what happens; balance, asked at, known at, whether low then; the balances told
    ("low from the first", [("4.99", 0, 1, True)], ["4.99"]),
    ("at the line is enough", [("5.00", 0, 1, False)], []),
    ("once", [("6", 0, 1, False), ("4", 2, 3, True), ("3", 4, 5, True)], ["4"]),
    (
        "again after a rise",
        [("4", 0, 1, True), ("6", 2, 3, False), ("4.5", 4, 5, True)],
        ["4", "4.5"],
    ),
    (
        "an answer older than the fall is no rise",
        [("6", 0, 1, False), ("4", 2, 4, True), ("5.5", 3, 5, True), ("3", 6, 7, True)],
        ["4"],
    ),
    (
        "an answer older than the rise is no fall",
        [("4", 0, 1, True), ("50", 3, 4, False), ("4", 2, 5, False), ("49", 6, 7, False)],
        ["4"],
    ),
    (
        "one that tells a fall late tells it all the same",
        [("6", 1, 2, False), ("6", 1, 4, False), ("4", 3, 5, True)],
        ["4"],
    ),
    ("all at one moment", [("4", 0, 0, True), ("6", 0, 0, False), ("4", 0, 0, True)], ["4", "4"]),
]


@pytest.mark.parametrize(
    ("answers", "expected"), [row[1:] for row in BALANCES], ids=[row[0] for row in BALANCES]
)
async def test_a_low_balance_is_told_once_for_each_fall(
    store_url: str,
    store: Store,
    answers: list[tuple[str, float, float, bool]],
    expected: list[str],
) -> None:
    raised = heard(store)
    for balance, asked, known, low in answers:
        async with open_store(store_url, new_id=new_id) as node:
            node.alarms.to = raised.append
            judged = await node.balances.judge(
                "account", Decimal(balance), Decimal(5), asked_at=_at(asked), at=_at(known)
            )
        assert judged is low

    found = await alarms(store)
    assert [(event.type, event.data) for event in found] == [(LOW, None)] * len(expected)
    details = [event.details for event in found if event.details is not None]
    assert [one.balance for one in details] == [Decimal(each) for each in expected]
    assert {one.threshold for one in details} <= {Decimal(5)}
    assert [one.details for one in raised] == details
    assert await alarms(store, View("account", "account")) == []  # only who sees all of it
    assert await alarms(store, View("other")) == []


async def test_two_nodes_tell_one_fall_once(store_url: str, store: Store) -> None:
    async with open_store(store_url, new_id=new_id) as other:
        raised = [heard(store), heard(other)]
        judged = await asyncio.gather(
            *(
                node.balances.judge(
                    "account", Decimal(4), Decimal(5), asked_at=_at(place), at=_at(place + 1)
                )
                for place, node in enumerate((store, other) * 5)
            )
        )

    assert judged == [True] * 10
    assert len(await alarms(store)) == 1
    assert sum(map(len, raised)) == 1
