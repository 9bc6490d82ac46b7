"""Forwards the provider's webhooks: it calls one address per customer, and others listen too."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from gateway.core.ports.clock import Clock
from gateway.core.ports.observer import Observer
from gateway.core.ports.storage import Outbox, WebhookDelivery

MOST_TRIES = 35  # with the pauses between them: a day
_AT_ONCE = 100
_HELD = timedelta(seconds=60)
_LOOK_EVERY = 5.0
_LONGEST_PAUSE = 3600.0

Send = Callable[[WebhookDelivery], Awaitable[bool]]
"""Makes one delivery; False where it failed."""


class _GivenUp(Exception):
    """It could not be delivered."""


class WebhookForwarding:
    """An outbox: every webhook is kept for every target until it is delivered, or for a day."""

    def __init__(
        self, targets: Sequence[str], outbox: Outbox, send: Send, clock: Clock, observer: Observer
    ) -> None:
        """`targets`: the addresses webhooks are passed on to."""
        self._targets = targets
        self._outbox = outbox
        self._send = send
        self._clock = clock
        self._observer = observer
        self._added = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()

    async def pass_on(self, query: str, content_type: str, body: bytes) -> None:
        """Put a webhook into the outbox. Once this returns it is not lost."""
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
        """Start whatever is due; a target that hangs holds up nothing but its own deliveries."""
        if len(self._under_way) >= _AT_ONCE:
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
        now = self._clock.now()
        deliveries = await self._outbox.due(now, now + _HELD, _AT_ONCE - len(self._under_way))
        for delivery in deliveries:
            task = asyncio.create_task(self._deliver(delivery))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        return len(deliveries)

    async def _deliver(self, delivery: WebhookDelivery) -> None:
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
        except Exception as fault:  # it is due again when it is held no longer
            self._observer.background_failed("forwarding", fault)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(_LOOK_EVERY):
                await self._added.wait()
        except TimeoutError:
            return
