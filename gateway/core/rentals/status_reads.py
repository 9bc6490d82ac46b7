"""Status reads: single flight for each rental, and an answer serves for a second."""

import asyncio
from collections.abc import Coroutine
from itertools import count
from typing import Any

from cachetools import LRUCache

from gateway.core.model.errors import GatewayError
from gateway.core.model.rentals import OVER, Rental, RentalStatus
from gateway.core.model.upstream_call import Priority
from gateway.core.ports.clock import Clock
from gateway.core.rentals.repository import RentalRepository
from gateway.core.upstream.account import AccountUpstream, SendNumber
from gateway.core.upstream.calls import RENTAL_STATUS

_CACHED = 20_000
_Key = tuple[str, int]


class StatusReads:
    """The status of rentals, however many ask. `fresh`: how many seconds an answer serves."""

    def __init__(self, repository: RentalRepository, clock: Clock, *, fresh: float = 1.0) -> None:
        """`repository` answers for rentals that have ended."""
        self._repository = repository
        self._clock = clock
        self._fresh = fresh
        self._running: dict[_Key, asyncio.Task[Rental]] = {}
        self._last: LRUCache[_Key, tuple[float, Rental]] = LRUCache(_CACHED)
        self._over: LRUCache[_Key, bool] = LRUCache(_CACHED)  # the status itself said so
        self._numbers = count(1)
        # The number of the read that was sent last of those answered.
        self._newest: LRUCache[_Key, int] = LRUCache(_CACHED)

    async def status(
        self,
        upstream: AccountUpstream,
        rental_id: int,
        priority: Priority | None = None,
    ) -> Rental:
        """The rental as the provider says; one that has ended, as it is recorded."""
        key = upstream.account_id, rental_id
        last = self._last.get(key)
        if last is not None and self._clock.monotonic() - last[0] < self._fresh:
            return last[1]
        if (running := self._running.get(key)) is not None:
            return await asyncio.shield(running)
        return await self._shared(key, self._find(upstream, key, priority))

    async def anew(self, upstream: AccountUpstream, rental_id: int, deadline: float) -> Rental:
        """The same before all other reads, because something has happened to the rental.

        An earlier answer does not serve. Raises RateLimited where no permit comes within
        `deadline` seconds.
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
            return await self._ask(upstream, key, priority)
        if known.code is not None or known.status is RentalStatus.CANCELLED or key in self._over:
            return known
        # It was ended from here before anybody read its code: the provider may have one.
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
        said = await upstream.ask(RENTAL_STATUS, key[1], priority, deadline, sent)
        if sent.number < self._newest.get(key, 0):
            # A later read was answered before: this is how the rental stood, not how it stands.
            return await self._repository.known(*key) or said
        self._newest[key] = sent.number
        if said.status in OVER:
            self._over[key] = True
        return await self._repository.record(key[0], said)

    def _ended(self, key: _Key, task: asyncio.Task[Rental]) -> None:
        if self._running.get(key) is not task:
            return  # something has happened to the rental since it began
        del self._running[key]
        if not task.cancelled() and task.exception() is None:
            self._last[key] = self._clock.monotonic(), task.result()

    def forget(self, account_id: str, rental_id: int) -> None:
        """Something was done to the rental: earlier answers and reads under way do not serve."""
        self._last.pop((account_id, rental_id), None)
        self._running.pop((account_id, rental_id), None)
