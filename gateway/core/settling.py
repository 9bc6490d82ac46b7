"""How the end of a purchase gets into the ledger, sooner or later."""

import asyncio

from gateway.core.ledger import Ledger, Outcome
from gateway.core.ports import Clock, Observer

_AGAIN_AFTER, _AT_MOST = 1.0, 30.0  # seconds


class Settling:
    """Writes ends down. A ledger that fails now must not cost a caller its answer."""

    def __init__(self, ledger: Ledger, clock: Clock, observer: Observer) -> None:
        """`observer` is told of the first failure of each."""
        self._ledger = ledger
        self._clock = clock
        self._observer = observer
        self._later: set[asyncio.Task[None]] = set()

    async def end(self, ledger_id: str, outcome: Outcome) -> bool:
        """Write it down now; False where that failed, and it is tried again in the background.

        Where this process ends before it succeeds, the purchase is found open, and is unknown.
        """
        try:
            await self._ledger.settle(ledger_id, outcome, self._clock.now())
        except Exception as fault:
            self._observer.ledger_failed(ledger_id, fault)
            task = asyncio.create_task(self._until_written(ledger_id, outcome))
            self._later.add(task)
            task.add_done_callback(self._later.discard)
            return False
        return True

    async def _until_written(self, ledger_id: str, outcome: Outcome) -> None:
        pause = _AGAIN_AFTER
        while True:
            await asyncio.sleep(pause)
            try:
                await self._ledger.settle(ledger_id, outcome, self._clock.now())
            except Exception:  # told before; what becomes of it is seen in the ledger
                pause = min(2 * pause, _AT_MOST)
            else:
                return
