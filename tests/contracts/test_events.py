"""Events are written with what they report: once, in order, for those who may see it."""

import asyncio
from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest

from adapters.store import Store, StoreError, open_store
from gateway.core.model.events import EventType
from gateway.core.model.purchases import Outcome, SpendState, View
from gateway.core.model.rentals import EndedReason, Rental, RentalStatus
from tests.support.ledger import (
    ACCOUNT,
    LATER,
    MINE,
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
)

CREATED = EventType.RENTAL_CREATED
CODE = EventType.RENTAL_CODE_RECEIVED
REFUNDED = EventType.RENTAL_REFUNDED
ENDED = EventType.RENTAL_ENDED
LOST = EventType.PURCHASE_OUTCOME_UNKNOWN
ALL = 1000


async def kinds(store: Store, view: View = ACCOUNT) -> list[EventType]:
    return [event.type for event in await store.events.events(view, 0, ALL)]


async def test_a_rental_from_its_purchase_to_its_end(store: Store) -> None:
    ledger_id = await buy(store.ledger, rental())
    with_code = rental(code="012345", status=RentalStatus.CODE_RECEIVED)
    await store.ledger.record("account", with_code, LATER)
    over = Rental(id=12345, status=RentalStatus.COMPLETED)
    await store.ledger.record("account", over, LATER + timedelta(minutes=1))

    events = await store.events.events(MINE, 0, ALL)

    assert [event.type for event in events] == [CREATED, CODE, ENDED]
    assert [event.timestamp for event in events] == [NOW, LATER, LATER + timedelta(minutes=1)]
    assert events[0].data == rental(ledger_id=ledger_id)
    coded = with_code.model_copy(update={"ledger_id": ledger_id, "code_received_at": LATER})
    assert events[1].data == coded
    assert events[2].data == coded.model_copy(
        update={"status": RentalStatus.COMPLETED, "ended_reason": EndedReason.COMPLETED}
    )


async def test_nothing_new_writes_no_event(store: Store) -> None:
    await buy(store.ledger, rental())
    for seen in (
        rental(price=Decimal("0.6")),
        *[rental(code="1", status=RentalStatus.CODE_RECEIVED)] * 3,
        *[rental(status=RentalStatus.CANCELLED)] * 2,
        rental(status=RentalStatus.EXPIRED),
        Rental(id=12345, status=RentalStatus.UNKNOWN),
    ):
        await store.ledger.record("account", seen, LATER)

    assert await kinds(store) == [CREATED, CODE, REFUNDED, ENDED]


async def test_each_new_code_is_an_event(store: Store) -> None:
    await buy(store.ledger, rental())
    for code in ("1", "1", "2", "2", "3"):
        await store.ledger.record("account", rental(code=code), LATER)

    events = await store.events.events(ACCOUNT, 0, ALL)

    assert [rental_of(event).code for event in events if event.type is CODE] == ["1", "2", "3"]


async def test_only_a_bought_rental_was_rented(store: Store) -> None:
    await end(store.ledger, REFUSED)
    lost = await end(store.ledger, UNKNOWN)
    await buy(store.ledger, long_rental(), kind="long_rental", reserved=None)
    await store.ledger.record("account", long_rental(auto_renew=False), LATER)

    assert await kinds(store) == [LOST]
    assert await store.ledger.settle(lost, bought(rental()), LATER)
    assert not await store.ledger.settle(lost, bought(rental()), LATER)
    assert await kinds(store) == [LOST, CREATED]


async def test_a_rental_not_bought_here_concerns_the_account(store: Store) -> None:
    await store.ledger.record("account", rental(code="1"), NOW)
    await store.ledger.record("account", rental(status=RentalStatus.EXPIRED), LATER)

    assert await kinds(store) == [CODE, ENDED]
    assert await kinds(store, MINE) == []
    assert await kinds(store, View("other")) == []


async def test_its_buyer_sees_what_came_before_the_answer_of_the_purchase(store: Store) -> None:
    wanted = intent()
    await store.ledger.begin(wanted)
    await store.ledger.mark_sent(wanted.ledger_id, NOW)
    code = rental(code="1", status=RentalStatus.CODE_RECEIVED)
    await store.ledger.record("account", code, NOW)
    await store.ledger.settle(wanted.ledger_id, bought(rental()), LATER)

    events = await store.events.events(MINE, 0, ALL)

    assert [event.type for event in events] == [CREATED, CODE]
    assert {rental_of(event).code for event in events} == {"1"}


async def test_a_caller_sees_its_own_only(store: Store) -> None:
    await buy(store.ledger, rental(1))
    await buy(store.ledger, rental(2), caller_id="another")
    await buy(store.ledger, rental(3), account_id="other")

    ids = [
        [rental_of(event).id for event in await store.events.events(view, 0, ALL)]
        for view in (MINE, View("account", "another"), ACCOUNT, View("other", "caller"))
    ]

    assert ids == [[1], [2], [1, 2], [3]]


async def test_a_listener_goes_on_where_it_was(store: Store) -> None:
    before = await store.events.last_event()
    for id in range(1, 8):
        await buy(store.ledger, rental(id))
    seen: list[int | None] = []
    after = before

    while page := await store.events.events(ACCOUNT, after, 3):
        assert len(page) <= 3
        seen += [rental_of(event).id for event in page]
        after = page[-1].id

    assert seen == [1, 2, 3, 4, 5, 6, 7]
    assert after == await store.events.last_event()


async def test_what_is_rolled_back_is_no_event(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change and its event are one transaction: here the event cannot be written."""
    await buy(store.ledger, rental())

    with monkeypatch.context() as patch:
        patch.setattr("adapters.store.sql.codec.to_snapshot", lambda row: "\0")
        with pytest.raises(StoreError):
            await store.ledger.record("account", rental(code="1"), LATER)

    known = await store.ledger.find(MINE, "rental", 12345)
    assert isinstance(known, Rental)
    assert known.code is None
    assert await kinds(store) == [CREATED]
    await store.ledger.record("account", rental(code="1"), LATER)
    assert await kinds(store) == [CREATED, CODE]


async def test_no_event_appears_behind_one_that_was_read(store_url: str, store: Store) -> None:
    """Many write in two stores while one reads on: it misses none and reads none twice."""
    seen: list[tuple[int | None, EventType]] = []
    start = await store.events.last_event()
    writing = True

    async def listen() -> None:
        after = start
        while True:
            last = not writing
            for event in await store.events.events(ACCOUNT, after, 5):
                assert event.id > after
                after = event.id
                seen.append((rental_of(event).id, event.type))
                last = False
            if last:
                return
            await asyncio.sleep(0)

    async def live(one: Store, id: int) -> None:
        await buy(one.ledger, rental(id), caller_id=f"caller {id % 7}")
        await one.ledger.record("account", rental(id, code="1"), LATER)

    async with open_store(store_url, new_id=new_id) as other:
        listening = asyncio.create_task(listen())
        await asyncio.gather(*(live((store, other)[id % 2], id) for id in range(1, 101)))
        writing = False
        await listening

    expected = [(id, kind) for id in range(1, 101) for kind in (CREATED, CODE)]
    assert Counter(seen) == Counter(expected)


async def test_two_stores_that_record_one_change_write_it_once(
    store_url: str, store: Store
) -> None:
    await buy(store.ledger, rental())
    over = rental(code="1", status=RentalStatus.COMPLETED)

    async with open_store(store_url, new_id=new_id) as other:
        await asyncio.gather(
            *(one.ledger.record("account", over, LATER) for one in (store, other) * 5)
        )

    assert await kinds(store) == [CREATED, CODE, ENDED]


async def test_old_events_are_deleted_and_their_ids_not_given_again(store: Store) -> None:
    await buy(store.ledger, rental(code="1"))
    last = await store.events.last_event()
    soon = NOW + timedelta(microseconds=1)
    await store.ledger.record("account", rental(status=RentalStatus.COMPLETED), LATER)

    await store.ledger.purge(soon, soon)

    # The last is younger, but holds the code.
    assert await kinds(store) == []
    assert await store.events.last_event() == 0
    await buy(store.ledger, rental(2), at=LATER)
    assert await store.events.last_event() > last


async def test_the_highest_deleted_event_of_each_account_is_remembered(
    store_url: str, store: Store
) -> None:
    """They are deleted by their age: of the four below the second and then the others."""
    later = LATER + timedelta(minutes=1)
    for id, at in ((1, LATER), (2, NOW), (3, later), (4, LATER)):
        await store.ledger.record("account", rental(id, code="1"), at)
    second, last = 2, await store.events.last_event()
    async with open_store(store_url, new_id=new_id) as other:
        known = []
        for before in (NOW, LATER, LATER, later, later + timedelta(minutes=1)):
            await asyncio.gather(*(one.ledger.purge(before, before) for one in (store, other)))
            known.append(await other.events.last_deleted("account"))

    assert known == [0, last - second, last - second, last, last]
    assert await store.events.last_deleted("another") == 0


async def test_a_purchase_without_a_rental_is_no_event(store: Store) -> None:
    await end(store.ledger, Outcome(SpendState.BOUGHT))

    assert await kinds(store) == []
