"""What time does to deliveries and their webhooks; the clock is set by hand."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from adapters.store import Store
from gateway.core.auth.webhook_secrets import WebhookSecrets
from gateway.core.model.callers import GatewayKey, Limits
from gateway.core.model.errors import LedgerUnavailable
from gateway.core.model.events import Event, EventType
from gateway.core.model.purchases import View
from gateway.core.model.webhooks import (
    DeliveryState,
    DisabledReason,
    StoredWebhook,
    WebhookDelivery,
    WebhookFormat,
)
from gateway.core.ports.sending import OutgoingMessage, SendResult
from gateway.core.ports.webhooks import MostWebhooks
from gateway.core.rentals.notifier import Notifier
from gateway.core.webhooks.dispatcher import WebhookDispatcher
from gateway.core.webhooks.listening import WebhookListening
from gateway.core.webhooks.schedule import MOST_BEHIND
from gateway.core.webhooks.sending import Body, WebhookSending, standard_body
from gateway.core.webhooks.worker import WebhookParts, WebhookWorker
from tests.support.core import Clock, RecordingObserver, settle
from tests.support.ledger import NOW
from tests.support.waiting import until

ALARM, CREATED = EventType.WEBHOOK_DISABLED, EventType.RENTAL_CREATED
OWNERS = View("account", "gtw_1")
DAY = 86_400.0
WEBHOOK = StoredWebhook(
    id=f"wh_{1:024x}",
    account_id="account",
    caller_id="gtw_1",
    url="https://example.com/hook",
    events=(ALARM,),
    service_code=None,
    description=None,
    format=WebhookFormat.STANDARD,
    created_at=NOW,
    cursor=0,
)
OTHER = replace(WEBHOOK, id=f"wh_{2:024x}", url="https://example.com/other", events=(CREATED,))


@dataclass
class Answers:
    """A sender to a receiver that answers as it is told to."""

    status: int = 500
    retry_after: float | None = None
    sent: list[OutgoingMessage] = field(default_factory=list)

    async def send(self, message: OutgoingMessage) -> SendResult:
        self.sent.append(message)
        return SendResult(self.status, None, "", 0.01, self.retry_after)

    def check_url(self, url: str) -> None:
        """Anything can be sent to."""


class Post:
    """A webhook of a living key in a store, and what works for it."""

    def __init__(self, store: Store, body: Body = standard_body, **ports: Any) -> None:
        """`ports` stand in for the store's own."""
        self.store, self.clock, self.answers = store, Clock(), Answers()
        self.observer = RecordingObserver()
        bodies = {WebhookFormat.STANDARD: body}
        usual = {name: getattr(store, name) for name in ("webhooks", "events", "keys", "leases")}
        given = usual | ports
        self.parts = WebhookParts(
            given["webhooks"],
            given["events"],
            given["keys"],
            given["leases"],
            WebhookSending(self.answers, WebhookSecrets(b"s" * 32), self.clock, bodies),
            WebhookListening(lambda view: None, self.clock),
            self.clock,
            self.observer,
        )

    async def open(self, expires_at: datetime | None = None, *types: EventType) -> None:
        limits = Limits(expires_at=expires_at)
        await self.store.keys.create(GatewayKey("1", "shop", "h1", limits, NOW))
        webhook = replace(WEBHOOK, events=types or WEBHOOK.events)
        await self.store.webhooks.create(webhook, MostWebhooks(20, 100))

    async def happens(self) -> None:
        """The key's other webhook is enabled, and disabled: an event."""
        await self.store.webhooks.create(OTHER, MostWebhooks(20, 100))
        assert await self.store.webhooks.disable(OTHER.id, DisabledReason.GONE, self.clock.now())

    async def works(self, looked: int = 0) -> WebhookWorker:
        """Whatever there is to do now is done."""
        worker = WebhookWorker(await self.stored(), self.parts, looked)
        await worker.run()
        return worker

    async def stored(self) -> StoredWebhook:
        found = await self.store.webhooks.find(WEBHOOK.id)
        assert found is not None
        return found

    async def next_in(self) -> float | None:
        """In how many seconds the next try is due."""
        due_at = await self.store.webhooks.next_due(WEBHOOK.id)
        return None if due_at is None else (due_at - self.clock.now()).total_seconds()

    async def newest(self) -> WebhookDelivery:
        rows = await self.store.webhooks.deliveries(WEBHOOK.id, state=None, before=None, limit=1)
        return rows[0]

    async def told(self) -> list[Event]:
        """What the list of events says of this webhook's end."""
        found = await self.store.events.page(
            OWNERS, type=ALARM, rental_id=None, after=None, before=None, limit=100
        )
        return [each for each in found if each.details and each.details.webhook_id == WEBHOOK.id]


@asynccontextmanager
async def dispatched(post: Post, notifier: Notifier | None = None) -> AsyncIterator[Any]:
    dispatcher = WebhookDispatcher(post.parts, notifier or Notifier())
    running = asyncio.create_task(dispatcher.run())
    try:
        yield dispatcher
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_a_delivery_is_tried_ten_times_over_three_days_and_given_up(store: Store) -> None:
    post, waits = Post(store), list[float]()
    await post.open()
    await post.happens()
    await post.works()
    while (wait := await post.next_in()) is not None and len(waits) < 20:
        waits.append(wait)
        post.clock.pass_by(wait - 0.01)
        await post.works()
        assert len(post.answers.sent) == len(waits)  # not before its time
        post.clock.pass_by(0.02)
        await post.works()

    expected = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
    assert [round(w / e, 1) for w, e in zip(waits, expected, strict=True)] == pytest.approx(
        [1.0] * 9, abs=0.1001
    )
    delivery = await post.newest()
    assert (delivery.state, delivery.tries) == (DeliveryState.FAILED, 10)
    assert {message.id for message in post.answers.sent} == {f"evt_{delivery.event_id}"}
    assert (await post.stored()).disabled_reason is None


@pytest.mark.parametrize("once_well", [False, True], ids=["only failures", "a success between"])
async def test_four_days_of_nothing_but_failures_disable_it(
    store: Store, *, once_well: bool
) -> None:
    post = Post(store)
    await post.open()
    await post.happens()
    await post.works()
    if once_well:
        post.clock.pass_by(2 * DAY)
        post.answers.status = 204
        await post.works()
        post.answers.status = 500
        post.clock.pass_by(2 * DAY - 60)
        await post.happens()
    else:
        post.clock.pass_by(4 * DAY - 60)
    await post.works()
    assert (await post.stored()).disabled_reason is None

    post.clock.pass_by(400)
    await post.works()

    if once_well:
        assert (await post.stored()).disabled_reason is None
        assert await post.told() == []
        return
    assert (await post.stored()).disabled_reason is DisabledReason.FAILING
    assert await post.next_in() is None
    assert (await post.newest()).state is DeliveryState.FAILED
    assert [each.details and each.details.reason for each in await post.told()] == ["failing"]


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [(1800.0, 1800.0, 1800.0), (DAY, 3600.0, 3600.0), (1.0, 4.5, 5.5), (None, 4.5, 5.5)],
)
async def test_a_receiver_puts_the_next_try_off_by_an_hour_at_the_most(
    store: Store, asked: float | None, least: float, most: float
) -> None:
    post = Post(store)
    post.answers.status, post.answers.retry_after = 429, asked
    await post.open()
    await post.happens()
    await post.works()

    wait = await post.next_in()
    assert wait is not None
    assert least <= wait <= most


async def test_more_than_ten_thousand_waiting_disable_it(store: Store) -> None:
    post = Post(store)
    await post.open()
    waiting = [(number, ALARM) for number in range(1000, 1000 + MOST_BEHIND)]
    later = post.clock.now() + timedelta(hours=1)
    assert await store.webhooks.queue(WEBHOOK.id, waiting, 0, later) == MOST_BEHIND
    await post.works()
    assert (await post.stored()).disabled_reason is None

    await post.happens()
    await post.works()

    assert (await post.stored()).disabled_reason is DisabledReason.BEHIND
    assert post.answers.sent == []
    assert await post.next_in() is None
    assert [each.details and each.details.reason for each in await post.told()] == ["behind"]


@pytest.mark.parametrize("looks", [False, True], ids=["at its next event", "without an event"])
async def test_a_webhook_is_deleted_once_its_key_has_expired(store: Store, *, looks: bool) -> None:
    post = Post(store)
    await post.open(post.clock.now() + timedelta(hours=1))
    if not looks:
        await post.happens()
    post.clock.pass_by(3599)
    if not looks:
        post.answers.status = 200
        await post.works()
        await post.happens()
    assert await store.webhooks.find(WEBHOOK.id) is not None
    post.clock.pass_by(1)

    if looks:
        async with dispatched(post):
            await until(lambda: _is_gone(store))
    else:
        await post.works()

    assert await _is_gone(store)
    assert len(post.answers.sent) == (0 if looks else 1)


async def _is_gone(store: Store) -> bool:
    return await store.webhooks.find(WEBHOOK.id) is None


async def test_a_bug_that_keeps_an_event_from_being_sent_is_a_try_that_failed(
    store: Store,
) -> None:
    def broken(webhook: StoredWebhook, event: Event) -> bytes:
        raise KeyError("no such country")

    post = Post(store, broken)
    await post.open()
    await post.happens()
    for _ in range(3):
        await post.works()

    delivery, wait = await post.newest(), await post.next_in()
    assert (delivery.state, delivery.tries, delivery.status) == (DeliveryState.PENDING, 1, None)
    assert delivery.error == "Something went wrong in the gateway."
    assert wait is not None
    assert 4.5 <= wait <= 5.5
    assert post.observer.faults == ["webhooks: KeyError('no such country')"]


class Around:
    """A port of which some methods are others."""

    def __init__(self, port: Any, **methods: Callable[..., Awaitable[Any]]) -> None:
        self._port = port
        vars(self).update(methods)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)


async def test_what_could_not_be_written_down_is_sent_at_the_next_look_under_its_id(
    store: Store,
) -> None:
    lost = asyncio.Event()

    async def record(*given: Any) -> Any:
        if not lost.is_set():
            lost.set()
            raise LedgerUnavailable
        return await store.webhooks.record(*given)

    post = Post(store, webhooks=Around(store.webhooks, record=record))
    post.answers.status = 200
    await post.open()
    await post.happens()
    async with dispatched(post) as dispatcher:

        async def delivered() -> bool:
            dispatcher.look()
            return (await post.newest()).state is DeliveryState.DELIVERED

        await until(lost.is_set)
        await until(delivered)

    assert len(post.answers.sent) == 2
    assert len({message.id for message in post.answers.sent}) == 1


async def test_what_happens_while_a_worker_ends_is_delivered(store: Store) -> None:
    """No later look finds it here: only the wake can."""
    notifier, ended, looked = Notifier(), asyncio.Event(), asyncio.Event()

    async def give_back(name: str) -> None:
        await store.leases.give_back(name)
        if not ended.is_set():
            ended.set()
            await post.happens()
            notifier.account_changed("account")
            await settle()

    async def standing() -> Any:
        if looked.is_set():
            await asyncio.Event().wait()
        looked.set()
        return await store.webhooks.standing()

    post = Post(
        store,
        leases=Around(store.leases, give_back=give_back),
        webhooks=Around(store.webhooks, standing=standing),
    )
    post.answers.status = 200
    await post.open()
    await post.happens()
    async with dispatched(post, notifier):
        await until(lambda: len(post.answers.sent) == 2)

    assert len({message.id for message in post.answers.sent}) == 2


async def test_events_of_other_types_cost_no_write_and_are_read_once(store: Store) -> None:
    written, read = list[str](), list[int]()

    async def write(*given: Any) -> Any:
        written.append("written")
        raise AssertionError

    async def events(*given: Any) -> Any:
        found = await store.events.events(*given)
        read.extend(event.id for event in found)
        return found

    post = Post(
        store,
        webhooks=Around(store.webhooks, queue=write, record=write, disable=write),
        leases=Around(store.leases, take=write, give_back=write),
        events=Around(store.events, events=events),
    )
    await post.open(None, CREATED)
    looked = 0
    for _ in range(3):
        await post.happens()
        looked = (await post.works(looked)).looked

    assert len(read) == len(set(read)) == 3
    assert written == []
