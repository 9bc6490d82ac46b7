"""Events are listed newest first, by type and rental; types nobody knows yet are passed over."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, get_args

import pytest

from adapters.store import Store, open_store
from gateway.core.model.events import Event, EventType, ListEvents
from gateway.core.model.purchases import View
from gateway.core.model.rentals import Rental, RentalStatus
from tests.support.ledger import (
    ACCOUNT,
    LATER,
    MINE,
    NOW,
    UNKNOWN,
    bought,
    buy,
    end,
    long_rental,
    new_id,
    rental,
    rental_of,
)
from tests.support.statements import execute

CREATED = EventType.RENTAL_CREATED
CODE = EventType.RENTAL_CODE_RECEIVED
REFUNDED = EventType.RENTAL_REFUNDED
ENDED = EventType.RENTAL_ENDED
LOST = EventType.PURCHASE_OUTCOME_UNKNOWN
CANCELLED = RentalStatus.CANCELLED
EXPIRED = RentalStatus.EXPIRED

# As the version before wrote them: without the columns that came later.
_WRITE = "INSERT INTO events (account_id, caller_id, kind, at, rental, oldest) VALUES "
_THEN = """{"provider_id": %d, "ledger_id": "a", "status": "%s", "service_code": "whatsapp",
    "service_name": null, "number": null, "code": null, "code_at": null, "price": 550000,
    "refunded": null, "created_at": null, "ends_at": null}"""


def written(kind: str, rental: str = _THEN % (7, "active")) -> str:
    return f"{_WRITE} ('account', 'caller', '{kind}', 1, '{rental}', 1);"


async def page(store: Store, view: View = ACCOUNT, **asked: Any) -> Sequence[Event]:
    usual = {"type": None, "rental_id": None, "after": None, "before": None, "limit": 1000}
    return await store.events.page(view, **(usual | asked))


async def types(store: Store, view: View = ACCOUNT, **asked: Any) -> list[EventType]:
    """Oldest first."""
    return [event.type for event in await page(store, view, **asked)][::-1]


def test_the_types_that_can_be_asked_for_are_all_types() -> None:
    assert get_args(ListEvents.model_fields["type"].annotation) == ("any", *EventType)


async def test_the_newest_come_first_and_pages_lead_to_the_oldest(store: Store) -> None:
    for number in range(1, 8):
        await buy(store.ledger, rental(number))
    seen: list[int | None] = []
    before = None

    while found := await page(store, before=before, limit=3):
        seen += [rental_of(event).id for event in found]
        before = found[-1].id
        await buy(store.ledger, rental(100 + len(seen)))  # what is new comes on no further page

    assert seen == [7, 6, 5, 4, 3, 2, 1]
    newest, *between, oldest = await page(store, limit=5)
    assert await page(store, after=oldest.id, before=newest.id) == between


async def test_filters_narrow_it_together(store: Store) -> None:
    for number in (1, 2):
        await buy(store.ledger, rental(number), caller_id=f"caller {number}")
        await store.ledger.record("account", rental(number, code="1"), LATER)
        await store.ledger.record("account", rental(number, status=CANCELLED), LATER)
    first = View("account", "caller 1")

    assert await types(store, rental_id=1) == [CREATED, CODE, REFUNDED, ENDED]
    assert await types(store, first) == [CREATED, CODE, REFUNDED, ENDED]
    assert [rental_of(each).id for each in await page(store, type=CODE)] == [2, 1]
    assert [rental_of(each).id for each in await page(store, first, type=CODE)] == [1]
    assert await types(store, first, rental_id=2) == []
    assert await types(store, rental_id=2, type=ENDED) == [ENDED]
    assert await types(store, View("other")) == []
    newest = (await page(store, limit=1))[0].id
    assert await types(store, after=newest - 2, rental_id=2) == [REFUNDED, ENDED]
    assert await types(store, before=newest, type=ENDED) == [ENDED]


@pytest.mark.parametrize(
    ("over", "settings", "told"),
    [
        ({"status": CANCELLED}, {}, [CREATED, REFUNDED, ENDED]),
        ({"status": EXPIRED}, {"refund_expired": True}, [CREATED, REFUNDED, ENDED]),
        ({"status": EXPIRED}, {}, [CREATED, ENDED]),
        ({"status": RentalStatus.COMPLETED}, {"refund_expired": True}, [CREATED, ENDED]),
        ({"status": EXPIRED, "code": "1"}, {"refund_expired": True}, [CREATED, CODE, ENDED]),
    ],
)
async def test_a_price_that_comes_back_is_told_once_before_the_end(
    store_url: str, store: Store, over: dict[str, Any], settings: Any, told: list[EventType]
) -> None:
    await buy(store.ledger, rental())
    async with open_store(store_url, new_id=new_id) as other:
        await asyncio.gather(
            *(
                one.ledger.record("account", rental(**over), LATER, **settings)
                for one in (store, other) * 3
            )
        )

    assert await types(store) == told
    for event in await page(store, MINE, type=REFUNDED):
        assert rental_of(event).refunded == Decimal("0.55")
        assert rental_of(event).status is over["status"]


async def test_an_expiry_told_as_a_cancellation_later_is_refunded_then(store: Store) -> None:
    await buy(store.ledger, rental())
    await store.ledger.record("account", rental(status=EXPIRED), LATER)
    await store.ledger.record("account", rental(status=CANCELLED), LATER + timedelta(minutes=1))

    assert await types(store) == [CREATED, ENDED, REFUNDED]


@pytest.mark.parametrize("over", [False, True])
async def test_a_recorded_refund_is_told_once(store: Store, over: bool) -> None:
    ledger_id = await buy(store.ledger, rental())
    if over:
        await store.ledger.record("account", rental(status=EXPIRED), LATER)
    for _ in range(2):
        await store.ledger.record_refund(ledger_id, Decimal("0.25"), LATER)
    if not over:
        await store.ledger.record("account", rental(status=CANCELLED), LATER)

    assert await types(store) == (
        [CREATED, ENDED, REFUNDED] if over else [CREATED, REFUNDED, ENDED]
    )
    [event] = await page(store, type=REFUNDED)
    assert rental_of(event).refunded == Decimal("0.25")
    assert rental_of(event).status is (EXPIRED if over else RentalStatus.ACTIVE)


async def test_a_lost_purchase_that_was_cancelled_tells_its_buyer_of_the_refund(
    store: Store,
) -> None:
    lost = await end(store.ledger, UNKNOWN)
    await store.ledger.record("account", rental(status=CANCELLED), LATER)
    await store.ledger.settle(lost, bought(rental()), LATER)

    assert await types(store, MINE) == [LOST, CREATED, REFUNDED, ENDED]
    assert await types(store) == [LOST, REFUNDED, ENDED, CREATED, REFUNDED, ENDED]
    [event] = await page(store, MINE, type=REFUNDED)
    assert rental_of(event).refunded == Decimal("0.55")


async def test_what_nobody_told_the_price_of_and_long_rentals_are_no_refund(store: Store) -> None:
    await store.ledger.record("account", rental(status=CANCELLED, price=None), LATER)
    bought_long = await buy(store.ledger, long_rental(), kind="long_rental", reserved=None)
    assert await store.ledger.record_refund(bought_long, Decimal(1), LATER)

    assert await types(store) == [ENDED]


async def test_a_refund_that_an_earlier_version_wrote_down_is_not_told_again(
    store_url: str, store: Store
) -> None:
    await buy(store.ledger, rental())
    await execute(
        store_url,
        "UPDATE things SET status = 'cancelled'; UPDATE spends SET refunded = 550000",
    )
    merged = await store.ledger.record("account", rental(status=CANCELLED), LATER)

    assert isinstance(merged, Rental)
    assert merged.refunded == Decimal("0.55")
    assert await types(store) == [CREATED]


async def test_a_type_that_only_newer_versions_know_is_passed_over_and_nothing_behind_it_is_lost(
    store_url: str, store: Store
) -> None:
    last = await store.events.last_event()
    await buy(store.ledger, rental(7))
    await execute(store_url, written("rental.improved") * 120)
    await store.ledger.record("account", rental(7, code="1"), LATER)

    for view in (ACCOUNT, MINE):
        heard = await store.events.events(view, last, 100)
        assert [event.type for event in heard] == [CREATED, CODE]
        assert await store.events.events(view, heard[0].id, 1) == [heard[1]]
        assert [event.type for event in await page(store, view, limit=2)] == [CODE, CREATED]
        assert await types(store, view, rental_id=7) == [CREATED, CODE]


async def test_an_event_about_no_rental_is_heard_and_listed(store_url: str, store: Store) -> None:
    await buy(store.ledger, rental(7))
    await execute(store_url, written("balance.low", "null"))

    assert [event.data for event in await page(store, MINE, type=EventType.BALANCE_LOW)] == [None]
    assert [event.type for event in await store.events.events(MINE, 0, 9)] == [
        CREATED,
        EventType.BALANCE_LOW,
    ]
    assert await types(store, rental_id=7) == [CREATED]


async def test_what_earlier_versions_wrote_is_found_by_its_rental(
    store_url: str, store: Store
) -> None:
    await execute(
        store_url, written("rental.created") + written("rental.created", _THEN % (70, "x"))
    )
    await execute(store_url, written("rental.ended", _THEN % (7, "expired")))
    await store.ledger.record("account", rental(7, code="1"), NOW)

    found = await page(store, rental_id=7)

    assert [event.type for event in found] == [CODE, ENDED, CREATED]
    assert [rental_of(event).ended_reason for event in found] == [None, "expired", None]
    assert await types(store, MINE, rental_id=7, type=ENDED) == [ENDED]


async def test_what_was_deleted_is_gone(store: Store) -> None:
    await buy(store.ledger, rental(1))
    await buy(store.ledger, rental(2), at=LATER)
    [newest, oldest] = await page(store)
    await store.ledger.purge(LATER, LATER)

    assert await page(store) == [newest]
    assert await page(store, after=oldest.id) == [newest]
    assert await page(store, before=newest.id) == []


async def newer(store: Store, last: int) -> list[Event]:
    """All events after one, newest first, as a trigger that polls pages down to it."""
    found: list[Event] = []
    before = None
    while more := await page(store, after=last, before=before, limit=5):
        found += more
        before = found[-1].id
    return found


async def test_who_polls_misses_nothing_and_reads_nothing_twice(
    store_url: str, store: Store
) -> None:
    seen: list[Event] = []
    start, writing = await store.events.last_event(), True

    async def poll() -> None:
        final = False
        while not final:
            final = not writing
            seen[:0] = await newer(store, seen[0].id if seen else start)
            await asyncio.sleep(0)

    async def live(one: Store, number: int) -> None:
        await buy(one.ledger, rental(number), caller_id=f"caller {number % 7}")
        await one.ledger.record("account", rental(number, code="1"), LATER)

    async with open_store(store_url, new_id=new_id) as other:
        polling = asyncio.create_task(poll())
        await asyncio.gather(*(live((store, other)[n % 2], n) for n in range(1, 101)))
        writing = False
        await polling

    ids = [event.id for event in seen]
    assert ids == sorted(set(ids), reverse=True)
    told = sorted((rental_of(event).id or 0, event.type) for event in seen)
    assert told == sorted((number, type) for number in range(1, 101) for type in (CREATED, CODE))
