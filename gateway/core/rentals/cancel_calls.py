"""The call that cancels a rental: one at a time for each, and what its answers teach."""

import asyncio
from datetime import datetime

from cachetools import LRUCache

from gateway.core.model.provider_errors import CancelTooEarly, UpstreamFault
from gateway.core.model.rentals import OneRental, Rental, RentalStatus
from gateway.core.ports.clock import Clock
from gateway.core.rentals.cancel_locks import CancelLocks
from gateway.core.rentals.repository import RentalRepository
from gateway.core.rentals.status_reads import StatusReads
from gateway.core.upstream.account import AccountUpstream
from gateway.core.upstream.calls import CANCEL

_LOST = 10_000
_Key = tuple[str, int]


class CancelCalls:
    """Makes the calls. `locks`: for how long the provider refuses them after a rent."""

    def __init__(
        self, repository: RentalRepository, status_reads: StatusReads, clock: Clock
    ) -> None:
        self.locks = CancelLocks()
        self._repository = repository
        self._status_reads = status_reads
        self._clock = clock
        self._running: dict[_Key, asyncio.Task[Rental]] = {}
        self._lost: LRUCache[_Key, bool] = LRUCache(_LOST)

    async def cancel(self, upstream: AccountUpstream, rental_id: int) -> Rental:
        """Make the call, together with whoever makes it now. Raises what the provider answers."""
        key = upstream.account_id, rental_id
        call = self._running.get(key)
        if call is None:
            call = self._running[key] = asyncio.create_task(self._cancel(upstream, key))
            call.add_done_callback(lambda done: self._ended(key, done))
        return await asyncio.shield(call)

    def running(self, account_id: str, rental_id: int) -> bool:
        """Whether a call is being made."""
        return (account_id, rental_id) in self._running

    def may_be_made(self, account_id: str, rental_id: int) -> bool:
        """Whether the answer of the last call was lost, and nobody has looked since."""
        return (account_id, rental_id) in self._lost

    def looked(self, account_id: str, rental_id: int) -> None:
        """The status was read after the last call."""
        self._lost.pop((account_id, rental_id), None)

    async def close(self) -> None:
        """End the calls under way: their wishes stand."""
        running = list(self._running.values())
        for call in running:
            call.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _cancel(self, upstream: AccountUpstream, key: _Key) -> Rental:
        account_id, rental_id = key
        sent = _Sent(self._clock)
        try:
            said = await upstream.ask(CANCEL, OneRental(rental_id=rental_id), before_sending=sent)
        except CancelTooEarly:
            self.locks.refused(account_id, await self._repository.known(*key), sent.at)
            raise
        except UpstreamFault as fault:
            if fault.lost:
                self._lost[key] = True
            raise
        finally:
            self._status_reads.forget(account_id, rental_id)
        rental = await self._repository.record(account_id, said)
        if rental.status is RentalStatus.CANCELLED:
            self.locks.done(account_id, rental, self._clock.now())
        return rental

    def _ended(self, key: _Key, call: asyncio.Task[Rental]) -> None:
        del self._running[key]
        if not call.cancelled():
            call.exception()  # marks it as retrieved: whoever asked may be gone


class _Sent:
    """When a call was sent; a hook of the pipeline."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.at: datetime = clock.now()

    async def __call__(self) -> None:
        self.at = self._clock.now()
