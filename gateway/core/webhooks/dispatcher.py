"""Starts a worker for each webhook that there is something to do for."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from gateway.core.model.callers import caller_id
from gateway.core.model.errors import LedgerUnavailable
from gateway.core.model.events import EventType
from gateway.core.model.purchases import View
from gateway.core.model.webhooks import StoredWebhook
from gateway.core.ports.observer import surviving
from gateway.core.ports.webhooks import StandingWebhook
from gateway.core.rentals.notifier import Notifier
from gateway.core.webhooks.views import view_by
from gateway.core.webhooks.worker import WebhookParts, WebhookWorker

LOOK_EVERY = 5.0
"""Seconds after which what another node has left is found."""
_ALL_EVERY = 60.0


class WebhookDispatcher:
    """Hears of changes to accounts, and asks every few seconds what another node has left.

    A change to an account without webhooks costs it one look into a dictionary. All webhooks are
    read anew each minute, and where some have changed here.
    """

    def __init__(self, parts: WebhookParts, notifier: Notifier) -> None:
        """`notifier` tells which accounts change."""
        self._parts = parts
        self._of_account: dict[str, dict[str, StoredWebhook]] = {}
        self._webhooks: dict[str, StoredWebhook] = {}
        self._looked: dict[str, int] = {}
        self._workers: dict[str, WebhookWorker] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._read_at = float("-inf")
        self._view_of: dict[str, View] = {}
        self._closed = False
        notifier.when_changed(self._of_account, self._account_changed)

    @property
    def listens(self) -> bool:
        """Whether rentals are polled for webhooks that are to tell their codes."""
        return self._parts.listening.is_on

    def look(self) -> None:
        """Webhooks or their deliveries have changed: look at them now."""
        self._changed.set()

    async def run(self) -> None:
        """Deliver until cancelled. Failures are reported, and retried at the next look."""
        try:
            while True:
                with surviving(self._parts.observer, "webhooks"):
                    await self._look()
                await self._wait()
        finally:
            self._closed = True
            self._parts.listening.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _account_changed(self, account_id: str) -> None:
        for webhook_id in self._of_account.get(account_id, ()):
            self._wake(webhook_id)

    async def _look(self) -> None:
        """All webhooks where some have changed here, or some time has passed; else what waits."""
        now = self._parts.clock.monotonic()
        if not self._changed.is_set() and now - self._read_at < _ALL_EVERY:
            for each in await self._parts.store.waiting(self._parts.clock.now()):
                webhook = self._webhooks.setdefault(each.webhook.id, each.webhook)
                self._of_account.setdefault(webhook.account_id, {})[webhook.id] = webhook
                if self._has_work(each):
                    self._wake(webhook.id)
            return
        self._changed.clear()
        self._read_at = float("-inf")  # where it fails, all are looked at again
        await self._look_at_all()
        self._read_at = now

    async def _look_at_all(self) -> None:
        standing = await self._parts.store.standing()
        self._webhooks = {each.webhook.id: each.webhook for each in standing}
        by_account: dict[str, dict[str, StoredWebhook]] = defaultdict(dict)
        for webhook in self._webhooks.values():
            by_account[webhook.account_id][webhook.id] = webhook
        self._of_account.clear()  # it stays the one that is asked at each change
        self._of_account.update(by_account)
        self._looked = {
            webhook_id: looked
            for webhook_id, looked in self._looked.items()
            if webhook_id in self._webhooks
        }
        for each in standing:
            if self._has_work(each):
                self._wake(each.webhook.id)
        await self._end_those_of_ended_keys(standing)
        await self._parts.listening.just(await self._views(standing))

    def _has_work(self, standing: StandingWebhook) -> bool:
        webhook = standing.webhook
        if standing.last_event > max(webhook.cursor, self._looked.get(webhook.id, 0)):
            return True
        due_at = standing.due_at
        return due_at is not None and due_at <= self._parts.clock.now()

    async def _end_those_of_ended_keys(self, standing: Sequence[StandingWebhook]) -> None:
        if not standing:
            return
        keys = {caller_id(key): key for key in await self._parts.keys.all()}
        at = self._parts.clock.now()
        for webhook in (each.webhook for each in standing):
            if view_by(keys.get(webhook.caller_id), webhook, at) is None:
                await self._parts.store.delete(webhook.id)

    async def _views(self, standing: Sequence[StandingWebhook]) -> set[View]:
        """The views in which webhooks are to tell codes; a key's is asked for once."""
        wanted = {
            each.webhook.caller_id: each.webhook
            for each in standing
            if EventType.RENTAL_CODE_RECEIVED in each.webhook.events
        }
        known = {caller: view for caller, view in self._view_of.items() if caller in wanted}
        for caller, webhook in wanted.items():
            if caller not in known and (view := await self._parts.view_of(webhook)):
                known[caller] = view
        self._view_of = known
        return set(known.values())

    def _wake(self, webhook_id: str) -> None:
        worker = self._workers.get(webhook_id)
        if worker is not None:
            worker.wake()
            return
        webhook = self._webhooks.get(webhook_id)
        if webhook is None or self._closed:
            return
        worker = WebhookWorker(webhook, self._parts, self._looked.get(webhook_id, 0))
        self._workers[webhook_id] = worker
        task = asyncio.create_task(self._work(webhook_id, worker))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, webhook_id: str, worker: WebhookWorker) -> None:
        try:
            await worker.run()
        except LedgerUnavailable:
            return  # the next look starts another
        except Exception as fault:
            self._parts.observer.background_failed("webhooks", fault)
            return
        finally:
            del self._workers[webhook_id]
        self._looked[webhook_id] = worker.looked
        if worker.woken:
            self._wake(webhook_id)
        elif worker.soonest is not None:
            self._wake_later(webhook_id, worker)

    def _wake_later(self, webhook_id: str, worker: WebhookWorker) -> None:
        """Be there when a delivery is due; looks find those that are due much later."""
        assert worker.soonest is not None  # noqa: S101 - for the type checker
        seconds = (worker.soonest - self._parts.clock.now()).total_seconds()
        if seconds < 2 * LOOK_EVERY:
            asyncio.get_running_loop().call_later(max(0.0, seconds), self._wake, webhook_id)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(LOOK_EVERY):
                await self._changed.wait()
        except TimeoutError:
            return
