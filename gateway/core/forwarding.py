"""Passes the provider's webhooks on: it calls one address per customer, and others listen too."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from gateway.core.ports import Clock, Letter, Observer, Outbox

MOST_TRIES = 12
_AT_ONCE = 20
_HELD = timedelta(seconds=60)
_LOOK_EVERY = 5.0
_LONGEST_PAUSE = 3600.0

Send = Callable[[Letter], Awaitable[bool]]
"""Delivers a letter; False where that failed."""


class Forwarding:
    """Keeps every webhook for every target until it is delivered, or is given up after a day."""

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

    async def pass_on(self, query: str, content_type: str, body: bytes) -> None:
        """Keep a webhook for its targets. Once this returns it is not lost."""
        if self._targets:
            await self._outbox.add(self._targets, query, content_type, body, self._clock.now())
            self._added.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        while self._targets:
            self._added.clear()
            try:
                delivered = await self._deliver_due()
            except Exception as fault:
                self._observer.background_failed("forwarding", fault)
                delivered = 0
            if not delivered:
                await self._wait()

    async def _deliver_due(self) -> int:
        now = self._clock.now()
        letters = await self._outbox.due(now, now + _HELD, _AT_ONCE)
        await asyncio.gather(*(self._deliver(letter) for letter in letters))
        return len(letters)

    async def _deliver(self, letter: Letter) -> None:
        if await self._send(letter) or letter.tries >= MOST_TRIES:
            await self._outbox.done(letter.id)
            return
        pause = min(2.0**letter.tries, _LONGEST_PAUSE)
        await self._outbox.put_off(letter.id, self._clock.now() + timedelta(seconds=pause))

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(_LOOK_EVERY):
                await self._added.wait()
        except TimeoutError:
            return
