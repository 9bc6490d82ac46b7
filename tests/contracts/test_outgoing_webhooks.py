"""Outgoing webhooks and their deliveries, over both databases."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.store import Store, open_store
from gateway.core.model.events import Alarm, EventType
from gateway.core.model.purchases import View
from gateway.core.model.webhooks import (
    DeliveryState,
    DisabledReason,
    StoredWebhook,
    WebhookFormat,
    WebhookTry,
)
from gateway.core.ports.webhooks import (
    DueDelivery,
    MostWebhooks,
    RecordedTry,
    StandingWebhook,
    TooManyWebhooks,
)
from tests.support.ledger import LATER, NOW, new_id

MOST = MostWebhooks(of_key=3, of_account=5)
CODE, ENDED = EventType.RENTAL_CODE_RECEIVED, EventType.RENTAL_ENDED
OK = WebhookTry(delivered=True, status=200, error=None, answer="ok\0", duration_ms=7)
BAD = WebhookTry(delivered=False, status=500, error="It failed.", answer=None, duration_ms=9)


def webhook(number: int = 1, **changes: Any) -> StoredWebhook:
    usual: dict[str, Any] = {
        "id": f"wh_{number:024x}",
        "account_id": "account",
        "caller_id": "gtw_1",
        "url": f"https://example.com/{number}",
        "events": (EventType.RENTAL_CREATED, CODE),
        "service_code": None,
        "description": None,
        "format": WebhookFormat.STANDARD,
        "created_at": NOW,
        "cursor": 0,
    }
    return StoredWebhook(**(usual | changes))


async def created(store: Store, number: int = 1, **changes: Any) -> StoredWebhook:
    stored, new = await store.webhooks.create(webhook(number, **changes), MOST)
    assert new
    return stored


def tried(event_id: int, outcome: WebhookTry, **changes: Any) -> RecordedTry:
    done = DeliveryState.DELIVERED if outcome.delivered else DeliveryState.PENDING
    usual: dict[str, Any] = {
        "event_id": event_id,
        "outcome": outcome,
        "at": LATER,
        "state": done,
        "next_try_at": None if outcome.delivered else LATER + timedelta(minutes=5),
    }
    return RecordedTry(**(usual | changes))


async def states(store: Store, webhook_id: str) -> dict[int, DeliveryState]:
    rows = await store.webhooks.deliveries(webhook_id, state=None, before=None, limit=100)
    return {row.event_id: row.state for row in rows}


async def test_it_comes_back_as_it_was_stored_also_from_a_store_opened_again(
    store_url: str,
) -> None:
    full = webhook(service_code="a/b", description="Wörter", format=WebhookFormat.SMS_ACTIVATE)
    async with open_store(store_url, new_id=new_id) as store:
        stored, new = await store.webhooks.create(full, MOST)
        assert (stored, new) == (full, True)
    async with open_store(store_url, new_id=new_id) as store:
        assert await store.webhooks.find(full.id) == full
        assert await store.webhooks.find("wh_none") is None


async def test_it_looks_at_events_from_its_creation_on(store: Store) -> None:
    first = await created(store)
    await store.webhooks.disable(first.id, DisabledReason.GONE, NOW)

    second = await created(store, 2)

    assert first.cursor == 0
    assert second.cursor == await store.events.last_event() > 0


async def test_the_same_again_is_the_one_that_is_there(store: Store) -> None:
    first = await created(store, description="first")

    again, new = await store.webhooks.create(webhook(2, url=first.url, description=None), MOST)
    renamed, _ = await store.webhooks.create(webhook(3, url=first.url, description="new"), MOST)

    assert (again, new) == (first, False)
    assert renamed == replace(first, description="new") == await store.webhooks.find(first.id)


@pytest.mark.parametrize(
    "change",
    [
        {"url": "https://example.com/2"},
        {"events": (CODE,)},
        {"service_code": "whatsapp"},
        {"format": WebhookFormat.SMS_ACTIVATE},
        {"caller_id": "gtw_2"},
        {"account_id": "other"},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_what_decides_about_what_is_sent_makes_it_another(
    store: Store, change: dict[str, Any]
) -> None:
    await created(store)

    other, new = await store.webhooks.create(
        webhook(2, **{"url": "https://example.com/1"} | change), MOST
    )

    assert new
    assert other.id == webhook(2).id


async def test_the_same_again_enables_one_that_was_disabled_from_now_on(store: Store) -> None:
    first = await created(store)
    await store.webhooks.queue(first.id, [(1, CODE)], 1, NOW)
    await store.webhooks.record(first.id, tried(1, BAD))
    assert await store.webhooks.disable(first.id, DisabledReason.FAILING, NOW)

    again, new = await store.webhooks.create(webhook(2, url=first.url), MOST)

    last = await store.events.last_event()
    assert (again, new) == (replace(first, cursor=last), False)
    assert await store.webhooks.find(first.id) == again
    assert await states(store, first.id) == {1: DeliveryState.FAILED}


async def test_a_key_and_an_account_have_so_many_and_no_more(store: Store) -> None:
    for number in (1, 2, 3):
        await created(store, number)
    with pytest.raises(TooManyWebhooks) as of_key:
        await store.webhooks.create(webhook(4), MOST)
    for number in (5, 6):
        await created(store, number, caller_id="gtw_2")
    with pytest.raises(TooManyWebhooks) as of_account:
        await store.webhooks.create(webhook(7, caller_id="gtw_3"), MOST)

    assert (of_key.value.whose, of_key.value.most) == ("key", 3)
    assert (of_account.value.whose, of_account.value.most) == ("account", 5)
    await created(store, 8, account_id="other")
    again, new = await store.webhooks.create(webhook(9, url=webhook(1).url), MOST)
    assert (again.id, new) == (webhook(1).id, False)
    await store.webhooks.delete(webhook(1).id)
    await created(store, 10)


async def test_of_nine_at_once_only_the_allowed_ones_are_stored(
    store: Store, store_url: str
) -> None:
    async with open_store(store_url, new_id=new_id) as other:
        results = await asyncio.gather(
            *(
                (store, other)[number % 2].webhooks.create(webhook(number), MOST)
                for number in range(9)
            ),
            return_exceptions=True,
        )

    assert sum(isinstance(each, TooManyWebhooks) for each in results) == 6
    assert len(await store.webhooks.all(View("account"))) == 3


async def test_nine_of_the_same_at_once_are_one(store: Store, store_url: str) -> None:
    async with open_store(store_url, new_id=new_id) as other:
        made = await asyncio.gather(
            *(
                (store, other)[number % 2].webhooks.create(webhook(number, url="https://a/"), MOST)
                for number in range(9)
            )
        )

    assert sorted(new for _, new in made) == [False] * 8 + [True]
    assert len({stored.id for stored, _ in made}) == 1


async def test_a_view_has_its_own_oldest_first(store: Store) -> None:
    await created(store, 2, created_at=LATER)
    await created(store, 1)
    await created(store, 3, caller_id="gtw_2")
    await created(store, 4, account_id="other")

    async def ids(view: View) -> list[str]:
        return [each.id for each in await store.webhooks.all(view)]

    assert await ids(View("account", "gtw_1")) == [webhook(1).id, webhook(2).id]
    assert set(await ids(View("account"))) == {webhook(n).id for n in (1, 2, 3)}
    assert await ids(View("other", "gtw_1")) == [webhook(4).id]


async def test_with_a_webhook_its_deliveries_go(store: Store) -> None:
    first, second = await created(store), await created(store, 2)
    for each in (first, second):
        await store.webhooks.queue(each.id, [(1, CODE)], 1, NOW)

    assert await store.webhooks.delete(first.id)
    assert not await store.webhooks.delete(first.id)

    assert await store.webhooks.find(first.id) is None
    assert await states(store, first.id) == {}
    assert await states(store, second.id) == {1: DeliveryState.PENDING}


async def test_what_stands_is_what_is_enabled_and_what_waits_for_it(store: Store) -> None:
    first, second = await created(store), await created(store, 2)
    await created(store, 3, account_id="other")
    await store.webhooks.disable(webhook(3).id, DisabledReason.GONE, NOW)
    await store.webhooks.queue(second.id, [(1, CODE), (2, CODE)], 2, NOW)
    await store.webhooks.record(second.id, tried(1, OK))
    await store.webhooks.record(second.id, tried(2, BAD))

    standing = {each.webhook.id: each for each in await store.webhooks.standing()}

    assert standing.keys() == {first.id, second.id}
    assert standing[first.id] == StandingWebhook(first, 0, None)
    assert standing[second.id].due_at == LATER + timedelta(minutes=5)
    assert standing[second.id].webhook.cursor == 2


async def test_what_waits_has_events_behind_its_place_or_a_delivery_that_is_due(
    store: Store,
) -> None:
    idle, due, behind = await created(store), await created(store, 2), await created(store, 3)
    await store.webhooks.queue(due.id, [(1, CODE)], 0, NOW)
    other = await created(store, 4, account_id="other")
    assert [each.webhook for each in await store.webhooks.waiting(NOW)] == [due]
    assert await store.webhooks.waiting(NOW - timedelta(microseconds=1)) == []

    await store.webhooks.disable(due.id, DisabledReason.GONE, NOW)  # which is an event
    last = await store.events.last_event()
    await store.webhooks.queue(idle.id, [], last, NOW)

    assert [each.webhook for each in await store.webhooks.waiting(LATER)] == [behind]
    assert other.id in {each.webhook.id for each in await store.webhooks.standing()}


async def test_it_is_disabled_once_with_an_event_for_its_key(store: Store) -> None:
    raised: list[Alarm] = []
    store.alarms.to = raised.append
    first = await created(store)
    await store.webhooks.queue(first.id, [(1, CODE), (2, CODE), (3, CODE)], 3, NOW)
    await store.webhooks.record(first.id, tried(1, OK))
    await store.webhooks.record(first.id, tried(2, BAD))

    assert await store.webhooks.disable(first.id, DisabledReason.BEHIND, LATER)
    assert not await store.webhooks.disable(first.id, DisabledReason.GONE, LATER)
    assert not await store.webhooks.disable("wh_none", DisabledReason.GONE, LATER)

    [event] = await store.events.events(View("account", "gtw_1"), 0, 10)
    assert (event.type, event.data) == (EventType.WEBHOOK_DISABLED, None)
    assert event.details is not None
    assert (event.details.webhook_id, event.details.reason) == (first.id, "behind")
    assert [alarm.details for alarm in raised] == [event.details]
    assert await store.events.events(View("account", "gtw_2"), 0, 10) == []
    rows = await store.webhooks.deliveries(first.id, state=None, before=None, limit=10)
    assert [(row.event_id, row.state, row.error) for row in rows] == [
        (3, DeliveryState.FAILED, "The webhook was disabled before this was delivered."),
        (2, DeliveryState.FAILED, "It failed."),
        (1, DeliveryState.DELIVERED, None),
    ]
    assert await store.webhooks.next_due(first.id) is None


async def test_an_event_is_queued_once(store: Store) -> None:
    first = await created(store)

    assert await store.webhooks.queue(first.id, [(1, CODE), (2, ENDED)], 5, NOW) == 2
    assert await store.webhooks.queue(first.id, [(2, ENDED), (3, CODE)], 4, LATER) == 3

    found = await store.webhooks.find(first.id)
    assert found is not None
    assert found.cursor == 5
    assert await store.webhooks.due(first.id, NOW, 10) == [DueDelivery(1, 0), DueDelivery(2, 0)]


async def test_nothing_is_queued_for_one_that_is_disabled_or_gone(store: Store) -> None:
    first = await created(store)
    await store.webhooks.disable(first.id, DisabledReason.GONE, NOW)

    for webhook_id in (first.id, "wh_none"):
        assert await store.webhooks.queue(webhook_id, [(9, CODE)], 9, NOW) == 0
        assert await store.webhooks.requeue(webhook_id, [(9, CODE)], NOW) == 0
        assert await states(store, webhook_id) == {}


async def test_the_longest_due_goes_first(store: Store) -> None:
    first = await created(store)
    await store.webhooks.queue(first.id, [(2, CODE)], 2, LATER)
    await store.webhooks.queue(first.id, [(3, CODE), (1, CODE)], 3, NOW)

    due = await store.webhooks.due(first.id, LATER, 2)

    assert [each.event_id for each in due] == [1, 3]
    assert await store.webhooks.next_due(first.id) == NOW
    assert await store.webhooks.due(first.id, NOW - timedelta(microseconds=1), 10) == []


async def test_tries_are_told_with_what_they_came_to(store: Store) -> None:
    first = await created(store)
    await store.webhooks.queue(first.id, [(1, CODE)], 1, NOW)

    since = await store.webhooks.record(first.id, tried(1, BAD))
    [row] = await store.webhooks.deliveries(first.id, state=None, before=None, limit=10)
    assert since == LATER
    assert (row.tries, row.status, row.error, row.answer) == (1, 500, "It failed.", None)
    assert (row.tried_at, row.next_try_at) == (LATER, LATER + timedelta(minutes=5))
    assert await store.webhooks.due(first.id, LATER + timedelta(minutes=5), 10) == [
        DueDelivery(1, 1)
    ]

    assert await store.webhooks.record(first.id, tried(1, OK)) is None
    [row] = await store.webhooks.deliveries(first.id, state=None, before=None, limit=10)
    assert (row.tries, row.state, row.status, row.error) == (2, DeliveryState.DELIVERED, 200, None)
    assert (row.answer, row.duration_ms, row.next_try_at) == ("ok\ufffd", 7, None)
    assert await store.webhooks.next_due(first.id) is None


async def test_failures_count_from_the_first_after_a_success(store: Store) -> None:
    first = await created(store)
    await store.webhooks.queue(first.id, [(1, CODE), (2, CODE)], 2, NOW)
    much_later = LATER + timedelta(days=3)

    assert await store.webhooks.record(first.id, tried(1, BAD)) == LATER
    assert await store.webhooks.record(first.id, tried(1, BAD, at=much_later)) == LATER
    assert await store.webhooks.record(first.id, tried(2, OK, at=much_later)) is None
    assert await store.webhooks.record(first.id, tried(1, BAD, at=much_later)) == much_later
    assert await store.webhooks.record("wh_none", tried(1, BAD)) is None


async def test_a_late_answer_brings_nothing_back_but_a_success_counts(store: Store) -> None:
    first = await created(store)
    await store.webhooks.queue(first.id, [(1, CODE), (2, CODE)], 2, NOW)
    await store.webhooks.disable(first.id, DisabledReason.GONE, NOW)

    await store.webhooks.record(first.id, tried(1, BAD))
    await store.webhooks.record(first.id, tried(2, OK))

    failed, delivered = DeliveryState.FAILED, DeliveryState.DELIVERED
    assert await states(store, first.id) == {1: failed, 2: delivered}
    assert await store.webhooks.next_due(first.id) is None


async def test_what_was_not_delivered_is_queued_again_from_its_first_try(store: Store) -> None:
    first = await created(store)
    await store.webhooks.queue(first.id, [(1, CODE), (2, CODE), (3, CODE)], 3, NOW)
    await store.webhooks.record(first.id, tried(1, OK))
    given_up = tried(2, BAD, state=DeliveryState.FAILED, next_try_at=None)
    await store.webhooks.record(first.id, given_up)

    again = [(1, CODE), (2, CODE), (3, CODE), (4, ENDED)]
    assert await store.webhooks.requeue(first.id, again, LATER) == 2

    assert await states(store, first.id) == {
        1: DeliveryState.DELIVERED,
        2: DeliveryState.PENDING,
        3: DeliveryState.PENDING,
        4: DeliveryState.PENDING,
    }
    due = await store.webhooks.due(first.id, LATER, 10)
    assert due == [DueDelivery(3, 0), DueDelivery(2, 0), DueDelivery(4, 0)]


async def test_what_waits_for_a_later_try_is_queued_again_for_now(store: Store) -> None:
    first = await created(store)
    await store.webhooks.queue(first.id, [(1, CODE), (2, CODE)], 2, NOW)
    await store.webhooks.record(first.id, tried(1, BAD))
    assert await store.webhooks.next_due(first.id) == NOW
    again = [(1, CODE), (2, CODE)]

    assert await store.webhooks.requeue(first.id, again, LATER) == 1
    assert await store.webhooks.requeue(first.id, again, LATER) == 0

    due = await store.webhooks.due(first.id, LATER, 10)
    assert due == [DueDelivery(2, 0), DueDelivery(1, 0)]


async def test_one_is_sent_again_delivered_or_not(store: Store) -> None:
    first = await created(store)
    await store.webhooks.queue(first.id, [(1, CODE)], 1, NOW)
    await store.webhooks.record(first.id, tried(1, OK))

    assert await store.webhooks.redeliver(first.id, 1, LATER)
    assert not await store.webhooks.redeliver(first.id, 2, LATER)

    assert await store.webhooks.due(first.id, LATER, 10) == [DueDelivery(1, 0)]


async def test_pages_of_deliveries_newest_event_first(store: Store) -> None:
    first = await created(store)
    await store.webhooks.queue(first.id, [(n, CODE) for n in range(1, 6)], 5, NOW)
    for number in (2, 4):
        await store.webhooks.record(first.id, tried(number, OK))

    async def ids(**asked: Any) -> list[int]:
        usual: dict[str, Any] = {"state": None, "before": None, "limit": 2}
        rows = await store.webhooks.deliveries(first.id, **(usual | asked))
        return [row.event_id for row in rows]

    assert await ids() == [5, 4]
    assert await ids(before=4) == [3, 2]
    assert await ids(state=DeliveryState.DELIVERED) == [4, 2]
    assert await ids(state=DeliveryState.PENDING, before=5) == [3, 1]
    assert await ids(state=DeliveryState.FAILED) == []


async def test_old_deliveries_are_deleted_with_what_was_answered(store: Store) -> None:
    first = await created(store)
    await store.webhooks.queue(first.id, [(1, CODE)], 1, NOW)
    await store.webhooks.queue(first.id, [(2, CODE)], 2, LATER)

    await store.ledger.purge(LATER, LATER)

    assert await states(store, first.id) == {2: DeliveryState.PENDING}
    assert await store.webhooks.find(first.id) is not None
