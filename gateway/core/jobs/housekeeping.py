"""Periodic work on the ledger: recovery after dead processes, retention, and counting."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from gateway.core.ports.clock import Clock
from gateway.core.ports.ledger import Ledger
from gateway.core.ports.observer import Observer, surviving

LOOK_EVERY = 5.0
COUNT_EVERY = 15.0
PURGE_EVERY = 3600.0
REQUEST_IDS_KEPT = timedelta(hours=24)


class Housekeeping:
    """Recovers, purges and counts periodically."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        observer: Observer,
        *,
        retention: timedelta,
        purged: Callable[[], None],
        more: Sequence[Callable[[], Awaitable[None]]] = (),
    ) -> None:
        """`retention`: how long codes, texts and answers are stored.

        `purged` is called after each purge: another process may have deleted what is cached here.
        `more`: what else is purged as often.
        """
        self._ledger = ledger
        self._clock = clock
        self._observer = observer
        self._retention = retention
        self._purged = purged
        self._more = more

    async def recover(self) -> None:
        """Close the purchases that dead processes left open."""
        await self._ledger.recover(self._clock.now())

    async def purge(self) -> None:
        """Delete old codes, texts and answers, and request ids older than a day."""
        now = self._clock.now()
        await self._ledger.purge(now - self._retention, now - REQUEST_IDS_KEPT)
        self._purged()
        for purge in self._more:
            await purge()

    async def count(self) -> None:
        """Tell what stands open in the ledger."""
        now = self._clock.now()
        counts = await self._ledger.counts(now)
        oldest = counts.oldest_wish_at
        waited = timedelta(0) if oldest is None else max(timedelta(0), now - oldest)
        self._observer.ledger_counted(counts, waited.total_seconds())

    async def run(self) -> None:
        """Run until cancelled. Failures are reported and retried at the next interval."""
        await asyncio.gather(
            self._every(LOOK_EVERY, self.recover),
            self._every(PURGE_EVERY, self.purge),
            self._every(COUNT_EVERY, self.count),
        )

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            with surviving(self._observer, "housekeeping"):
                await work()
