"""Delivers to one webhook: queues its events, and sends what is due."""

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from gateway.core.model.callers import TEST_ACCOUNT_ID
from gateway.core.model.errors import LedgerUnavailable
from gateway.core.model.events import Event
from gateway.core.model.purchases import View
from gateway.core.model.webhooks import DisabledReason, StoredWebhook
from gateway.core.ports.clock import Clock
from gateway.core.ports.observer import Observer
from gateway.core.ports.storage import Events, Keys, Leases
from gateway.core.ports.webhooks import DueDelivery, OutgoingWebhooks
from gateway.core.webhooks.listening import WebhookListening
from gateway.core.webhooks.schedule import FAILING_FOR, MOST_BEHIND
from gateway.core.webhooks.sending import Attempt, WebhookSending
from gateway.core.webhooks.views import view_of

AT_ONCE = 4
_PAGE = 100
_LEASE = 30.0  # seconds; a try takes up to half of it
_RENEW = 10.0
_CHECK_EVERY = 1.0
_SKIPPED = 1000  # events without interest, after which the place among them is stored


@dataclass(frozen=True, slots=True)
class WebhookParts:
    """What every worker uses."""

    store: OutgoingWebhooks
    events: Events
    keys: Keys
    leases: Leases
    sending: WebhookSending
    listening: WebhookListening
    clock: Clock
    observer: Observer

    async def view_of(self, webhook: StoredWebhook) -> View | None:
        """What a webhook's key may see; None where the key has ended."""
        return await view_of(webhook, self.keys, self.clock.now())


class WebhookWorker:
    """Delivers to one webhook while there is something to deliver.

    A lease lets one node do it at a time. Where the store cannot tell who has it, two may: a
    delivery then comes twice, as it does when a node dies before it has written down the answer.
    """

    def __init__(self, webhook: StoredWebhook, parts: WebhookParts, looked: int) -> None:
        """`looked`: the last event that this node has looked at for it before."""
        self.looked = max(looked, webhook.cursor)
        self._webhook = webhook
        self._parts = parts
        self._woken = asyncio.Event()
        self._due: deque[DueDelivery] = deque()
        self._fresh: dict[int, Event] = {}
        self._sending: dict[int, asyncio.Task[None]] = {}
        self._checked_at = self._leased_at = float("-inf")
        self._view: View | None = None
        self._unwritten: LedgerUnavailable | None = None
        self.soonest: datetime | None = None
        """When the first of the deliveries that failed here is tried again."""

    @property
    def woken(self) -> bool:
        """Whether it was woken after its last look: never by itself, or nobody's work goes on."""
        return self._woken.is_set()

    def wake(self) -> None:
        """Something may have happened to its account, or to its deliveries."""
        self._woken.set()

    async def run(self) -> None:
        """Deliver until nothing is due any more, or another node does it.

        Raises LedgerUnavailable, also where what came of a try could not be written down: it is due
        as before, and would be sent again at once.
        """
        lease = f"webhook:{self._webhook.id}"
        if not await self._has_work():
            return
        first = True
        try:
            while await self._holds(lease) and (view := await self._allowed()) is not None:
                if first or self._woken.is_set():
                    first = False
                    self._woken.clear()
                    if not await self._queue_news(view):
                        return
                await self._start_due(view)
                if not self._sending and not self._woken.is_set():
                    return
                await self._wait()
                if self._unwritten is not None:
                    raise self._unwritten
        finally:
            await self._end(lease)

    async def _has_work(self) -> bool:
        """Whether the lease is worth taking: for another account's events it is not asked for."""
        view = await self._parts.view_of(self._webhook)
        if view is None:  # it is deleted under the lease
            return True
        due_at = await self._parts.store.next_due(self._webhook.id)
        if due_at is not None and due_at <= self._parts.clock.now():
            return True
        while True:
            events, newest = await self._read(view)
            if any(map(self._webhook.takes, events)) or newest - self._webhook.cursor > _SKIPPED:
                return True
            self.looked = newest
            if len(events) < _PAGE:
                return False

    async def _read(self, view: View) -> tuple[list[Event], int]:
        """The next events of the view, and the last id that was looked at with them."""
        last = await self._parts.events.last_event()  # first: the events up to it can be read
        events = list(await self._parts.events.events(view, self.looked, _PAGE))
        self._parts.listening.follow(view, events)
        if len(events) == _PAGE:
            return events, events[-1].id
        return events, max([last, self.looked, *(event.id for event in events)])

    async def _holds(self, lease: str) -> bool:
        now = self._parts.clock.monotonic()
        if now - self._leased_at < _RENEW:
            return True
        if not await self._parts.leases.take(lease, _LEASE):
            return False
        self._leased_at = now
        return True

    async def _allowed(self) -> View | None:
        """What its key may see, asked for every second; None: nothing more is to be sent."""
        now = self._parts.clock.monotonic()
        if now - self._checked_at < _CHECK_EVERY:
            return self._view
        webhook = await self._parts.store.find(self._webhook.id)
        if webhook is None or webhook.disabled_reason is not None:
            return None
        view = await self._parts.view_of(webhook)
        if view is None:
            await self._parts.store.delete(webhook.id)
            return None
        self.looked = max(self.looked, webhook.cursor)
        self._webhook, self._checked_at, self._view = webhook, now, view
        return view

    async def _queue_news(self, view: View) -> bool:
        """Queue the events since the last look; False where it was disabled for their number."""
        while True:
            events, newest = await self._read(view)
            taken = [event for event in events if self._webhook.takes(event)]
            if taken or newest - self._webhook.cursor > _SKIPPED:
                waiting = await self._parts.store.queue(
                    self._webhook.id,
                    [(event.id, event.type) for event in taken],
                    newest,
                    self._parts.clock.now(),
                )
                if waiting > MOST_BEHIND:
                    await self._disable(DisabledReason.BEHIND)
                    return False
                if len(self._fresh) < _PAGE:
                    self._fresh.update((event.id, event) for event in taken)
            self.looked = newest
            if len(events) < _PAGE:
                return True

    async def _start_due(self, view: View) -> None:
        if not self._due and len(self._sending) < AT_ONCE:
            await self._read_due()
        while self._due and len(self._sending) < AT_ONCE:
            due = self._due.popleft()
            if due.event_id not in self._sending:
                self._sending[due.event_id] = asyncio.create_task(self._deliver(due, view))

    async def _read_due(self) -> None:
        now = self._parts.clock.now()
        found = await self._parts.store.due(self._webhook.id, now, _PAGE)
        self._due.extend(due for due in found if due.event_id not in self._sending)
        if not self._due:
            self._fresh.clear()

    async def _deliver(self, due: DueDelivery, view: View) -> None:
        """Send one delivery and write down what came of it."""
        try:
            tried = await self._attempt(due, view)
            record = tried.record
            since = await self._parts.store.record(self._webhook.id, record)
            if self._webhook.account_id != TEST_ACCOUNT_ID:
                self._parts.observer.webhook_tried(record.state)
            if record.next_try_at is not None:
                self.soonest = min(self.soonest or record.next_try_at, record.next_try_at)
            reason = tried.disable
            if reason is None and since is not None and record.at - since >= FAILING_FOR:
                reason = DisabledReason.FAILING
            if reason is not None:
                await self._disable(reason)
        except LedgerUnavailable as fault:  # it is due as before: then it comes twice
            self._unwritten = fault
        finally:
            self._sending.pop(due.event_id, None)

    async def _attempt(self, due: DueDelivery, view: View) -> Attempt:
        sending = self._parts.sending
        try:
            event = self._fresh.pop(due.event_id, None) or await self._event(view, due.event_id)
            return await sending.attempt(self._webhook, due, event)
        except LedgerUnavailable:
            raise
        except Exception as fault:  # written down, or it would be tried for ever
            self._parts.observer.background_failed("webhooks", fault)
            return sending.failed(due)

    async def _event(self, view: View, event_id: int) -> Event | None:
        found = await self._parts.events.events(view, event_id - 1, 1)
        return next((event for event in found if event.id == event_id), None)

    async def _disable(self, reason: DisabledReason) -> None:
        self._checked_at = float("-inf")
        self._due.clear()
        await self._parts.store.disable(self._webhook.id, reason, self._parts.clock.now())

    async def _wait(self) -> None:
        """Until a delivery ends, something happens, or the lease is to be renewed."""
        woken = asyncio.create_task(self._woken.wait())
        try:
            await asyncio.wait(
                {woken, *self._sending.values()},
                timeout=_RENEW,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            woken.cancel()

    async def _end(self, lease: str) -> None:
        under_way = list(self._sending.values())
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        with suppress(LedgerUnavailable):
            await self._parts.leases.give_back(lease)
