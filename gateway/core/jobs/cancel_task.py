"""The background task that carries wishes to cancel out, once each is due."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from gateway.core.model.errors import LedgerUnavailable
from gateway.core.model.rentals import CancelWish
from gateway.core.ports.clock import Clock
from gateway.core.ports.ledger import Ledger
from gateway.core.ports.observer import Observer
from gateway.core.rentals.cancelling import CLAIMED, Cancelling
from gateway.core.upstream.account import AccountUpstream

_LOOK_EVERY = 5.0  # seconds: another node may have written a wish
_SOONEST = 0.05
_FEW, _MANY = 4, 64


class CancelTask:
    """Claims due wishes in the ledger, so that one node tries each, and tries them.

    Those of an account whose key is not in memory wait until it is seen: `wake`.
    """

    def __init__(
        self,
        ledger: Ledger,
        cancelling: Cancelling,
        upstream_of: Callable[[str], AccountUpstream | None],
        clock: Clock,
        observer: Observer,
        *,
        per_second: float,
    ) -> None:
        """`upstream_of` returns the upstream of an account id, where its key is in memory.

        `per_second`: the provider's limit of cancels for an account.
        """
        self._ledger = ledger
        self._cancelling = cancelling
        self._upstream_of = upstream_of
        self._clock = clock
        self._observer = observer
        # As many at once as the limit needs, few enough that none waits long for its permit.
        self._at_once = max(_FEW, min(_MANY, int(per_second / 2)))
        self._tries: set[asyncio.Task[None]] = set()
        self._under_way: Counter[str] = Counter()
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Carry wishes out until `close`."""
        self._task = asyncio.create_task(self._run())

    def wake(self) -> None:
        """A wish was written or put off, or the key of an account was seen: look now."""
        self._wanted.set()

    async def close(self) -> None:
        """Stop. What is under way is tried again by another process, or the next one."""
        tasks = [*self._tries, *([self._task] if self._task else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._wanted.clear()
            try:
                pause = await self.look()
            except LedgerUnavailable:
                pause = _LOOK_EVERY  # the outage is reported once, for all
            except Exception as fault:
                self._observer.background_failed("cancelling rentals", fault)
                pause = _LOOK_EVERY
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wanted.wait()

    async def look(self) -> float:
        """Begin tries of what is due now; returns the seconds until something else is."""
        pause = _LOOK_EVERY
        for account_id, due_at in await self._ledger.accounts_with_cancels():
            upstream = self._upstream_of(account_id)
            free = self._at_once - self._under_way[account_id]
            if upstream is None or free <= 0:
                continue  # the end of a try wakes
            due = (due_at - self._clock.now()).total_seconds()
            wait = max(due, self._cancelling.rests(account_id))
            if wait <= 0:
                now = self._clock.now()
                for wish in await self._ledger.claim_cancels(account_id, now, now + CLAIMED, free):
                    self._begin(upstream, wish)
            pause = min(pause, max(wait, _SOONEST))
        return pause

    def _begin(self, upstream: AccountUpstream, wish: CancelWish) -> None:
        account_id = upstream.account_id
        task = asyncio.create_task(self._try(upstream, wish))
        self._tries.add(task)
        self._under_way[account_id] += 1

        def ended(task: asyncio.Task[None]) -> None:
            self._tries.discard(task)
            self._under_way[account_id] -= 1
            self._wanted.set()

        task.add_done_callback(ended)

    async def _try(self, upstream: AccountUpstream, wish: CancelWish) -> None:
        try:
            await self._cancelling.carry_out_later(upstream, wish)
        except LedgerUnavailable:
            return  # due again when its claim runs out
        except Exception as fault:  # the same
            self._observer.background_failed("cancelling rentals", fault)
