"""One poll of a rental: its lease, its status, and what follows from the answer."""

from contextlib import suppress

from gateway.core.codes.poll_schedule import GIVEN_UP, PollSchedule, PollTarget, watch_lease
from gateway.core.model.errors import (
    GatewayError,
    LedgerUnavailable,
    RateLimited,
    RentalNotFound,
)
from gateway.core.model.provider_errors import UpstreamAuthFailed, UpstreamFault
from gateway.core.model.rentals import OVER, Rental
from gateway.core.model.upstream_call import Priority
from gateway.core.ports.clock import Clock
from gateway.core.ports.storage import Inbox, Leases
from gateway.core.rentals.notifier import Notifier
from gateway.core.rentals.repository import RentalRepository
from gateway.core.rentals.status_reads import StatusReads

_LEASE = 5.0  # seconds that a lease outlasts the time to the next poll
_EXTENDED = 2.5  # seconds that it must outlast it not to be extended by every poll
_AFTER_FAULT = 2.0  # seconds
_AFTER_KEY_REFUSED = 300.0
# Seconds to wait for a permit. Polls for a caller come again soon: they need not stay in a queue.
_DEADLINES = {Priority.LISTENED: 60.0, Priority.FOLLOWED: 60.0}


class RentalPoll:
    """Polls one target, and decides when it is over and when it is due again."""

    def __init__(
        self,
        status_reads: StatusReads,
        repository: RentalRepository,
        notifier: Notifier,
        inbox: Inbox,
        leases: Leases,
        clock: Clock,
    ) -> None:
        """`inbox` has the codes from webhooks; the holder of a rental's lease polls it."""
        self._status_reads = status_reads
        self._repository = repository
        self._notifier = notifier
        self._inbox = inbox
        self._leases = leases
        self._clock = clock

    async def __call__(
        self, schedule: PollSchedule, target: PollTarget, priority: Priority
    ) -> None:
        """Poll it, and set when it is due again. Only the provider, or a day, ends a rental."""
        pause = max(_AFTER_FAULT, self._interval(schedule, target, priority))
        try:
            pause = await self._poll(schedule, target, priority)
        finally:
            target.due = self._clock.monotonic() + pause

    async def _poll(self, schedule: PollSchedule, target: PollTarget, priority: Priority) -> float:
        """Poll it; returns the seconds until it is due again."""
        slow = priority is Priority.FOLLOWED
        if slow and (left := schedule.key_refused_until - self._clock.monotonic()) > 0:
            return left
        try:
            if await self._may_poll(schedule, target, priority):
                await self._read(schedule, target, priority)
            else:
                self._expect_next(target)
        except RateLimited as fault:
            target.answered = False
            pause = fault.retry_after or _AFTER_FAULT
            return pause if slow else max(pause, self._interval(schedule, target, priority))
        except (UpstreamFault, LedgerUnavailable) as fault:
            target.answered = False
            pause = fault.retry_after or _AFTER_FAULT
            if slow and isinstance(fault, UpstreamAuthFailed):
                pause = _AFTER_KEY_REFUSED
                schedule.key_refused_until = self._clock.monotonic() + pause
            return max(pause, self._interval(schedule, target, priority))
        except GatewayError as error:
            await self._refused(target, error)
        return self._interval(schedule, target, priority)

    async def _read(self, schedule: PollSchedule, target: PollTarget, priority: Priority) -> None:
        now = self._clock.monotonic()
        wanted = target.wanted(now)  # somebody may have joined meanwhile
        if wanted is not None:
            priority = min(priority, wanted)
        # What another read has told since the last poll serves; the last poll itself never does.
        max_age = min(schedule.interval(target, priority, now), now - target.looked_at)
        rental = await self._status_reads.status(
            target.upstream, target.rental_id, priority, _DEADLINES.get(priority), max_age
        )
        schedule.key_refused_until = 0.0
        target.over, target.answered = rental.status in OVER, True
        target.refused = target.hinted = False
        target.missing_since, target.looked_at = None, self._clock.monotonic()
        self._expect_next(target)
        if target.over and self._notifier.waited_for(target.account_id, target.rental_id):
            self._notifier.wake(target.account_id, target.rental_id, rental)
        if rental.code != target.code:
            target.code = rental.code
            await self._check_webhooks(schedule, target, rental)
        await self._give_up_late(target)

    def _expect_next(self, target: PollTarget) -> None:
        """It is read now, by this node or another one: the next slow round is due later."""
        now = self._clock.monotonic()
        target.expected = now + target.slow_interval(now)

    def _interval(self, schedule: PollSchedule, target: PollTarget, priority: Priority) -> float:
        return schedule.interval(target, priority, self._clock.monotonic())

    async def is_waited_for_elsewhere(self, account_id: str, rental_id: int) -> bool:
        """Whether another node polls a rental for waiters."""
        lease = watch_lease(account_id, rental_id)
        if not await self._leases.take(lease, _LEASE):
            return True
        await self.give_back(lease)
        return False

    async def give_back(self, lease: str) -> None:
        """Give a lease back, for another node that wants to poll."""
        with suppress(LedgerUnavailable):  # then it runs out
            await self._leases.give_back(lease)

    async def _may_poll(
        self, schedule: PollSchedule, target: PollTarget, priority: Priority
    ) -> bool:
        """Acquire the lease of a target until after the next poll; False: another node polls.

        While leases cannot be had every node polls: two looks are better than a code withheld. So
        it is while the ledger is away, since then the others do not learn what one reads. Slow
        rounds have one lease for the account.
        """
        held, target.lease = target.lease, None
        name = None if priority is Priority.FOLLOWED else target.lease_for(priority)
        if held is not None and (held != name or self._repository.ledger_away):
            await self.give_back(held)
        if name is None or self._repository.ledger_away:
            return True
        now = self._clock.monotonic()
        # With many targets this poll is late, and the next one will be too.
        late = max(0.0, now - target.due)
        until_next = schedule.interval(target, priority, now) + late
        if held == name and target.lease_until >= now + until_next + _EXTENDED:
            target.lease = held
            return True
        try:
            granted = await self._leases.take(name, until_next + _LEASE)
        except LedgerUnavailable:
            return True
        target.lease = name if granted else None
        target.lease_until = now + until_next + _LEASE
        return granted

    async def _check_webhooks(
        self, schedule: PollSchedule, target: PollTarget, rental: Rental
    ) -> None:
        """Stop relying on webhooks when a code came without one."""
        if not schedule.webhooks_until or rental.code is None:
            return
        with suppress(LedgerUnavailable):
            key = target.account_id, target.rental_id
            if not await self._inbox.announced(*key, rental.code):
                schedule.webhooks_until = 0.0

    async def _refused(self, target: PollTarget, error: GatewayError) -> None:
        """Tell the waiters a permanent error. A followed rental is polled on, seldom."""
        self._notifier.wake(target.account_id, target.rental_id, error)
        target.refused, target.over = True, not target.followed
        target.looked_at = self._clock.monotonic()
        self._expect_next(target)
        if isinstance(error, RentalNotFound) and target.is_missing(self._clock.monotonic()):
            await self._give_up(target)
        else:
            await self._give_up_late(target)

    async def _give_up_late(self, target: PollTarget) -> None:
        """Take a rental for expired that has not ended a day after its end."""
        late = self._clock.monotonic() - target.ended
        if not target.over and late >= GIVEN_UP:
            await self._give_up(target)

    async def _give_up(self, target: PollTarget) -> None:
        if not target.followed:
            return
        with suppress(LedgerUnavailable):
            await self._repository.give_up(target.account_id, target.rental_id)
            target.over = not self._repository.ledger_away
