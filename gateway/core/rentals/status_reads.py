"""Status reads: single flight for each rental, results cached for a second."""

import asyncio
from collections.abc import Coroutine
from itertools import count
from math import inf
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


class _Read:
    """A read under way, and the future of its answer, which all who asked for it share."""

    __slots__ = ("answer", "priority", "sent", "work")

    def __init__(self, priority: Priority, sent: SendNumber) -> None:
        self.priority = priority
        self.sent = sent
        self.answer: asyncio.Future[Rental] = asyncio.get_running_loop().create_future()
        self.work: asyncio.Task[Rental] | None = None

    def may_be_hastened(self, priority: Priority) -> bool:
        """Whether it still waits for its permit, at a lower priority than this one."""
        return priority < self.priority and not self.sent.number

    def ended(self, work: asyncio.Task[Rental]) -> None:
        """Pass the result on."""
        if self.answer.done():
            return
        if work.cancelled():
            self.answer.cancel()
        elif (fault := work.exception()) is not None:
            self.answer.set_exception(fault)
            self.answer.exception()  # marks it as retrieved: all who asked may have gone
        else:
            self.answer.set_result(work.result())


class StatusReads:
    """Reads the status of rentals. Concurrent reads share one call.

    `fresh`: how many seconds a result is cached.
    """

    def __init__(self, repository: RentalRepository, clock: Clock, *, fresh: float = 1.0) -> None:
        """`repository` has the rentals that have ended, which need no call."""
        self._repository = repository
        self._clock = clock
        self._fresh = fresh
        self._running: dict[_Key, _Read] = {}
        self._last: LRUCache[_Key, tuple[float, Rental]] = LRUCache(_CACHED)
        self._known_ended: LRUCache[_Key, bool] = LRUCache(_CACHED)  # ended by a status response
        self._numbers = count(1)
        # The highest send number of the reads that have completed.
        self._last_number: LRUCache[_Key, int] = LRUCache(_CACHED)

    def recent(self, account_id: str, rental_id: int, max_age: float = inf) -> Rental | None:
        """What the last read gave, where that is fresh, and not older than `max_age` seconds."""
        last = self._last.get((account_id, rental_id))
        if last is None or self._clock.monotonic() - last[0] >= min(self._fresh, max_age):
            return None
        return last[1]

    async def status(
        self,
        upstream: AccountUpstream,
        rental_id: int,
        priority: Priority = Priority.READ,
        deadline: float | None = None,
        max_age: float = inf,
    ) -> Rental:
        """The rental from the provider, or from the repository if it has ended.

        A read that waits for its permit at a lower priority is hastened; where one that was sent so
        fails, it is repeated. `deadline` as in AccountUpstream.ask. `max_age`: how many seconds old
        a cached result may be, if that is less than it is cached.
        """
        if (recent := self.recent(upstream.account_id, rental_id, max_age)) is not None:
            return recent
        key = upstream.account_id, rental_id
        read = self._running.get(key)
        if read is None:
            read = self._running[key] = _Read(priority, SendNumber(self._numbers))
            self._work(key, read, self._find(upstream, key, read, deadline))
        elif read.may_be_hastened(priority):
            read.priority = priority
            self._work(key, read, self._find(upstream, key, read, deadline))
        try:
            return await asyncio.shield(read.answer)
        except (UpstreamFault, RateLimited):
            if read.priority <= priority:
                raise
        return await self.status(upstream, rental_id, priority, deadline, max_age)

    async def anew(self, upstream: AccountUpstream, rental_id: int, deadline: float) -> Rental:
        """Read the status again without the cache, before all other reads.

        Raises RateLimited where no permit is granted within `deadline` seconds.
        """
        key = upstream.account_id, rental_id
        read = _Read(Priority.SPEND, SendNumber(self._numbers))
        waiting = self._running.get(key)
        if waiting is None or waiting.sent.number:  # else it stays there, to be hastened
            self._running[key] = read
        self._work(key, read, self._ask(upstream, key, read, deadline))
        return await asyncio.shield(read.answer)

    def hasten(self, upstream: AccountUpstream, rental_id: int, priority: Priority) -> None:
        """Raise the priority of a read that waits for its permit, if there is one."""
        key = upstream.account_id, rental_id
        read = self._running.get(key)
        if read is not None and read.may_be_hastened(priority):
            read.priority = priority
            self._work(key, read, self._find(upstream, key, read, None))

    def _work(self, key: _Key, read: _Read, work: Coroutine[Any, Any, Rental]) -> None:
        """Do the work of a read, in place of that which waits at a lower priority."""
        before, read.work = read.work, asyncio.create_task(work)
        read.work.add_done_callback(lambda done: self._ended(key, read, done))
        if before is not None:
            before.cancel()

    async def _find(
        self, upstream: AccountUpstream, key: _Key, read: _Read, deadline: float | None
    ) -> Rental:
        known = await self._repository.known(*key)
        if known is None or known.status not in OVER:
            try:
                return await self._ask(upstream, key, read, deadline)
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
            return await self._ask(upstream, key, read, deadline)
        except GatewayError:
            return known

    async def _ask(
        self,
        upstream: AccountUpstream,
        key: _Key,
        read: _Read,
        deadline: float | None,
    ) -> Rental:
        sent = read.sent
        reported = await upstream.ask(RENTAL_STATUS, key[1], read.priority, deadline, sent)
        if sent.number < self._last_number.get(key, 0):
            # A read sent later has completed before: this state is outdated.
            return await self._repository.known(*key) or reported
        self._last_number[key] = sent.number
        if reported.status in OVER:
            self._known_ended[key] = True
        return await self._repository.record(key[0], reported)

    def _ended(self, key: _Key, read: _Read, work: asyncio.Task[Rental]) -> None:
        if read.work is not work:  # hastened: other work has taken its place
            if not work.cancelled():
                work.exception()  # marks it as retrieved
            return
        if self._running.get(key) is read:  # else it was superseded or dropped since it began
            del self._running[key]
            if not work.cancelled() and work.exception() is None:
                self._last[key] = self._clock.monotonic(), work.result()
        read.ended(work)

    def forget(self, account_id: str, rental_id: int) -> None:
        """Drop what was read, also by a read that has been sent, because the rental was changed."""
        key = account_id, rental_id
        self._last.pop(key, None)
        read = self._running.get(key)
        if read is not None and read.sent.number:
            del self._running[key]
