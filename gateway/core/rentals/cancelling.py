"""Cancels rentals as soon as the provider allows: carries the wishes of the ledger out."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from cachetools import LRUCache

from gateway.core.model.callers import TEST_ACCOUNT_ID
from gateway.core.model.errors import GatewayError, LedgerUnavailable, RateLimited, RentalNotFound
from gateway.core.model.provider_errors import (
    CancelTooEarly,
    Refused,
    UpstreamAuthFailed,
    UpstreamFault,
    UpstreamMaintenance,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.core.model.rentals import OVER, CancelReason, CancelWish, Rental, RentalStatus
from gateway.core.model.upstream_call import Priority
from gateway.core.ports.clock import Clock
from gateway.core.ports.ledger import Ledger
from gateway.core.ports.observer import Observer
from gateway.core.rentals.cancel_calls import CancelCalls
from gateway.core.rentals.repository import RentalRepository
from gateway.core.rentals.setbacks import Setbacks
from gateway.core.rentals.status_reads import StatusReads
from gateway.core.upstream.account import AccountUpstream

CLAIMED = timedelta(seconds=20)
"""For how long a wish is claimed for a try; afterwards anybody may claim it."""
_REFUSED = 30.0  # seconds, as all the pauses
_MISSING = 60.0
_AFTER_KEY_REFUSED = 300.0
_WAITED_FOR = 2.0
_REMEMBERED = 10_000
_SERVES_NOBODY = (UpstreamAuthFailed, UpstreamMaintenance, UpstreamTimeout, UpstreamUnavailable)
_Key = tuple[str, int]


class Standing(Enum):
    """Why a wish stands after a try."""

    TOO_EARLY = "The provider does not cancel it yet."
    AWAY = "The provider does not answer now."
    KEY_REFUSED = "The provider refuses the key now."
    TRIED = "It is being cancelled."


@dataclass(frozen=True, slots=True)
class Tried:
    """A rental after a try to cancel it. `refusal`: what the provider said, where it may not be."""

    rental: Rental
    standing: Standing = Standing.TRIED
    refusal: GatewayError | None = None


class Cancelling:
    """Makes the tries, for callers and for the background job; one call for a rental at a time."""

    def __init__(
        self,
        ledger: Ledger,
        repository: RentalRepository,
        status_reads: StatusReads,
        clock: Clock,
        observer: Observer,
    ) -> None:
        self._ledger = ledger
        self._repository = repository
        self._status_reads = status_reads
        self._clock = clock
        self._observer = observer
        self.calls = CancelCalls(repository, status_reads, clock)
        self._setbacks = Setbacks(clock)
        self._stands: LRUCache[_Key, Standing] = LRUCache(_REMEMBERED)
        self._wake: Callable[[], None] | None = None
        self._may_return: Callable[[str, int], Awaitable[bool]] = _always

    def when_wanted(self, wake: Callable[[], None]) -> None:
        """Set what is called when a wish was written or put off."""
        self._wake = wake

    def returns_if(self, may_return: Callable[[str, int], Awaitable[bool]]) -> None:
        """Set what decides, just before, whether a number may be given back unused."""
        self._may_return = may_return

    def wanted(self) -> None:
        """A wish was written or put off: it is looked for soon."""
        if self._wake is not None:
            self._wake()

    def rests(self, account_id: str) -> float:
        """For how many seconds no wish of the account is tried, since the provider is away."""
        return self._setbacks.rests(account_id)

    async def want(
        self,
        account_id: str,
        rental_id: int,
        reason: CancelReason = CancelReason.ASKED,
        due_at: datetime | None = None,
    ) -> CancelWish | None:
        """Write a wish down; it is claimed for a try, unless it is due later.

        None where there is nothing to cancel. Raises LedgerUnavailable.
        """
        now = self._clock.now()
        wish = await self._ledger.want_cancel(
            account_id, rental_id, reason, now, due_at or now + CLAIMED
        )
        if wish is not None:
            self._repository.changed(account_id, wish.rental)
        return wish

    async def drop(self, account_id: str, rental_id: int, reason: CancelReason) -> None:
        """End a wish: who made it is told that it cannot be, or it is made once only."""
        with suppress(LedgerUnavailable):
            rental = await self._ledger.drop_cancel(account_id, rental_id, reason)
            if rental is not None:
                self._repository.changed(account_id, rental)

    async def asked(self, account_id: str, until: datetime) -> int:
        """How many wishes of callers are to be tried until then."""
        return await self._ledger.count_cancels(account_id, until)

    def last_try(self, account_id: str, rental: Rental) -> Tried:
        """What became of the last try of a wish that stands and is not due."""
        known = rental.cancel_available_at is not None
        usual = Standing.TOO_EARLY if known else Standing.TRIED
        return Tried(rental, self._stands.get((account_id, rental.id or 0), usual))

    async def carry_out(self, upstream: AccountUpstream, wish: CancelWish) -> Tried:
        """One try for a caller, who is told what became of it."""
        tried = await self._try(upstream, wish)
        self._stands[upstream.account_id, _id(wish)] = tried.standing
        return tried

    async def _try(self, upstream: AccountUpstream, wish: CancelWish) -> Tried:
        rental_id = _id(wish)
        key = upstream.account_id, rental_id
        try:
            if self.calls.may_be_made(*key):
                rental = await self._look(upstream, rental_id)
                if _is_over(rental):
                    return Tried(rental)
            rental = await self.calls.cancel(upstream, rental_id)
        except CancelTooEarly as refusal:
            return await self._too_early(upstream, wish, refusal)
        except (Refused, RentalNotFound) as refusal:
            return await self._refused(upstream, wish, refusal)
        except (UpstreamFault, RateLimited, LedgerUnavailable) as fault:
            return await self._failed(upstream, wish, fault)
        self._setbacks.answered(key)
        if _is_over(rental):
            return Tried(rental)
        return await self._put_off(key, wish, _REFUSED, Standing.TRIED)

    async def carry_out_later(self, upstream: AccountUpstream, wish: CancelWish) -> None:
        """A try that nobody waits for: not before it may be, and not of what is over."""
        rental_id = _id(wish)
        key = upstream.account_id, rental_id
        unused = wish.reason is CancelReason.UNUSED
        opens, now = self.calls.locks.end(upstream.account_id, wish.rental), self._clock.now()
        if opens is not None and opens > now:
            await self._put_off_until(key, opens, opens)
            return
        if unused and not await self._may_be_given_back(upstream, wish):
            return
        tried = await self.carry_out(upstream, wish)
        done = tried.rental.status is RentalStatus.CANCELLED
        if unused and done and upstream.account_id != TEST_ACCOUNT_ID:
            self._observer.returned_unused()

    async def _look(
        self, upstream: AccountUpstream, rental_id: int, priority: Priority = Priority.SPEND
    ) -> Rental:
        """What the provider says of it now, in place of what was read before."""
        self._status_reads.forget(upstream.account_id, rental_id)
        rental = await self._status_reads.status(upstream, rental_id, priority)
        self.calls.looked(upstream.account_id, rental_id)
        return rental

    async def _may_be_given_back(self, upstream: AccountUpstream, wish: CancelWish) -> bool:
        """Whether still nobody waits for a code of it, and none has come: one last look."""
        rental_id = _id(wish)
        key = upstream.account_id, rental_id
        try:
            unused = await self._may_return(*key)
            if unused:  # as a caller's read: many that end at once hold up no waiter
                if _is_over(await self._look(upstream, rental_id, Priority.WAITED_FOR)):
                    return False
                unused = await self._may_return(*key)  # somebody may wait since it was begun
            if not unused:
                await self._put_off(key, wish, _WAITED_FOR, Standing.TRIED)
            return unused
        except (UpstreamFault, RateLimited, LedgerUnavailable) as fault:
            await self._failed(upstream, wish, fault)
        except GatewayError:
            await self.drop(*key, CancelReason.UNUSED)
        return False

    async def _too_early(
        self, upstream: AccountUpstream, wish: CancelWish, refusal: CancelTooEarly
    ) -> Tried:
        key = upstream.account_id, _id(wish)
        self._setbacks.answered(key)
        if wish.reason is CancelReason.UNUSED:
            await self.drop(*key, CancelReason.UNUSED)
            return Tried(wish.rental, Standing.TOO_EARLY)
        due, available = self.calls.locks.next_try(key[0], wish.rental, refusal, self._clock.now())
        rental = await self._put_off_until(key, due, available)
        return Tried(rental or wish.rental, Standing.TOO_EARLY)

    async def _refused(
        self, upstream: AccountUpstream, wish: CancelWish, refusal: GatewayError
    ) -> Tried:
        """It has ended or has a code, as it seems: its status tells."""
        key = upstream.account_id, _id(wish)
        self._setbacks.answered(key)
        try:
            rental = await self._look(upstream, key[1])
        except RentalNotFound as missing:
            rental, refusal = wish.rental, missing
        except (UpstreamFault, RateLimited, LedgerUnavailable) as fault:
            return await self._failed(upstream, wish, fault)
        except GatewayError:
            rental = wish.rental
        if _is_over(rental):
            return Tried(rental, refusal=refusal)
        if wish.reason is CancelReason.UNUSED:
            await self.drop(*key, CancelReason.UNUSED)
            return Tried(rental, refusal=refusal)
        pause = _MISSING if isinstance(refusal, RentalNotFound) else _REFUSED
        tried = await self._put_off(key, wish, pause, Standing.TRIED)
        asked = wish.reason is CancelReason.ASKED  # who asked is told, and may drop it
        return Tried(tried.rental, refusal=refusal if asked else None)

    async def _failed(
        self, upstream: AccountUpstream, wish: CancelWish, fault: GatewayError
    ) -> Tried:
        """No answer, or none that tells: where the call was sent, the status may."""
        key = upstream.account_id, _id(wish)
        if isinstance(fault, UpstreamFault) and fault.lost:
            with suppress(GatewayError):
                rental = await self._look(upstream, key[1])
                if _is_over(rental):
                    return Tried(rental)
        refused = isinstance(fault, UpstreamAuthFailed)
        theirs = isinstance(fault, UpstreamFault) or fault.upstream is not None
        standing = Standing.AWAY if theirs else Standing.TRIED
        standing = Standing.KEY_REFUSED if refused else standing
        at_least = _AFTER_KEY_REFUSED if refused else fault.retry_after or 0.0
        pause = self._setbacks.of_rental(key, at_least)
        # A limit of our own, and a strange answer, say nothing of the other rentals.
        if isinstance(fault, _SERVES_NOBODY) or (isinstance(fault, RateLimited) and theirs):
            pause = self._setbacks.of_account(key[0], pause)
        tried = await self._put_off(key, wish, pause, standing)
        return Tried(tried.rental, standing, fault if refused else None)

    async def _put_off(
        self, key: _Key, wish: CancelWish, pause: float, standing: Standing
    ) -> Tried:
        due = self._clock.now() + timedelta(seconds=pause)
        rental = await self._put_off_until(key, due, wish.rental.cancel_available_at)
        return Tried(rental or wish.rental, standing)

    async def _put_off_until(
        self, key: _Key, due: datetime, available: datetime | None
    ) -> Rental | None:
        """Let it be tried then; what cannot be written is due when its claim runs out."""
        with suppress(LedgerUnavailable):
            rental = await self._ledger.put_off_cancel(*key, due, available)
            if rental is None:  # a code or an end has come meanwhile
                return await self._repository.known(*key)
            self._repository.changed(key[0], rental)
            self.wanted()
            return rental
        return None


def _is_over(rental: Rental) -> bool:
    """Whether there is nothing to cancel any more."""
    return rental.status in OVER or rental.code is not None


def _id(wish: CancelWish) -> int:
    assert wish.rental.id is not None  # noqa: S101 - only rentals with an id are wanted
    return wish.rental.id


async def _always(account_id: str, rental_id: int) -> bool:
    return True
