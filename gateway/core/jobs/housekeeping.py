"""Regular work on the ledger: recovery of what dead processes left, and retention."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from gateway.core.ports.clock import Clock
from gateway.core.ports.ledger import Ledger
from gateway.core.ports.observer import Observer

LOOK_EVERY = 5.0
PURGE_EVERY = 3600.0
REQUEST_IDS_KEPT = timedelta(hours=24)


class Housekeeping:
    """Recovers and purges while the gateway runs."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        observer: Observer,
        *,
        retention: timedelta,
        purged: Callable[[], None],
    ) -> None:
        """`retention`: how long codes, texts and answers are kept.

        `purged` is called when some were deleted: what is cached of them must go too.
        """
        self._ledger = ledger
        self._clock = clock
        self._observer = observer
        self._retention = retention
        self._purged = purged

    async def recover(self) -> None:
        """End the purchases that dead processes left open."""
        await self._ledger.recover(self._clock.now())

    async def purge(self) -> None:
        """Forget old codes, texts and answers, and the request ids of yesterday."""
        now = self._clock.now()
        if await self._ledger.purge(now - self._retention, now - REQUEST_IDS_KEPT):
            self._purged()

    async def run(self) -> None:
        """Until cancelled. A database that is away for a while ends nothing."""
        await asyncio.gather(
            self._every(LOOK_EVERY, self.recover), self._every(PURGE_EVERY, self.purge)
        )

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await work()
            except Exception as fault:
                self._observer.background_failed("housekeeping", fault)
