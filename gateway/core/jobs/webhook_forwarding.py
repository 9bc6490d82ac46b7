"""Forwards the provider's webhooks, since it calls only one address per customer."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from gateway.core.model.errors import LedgerUnavailable
from gateway.core.ports.clock import Clock
from gateway.core.ports.observer import Observer
from gateway.core.ports.storage import ForwardedWebhook, Outbox

MOST_TRIES = 35  # about a day, with the pauses in between
_AT_ONCE = 100
_HELD = timedelta(seconds=60)
_LOOK_EVERY = 5.0
_LONGEST_PAUSE = 3600.0

Send = Callable[[ForwardedWebhook], Awaitable[bool]]
"""Makes one delivery; False where it failed."""


class _GivenUp(Exception):
    """A webhook could not be delivered within a day."""


class WebhookForwarding:
    """An outbox: each webhook is stored for each target until delivered, or for a day."""

    def __init__(
        self, targets: Sequence[str], outbox: Outbox, send: Send, clock: Clock, observer: Observer
    ) -> None:
        """`targets`: the URLs that webhooks are forwarded to."""
        self._targets = targets
        self._outbox = outbox
        self._send = send
        self._clock = clock
        self._observer = observer
        self._added = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()

    async def pass_on(self, query: str, content_type: str, body: bytes) -> None:
        """Add a webhook to the outbox; it is durable once this returns."""
        if self._targets:
            await self._outbox.add(self._targets, query, content_type, body, self._clock.now())
            self._added.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        try:
            while self._targets:
                self._added.clear()
                try:
                    started = await self._start_due()
                except LedgerUnavailable:
                    started = 0  # the outage is reported once, for all
                except Exception as fault:
                    self._observer.background_failed("forwarding", fault)
                    started = 0
                if not started:
                    await self._wait()
        finally:
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _start_due(self) -> int:
        """Start the due deliveries and return their number. A hanging target delays no other."""
        if len(self._under_way) >= _AT_ONCE:
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
        now = self._clock.now()
        deliveries = await self._outbox.due(now, now + _HELD, _AT_ONCE - len(self._under_way))
        for delivery in deliveries:
            task = asyncio.create_task(self._deliver(delivery))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        return len(deliveries)

    async def _deliver(self, delivery: ForwardedWebhook) -> None:
        try:
            if await self._send(delivery):
                await self._outbox.done(delivery.id)
            elif delivery.tries >= MOST_TRIES:
                await self._outbox.done(delivery.id)
                self._observer.background_failed("forwarding", _GivenUp("a webhook, after a day"))
            else:
                pause = min(2.0**delivery.tries, _LONGEST_PAUSE)
                at = self._clock.now() + timedelta(seconds=pause)
                await self._outbox.put_off(delivery.id, at)
        except LedgerUnavailable:
            return  # due again when its claim expires
        except Exception as fault:  # the same
            self._observer.background_failed("forwarding", fault)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(_LOOK_EVERY):
                await self._added.wait()
        except TimeoutError:
            return
