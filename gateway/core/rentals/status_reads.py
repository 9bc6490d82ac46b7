"""Status reads: single flight for each rental, results cached for a second."""

import asyncio
from collections.abc import Coroutine
from itertools import count
from typing import Any

from cachetools import LRUCache

from gateway.core.model.errors import GatewayError, LedgerUnavailable, RateLimited
from gateway.core.model.provider_errors import UpstreamAuthFailed, UpstreamFault
from gateway.core.model.rentals import OVER, Rental, RentalStatus
from gateway.core.model.upstream_call import Priority
from gateway.core.ports.clock import Clock
from gateway.core.rentals.repository import RentalRepository
from gateway.core.upstream.account import AccountUpstream, SendNumber
from gateway.core.upstream.calls import RENTAL_STATUS

_CACHED = 20_000
_Key = tuple[str, int]


class StatusReads:
    """Reads the status of rentals. Concurrent reads share one call.

    `fresh`: how many seconds a result is cached.
    """

    def __init__(self, repository: RentalRepository, clock: Clock, *, fresh: float = 1.0) -> None:
        """`repository` has the rentals that have ended, which need no call."""
        self._repository = repository
        self._clock = clock
        self._fresh = fresh
        self._running: dict[_Key, asyncio.Task[Rental]] = {}
        self._last: LRUCache[_Key, tuple[float, Rental]] = LRUCache(_CACHED)
        self._known_ended: LRUCache[_Key, bool] = LRUCache(_CACHED)  # ended by a status response
        self._numbers = count(1)
        # The highest send number of the reads that have completed.
        self._last_number: LRUCache[_Key, int] = LRUCache(_CACHED)

    async def status(
        self,
        upstream: AccountUpstream,
        rental_id: int,
        priority: Priority | None = None,
    ) -> Rental:
        """The rental from the provider, or from the repository if it has ended."""
        key = upstream.account_id, rental_id
        last = self._last.get(key)
        if last is not None and self._clock.monotonic() - last[0] < self._fresh:
            return last[1]
        if (running := self._running.get(key)) is not None:
            return await asyncio.shield(running)
        return await self._shared(key, self._find(upstream, key, priority))

    async def anew(self, upstream: AccountUpstream, rental_id: int, deadline: float) -> Rental:
        """Read the status again without the cache, before all other reads.

        Raises RateLimited where no permit is granted within `deadline` seconds.
        """
        key = upstream.account_id, rental_id
        return await self._shared(key, self._ask(upstream, key, Priority.SPEND, deadline))

    async def _shared(self, key: _Key, work: Coroutine[Any, Any, Rental]) -> Rental:
        task = self._running[key] = asyncio.create_task(work)
        task.add_done_callback(lambda done: self._ended(key, done))
        return await asyncio.shield(task)

    async def _find(
        self, upstream: AccountUpstream, key: _Key, priority: Priority | None
    ) -> Rental:
        known = await self._repository.known(*key)
        if known is None or known.status not in OVER:
            try:
                return await self._ask(upstream, key, priority)
            except (UpstreamFault, RateLimited) as fault:
                if isinstance(fault, UpstreamAuthFailed) or not self._repository.ledger_away:
                    raise
                if known is None:
                    raise LedgerUnavailable from fault
                return known  # nobody tells more now
        if (
            known.code is not None
            or known.status is RentalStatus.CANCELLED
            or key in self._known_ended
        ):
            return known
        # Ended through the gateway before its code was read: the provider may have one.
        try:
            return await self._ask(upstream, key, priority)
        except GatewayError:
            return known

    async def _ask(
        self,
        upstream: AccountUpstream,
        key: _Key,
        priority: Priority | None,
        deadline: float | None = None,
    ) -> Rental:
        sent = SendNumber(self._numbers)
        reported = await upstream.ask(RENTAL_STATUS, key[1], priority, deadline, sent)
        if sent.number < self._last_number.get(key, 0):
            # A read sent later has completed before: this state is outdated.
            return await self._repository.known(*key) or reported
        self._last_number[key] = sent.number
        if reported.status in OVER:
            self._known_ended[key] = True
        return await self._repository.record(key[0], reported)

    def _ended(self, key: _Key, task: asyncio.Task[Rental]) -> None:
        if self._running.get(key) is not task:
            return  # superseded or dropped since it began
        del self._running[key]
        if not task.cancelled() and task.exception() is None:
            self._last[key] = self._clock.monotonic(), task.result()

    def forget(self, account_id: str, rental_id: int) -> None:
        """Drop the cached result and detach reads under way, because the rental was changed."""
        self._last.pop((account_id, rental_id), None)
        self._running.pop((account_id, rental_id), None)
