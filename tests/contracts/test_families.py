"""Keys that other keys made: their purchases count against both, and both see them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from adapters.store import Store, open_store
from adapters.store.postgres import database
from gateway.core.model.callers import Ancestor, GatewayKey, Limits
from gateway.core.model.events import EventType
from gateway.core.model.hindrances import AncestorBreach, Breach
from gateway.core.model.purchases import Intent, SpendState, View
from gateway.core.model.rentals import RentalStatus
from tests.support.ledger import (
    NOW,
    REFUSED,
    UNKNOWN,
    bought,
    buy,
    end,
    intent,
    long_rental,
    new_id,
    rental,
    rental_of,
    spent,
)
from tests.support.waiting import until

PARENT, CHILD, SIBLING, GRANDCHILD = "gtw_parent", "gtw_child", "gtw_sibling", "gtw_grandchild"
MADE_BY = {"child": "parent", "sibling": "parent", "grandchild": "child"}
YESTERDAY = NOW - timedelta(days=1)


def made(id: str, limits: Limits = Limits()) -> GatewayKey:  # noqa: B008 - it is frozen
    return GatewayKey(
        id=id, name=id, hashed=id, limits=limits, created_at=NOW, parent_id=MADE_BY.get(id)
    )


def above(caller_id: str, **limits: Limits) -> tuple[Ancestor, ...]:
    """The ancestors of a caller, each with the limits given for its name."""
    parent = MADE_BY.get(caller_id.removeprefix("gtw_"))
    if parent is None:
        return ()
    its = Ancestor(f"gtw_{parent}", parent, limits.get(parent, Limits()))
    return its, *above(its.caller_id, **limits)


def child_of(at: datetime = NOW, caller_id: str = CHILD, **given: Any) -> Intent:
    """A purchase of a key below; `parent`, `child`: the limits of those above it."""
    limits = {name: given.pop(name) for name in ("parent", "child") if name in given}
    return intent(at, caller_id=caller_id, ancestors=above(caller_id, **limits), **given)


@pytest.fixture(autouse=True)
async def keys_of_a_family(store: Store) -> None:
    for id in ("parent", *MADE_BY):
        await store.keys.create(made(id))


async def test_a_purchase_counts_for_its_key_and_all_above_it(store: Store) -> None:
    await buy(store.ledger, rental(1), caller_id=GRANDCHILD, ancestors=above(GRANDCHILD))
    await buy(store.ledger, rental(2), caller_id=PARENT)

    assert await spent(store.ledger, GRANDCHILD) == ("0.55", "0.55")
    assert await spent(store.ledger, CHILD) == ("0.55", "0.55")
    assert await spent(store.ledger, PARENT) == ("1.10", "1.10")
    assert await spent(store.ledger, SIBLING) == ("0.00", "0.00")


@pytest.mark.parametrize("limit", ["budget_day", "budget_total", "max_per_day", "max_active"])
async def test_a_limit_holds_for_all_below_it_together(store: Store, limit: str) -> None:
    room = Decimal("1.10") if limit.startswith("budget") else 2
    limits = Limits(**{limit: room})  # type: ignore[arg-type]
    for caller_id in (SIBLING, GRANDCHILD):
        assert await store.ledger.begin(child_of(caller_id=caller_id, parent=limits)) is None

    told = [
        await store.ledger.begin(child_of(caller_id=CHILD, parent=limits)),
        await store.ledger.breach(child_of(caller_id=CHILD, parent=limits)),
    ]
    own = await store.ledger.begin(intent(caller_id=PARENT, limits=limits))

    assert told == [AncestorBreach(Breach(limit), above(CHILD, parent=limits)[0])] * 2
    assert own is Breach(limit)


async def test_the_keys_own_limit_is_told_first_then_the_nearest(store: Store) -> None:
    nothing = Limits(budget_total=Decimal(0))

    own = child_of(caller_id=GRANDCHILD, limits=nothing, child=nothing, parent=nothing)
    nearest = child_of(caller_id=GRANDCHILD, child=nothing, parent=nothing)

    assert await store.ledger.begin(own) is Breach.BUDGET_TOTAL
    assert await store.ledger.begin(nearest) == AncestorBreach(
        Breach.BUDGET_TOTAL, nearest.ancestors[0]
    )


async def test_what_was_refused_stays_uncounted_and_a_lost_one_reserved(store: Store) -> None:
    given: dict[str, Any] = {"caller_id": CHILD, "ancestors": above(CHILD)}
    await end(store.ledger, REFUSED, **given)
    lost = await end(store.ledger, UNKNOWN, **given)
    assert await spent(store.ledger, PARENT) == ("0.55", "0.55")

    assert await store.ledger.settle(lost, bought(rental(price=Decimal("0.40"))), NOW)

    assert await spent(store.ledger, PARENT) == ("0.40", "0.40")


async def test_a_refund_goes_to_the_sums_of_the_day_of_the_purchase(store: Store) -> None:
    given = {"caller_id": GRANDCHILD, "ancestors": above(GRANDCHILD)}
    await buy(store.ledger, rental(1), at=YESTERDAY, **given)
    by_hand = await buy(store.ledger, rental(2), at=YESTERDAY, **given)
    await buy(store.ledger, rental(3), **given)

    await store.ledger.record("account", rental(1, status=RentalStatus.CANCELLED), NOW)
    assert await store.ledger.record_refund(by_hand, Decimal("0.25"), NOW)

    for caller_id in (PARENT, CHILD, GRANDCHILD):
        assert await spent(store.ledger, caller_id, YESTERDAY) == ("0.30", "0.85")
        assert await spent(store.ledger, caller_id) == ("0.55", "0.85")


async def test_request_ids_are_of_each_key(store: Store) -> None:
    await end(store.ledger, bought(rental(1)), caller_id=PARENT, request_id="r1")

    again = await store.ledger.begin(child_of(request_id="r1"))

    assert again is None
    assert await store.ledger.by_request(CHILD, "r1") != await store.ledger.by_request(PARENT, "r1")


async def test_who_made_a_key_sees_what_it_bought_and_not_the_other_way_round(
    store: Store,
) -> None:
    for id, caller_id in enumerate((PARENT, CHILD, SIBLING, GRANDCHILD), 1):
        given = {"caller_id": caller_id, "ancestors": above(caller_id)}
        await buy(store.ledger, rental(id), **given)
        await buy(store.ledger, long_rental(id), kind="long_rental", reserved=None, **given)
    seen = {PARENT: [1, 2, 3, 4], CHILD: [2, 4], SIBLING: [3], GRANDCHILD: [4]}

    for caller_id, expected in seen.items():
        view = View("account", caller_id)
        listed = await store.ledger.list_rentals(view, limit=10, before=None)
        assert [each.id for each in listed] == expected[::-1]
        held = await store.ledger.all_rentals(view, "long_rental")
        assert [each.id for each in held] == expected
        for id in (1, 2, 3, 4):
            found = await store.ledger.find(view, "rental", id)
            assert (found is not None) == (id in expected)
        events = await store.events.events(view, 0, 100)
        assert [rental_of(each).id for each in events] == expected
        page = await store.events.page(
            view, type=None, rental_id=None, after=None, before=None, limit=100
        )
        assert [rental_of(each).id for each in page] == expected[::-1]


async def test_pages_of_a_family_go_on_where_the_last_ended(store: Store) -> None:
    callers = [(PARENT, CHILD, SIBLING, GRANDCHILD)[each % 4] for each in range(12)]
    for id, caller_id in enumerate(callers, 1):
        at = NOW + timedelta(seconds=id)
        given = {"caller_id": caller_id, "ancestors": above(caller_id)}
        await buy(store.ledger, rental(id), at=at, **given)
    view, listed, events = View("account", PARENT), list[int | None](), list[int | None]()

    before = None
    while page := await store.ledger.list_rentals(view, limit=5, before=before):
        listed += [each.id for each in page]
        before = page[-1].ledger_id
    after = 0
    while told := await store.events.events(view, after, 5):
        events += [rental_of(each).id for each in told]
        after = told[-1].id

    assert listed == [*range(12, 0, -1)]
    assert events == [*range(1, 13)]


async def test_a_key_made_later_is_seen_from_its_first_purchase_on(store: Store) -> None:
    view = View("account", PARENT)
    assert await store.events.events(view, 0, 10) == []

    await store.keys.create(replace(made("new"), parent_id="grandchild"))
    its = above("gtw_grandchild")
    family = (Ancestor(GRANDCHILD, "grandchild", Limits()), *its)
    await buy(store.ledger, rental(7), caller_id="gtw_new", ancestors=family)

    [event] = await store.events.events(view, 0, 10)
    assert rental_of(event).id == 7
    assert await store.ledger.find(view, "rental", 7) is not None


async def test_usage_is_of_all_below_and_tells_the_keys_apart(store: Store) -> None:
    for id, caller_id in enumerate((PARENT, CHILD, GRANDCHILD), 1):
        await buy(store.ledger, rental(id), caller_id=caller_id, ancestors=above(caller_id))

    found = await store.ledger.usage(View("account", PARENT), "key", None, None)
    below = await store.ledger.usage(View("account", CHILD), "service", None, None)

    assert {key: tally.rentals for key, tally in found.items()} == {
        PARENT: 1,
        CHILD: 1,
        GRANDCHILD: 1,
    }
    assert below["whatsapp"].charged == 1_100_000


async def test_the_budget_of_a_key_above_is_told_once(store: Store) -> None:
    limits = Limits(budget_total=Decimal("1.10"))
    await store.keys.change("parent", lambda key: replace(key, limits=limits), NOW)

    for id, caller_id in enumerate((CHILD, SIBLING), 1):
        its = above(caller_id, parent=limits)
        await buy(store.ledger, rental(id), caller_id=caller_id, ancestors=its)

    told = {
        caller_id: [
            event.details and (event.details.key_name, event.details.percent)
            for event in await store.events.events(View("account", caller_id), 0, 100)
            if event.type is EventType.KEY_BUDGET_REACHED
        ]
        for caller_id in (PARENT, CHILD, SIBLING)
    }
    assert told == {PARENT: [("parent", 80), ("parent", 100)], CHILD: [], SIBLING: []}


async def test_what_a_sibling_has_under_way_is_not_told_as_spent(store: Store) -> None:
    limits = Limits(budget_total=Decimal("1.10"))
    await store.keys.change("parent", lambda key: replace(key, limits=limits), NOW)
    assert await store.ledger.begin(child_of(caller_id=SIBLING, parent=limits)) is None

    await buy(store.ledger, rental(1), caller_id=CHILD, ancestors=above(CHILD, parent=limits))

    events = await store.events.events(View("account", PARENT), 0, 100)
    assert [event.type for event in events] == [EventType.RENTAL_CREATED]


@pytest.fixture
async def nodes(store: Store, store_url: str) -> AsyncIterator[tuple[Store, Store]]:
    async with open_store(store_url, new_id=new_id) as other:
        yield store, other


async def test_children_at_once_on_two_nodes_never_pass_the_budget_above(
    nodes: tuple[Store, Store],
) -> None:
    limits = Limits(budget_total=Decimal("3.85"), max_active=9, max_per_day=9)

    async def one(place: int) -> object:
        node, caller_id = nodes[place % 2], (CHILD, SIBLING, GRANDCHILD, PARENT)[place % 4]
        wanted = child_of(caller_id=caller_id, parent=limits)
        if caller_id == PARENT:
            wanted = replace(wanted, limits=limits)
        begun = await node.ledger.begin(wanted)
        if begun is None and place % 3 == 0:  # and gives it back at once
            await node.ledger.settle(wanted.ledger_id, REFUSED, NOW)
        return begun

    await asyncio.gather(*map(one, range(80)))

    ledger = nodes[0].ledger
    states = [spend.state for spend in await ledger.spends(100)]
    held = states.count(SpendState.INTENDED)
    assert held <= 7
    assert await spent(ledger, PARENT) == (f"{held * Decimal('0.55'):.2f}",) * 2
    while await ledger.begin(child_of(parent=limits)) is None:
        held += 1
    assert held == 7


async def test_refunds_of_yesterday_and_purchases_of_today_do_not_deadlock(
    nodes: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    again = (asyncpg.SerializationError, asyncpg.UniqueViolationError)
    monkeypatch.setattr(database, "_CONFLICTS", again)  # a deadlock would be tried again, unseen
    callers = (CHILD, SIBLING, GRANDCHILD, PARENT)
    for id in range(1, 25):
        caller_id = callers[id % 4]
        given = {"caller_id": caller_id, "ancestors": above(caller_id)}
        await buy(nodes[0].ledger, rental(id), at=YESTERDAY, **given)

    async def back(id: int) -> None:
        node = nodes[id % 2]
        await node.ledger.record("account", rental(id, status=RentalStatus.CANCELLED), NOW)

    async def buy_again(id: int) -> None:
        given = {"caller_id": callers[id % 3], "ancestors": above(callers[id % 3])}
        await buy(nodes[(id + 1) % 2].ledger, rental(100 + id), **given)

    await asyncio.gather(*map(back, range(1, 25)), *map(buy_again, range(1, 25)))

    assert await spent(nodes[0].ledger, PARENT, YESTERDAY) == ("0.00", "13.20")
    assert await spent(nodes[0].ledger, PARENT) == ("13.20", "13.20")


async def test_what_a_dead_node_left_counts_above_as_it_ended(store: Store, store_url: str) -> None:
    sent, intended = child_of(caller_id=GRANDCHILD), child_of(caller_id=SIBLING)
    async with open_store(store_url, new_id=new_id) as dead:
        for wanted in (sent, intended):
            assert await dead.ledger.begin(wanted) is None
        await dead.ledger.mark_sent(sent.ledger_id, NOW)
    assert await spent(store.ledger, PARENT) == ("1.10", "1.10")

    await until(lambda: store.ledger.recover(NOW))

    assert await spent(store.ledger, PARENT) == ("0.55", "0.55")
    assert await spent(store.ledger, CHILD) == ("0.55", "0.55")
    assert await store.ledger.settle(sent.ledger_id, REFUSED, NOW)  # as an operator resolves it
    assert await spent(store.ledger, PARENT) == ("0.00", "0.00")
