"""Polls the status of rentals that have waiters; new states wake the waiters."""

import asyncio
import heapq
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from gateway.core.codes.poll_schedule import PollSchedule, PollTarget
from gateway.core.model.codes import same_code
from gateway.core.model.errors import GatewayError, LedgerUnavailable, RateLimited
from gateway.core.model.provider_errors import UpstreamFault
from gateway.core.model.rentals import OVER, Rental
from gateway.core.model.upstream_call import Priority
from gateway.core.ports.clock import Clock
from gateway.core.ports.storage import Inbox, Leases
from gateway.core.rentals.notifier import Notifier
from gateway.core.rentals.repository import RentalRepository
from gateway.core.rentals.status_reads import StatusReads
from gateway.core.upstream.account import AccountUpstream

_LINGER = 5.0  # seconds a caller with a pending answer counts as waiting
_LEASE = 5.0  # seconds that a lease outlasts the time to the next poll
_AFTER_FAULT = 2.0  # seconds
_WEBHOOKS_TRUSTED = 300.0  # seconds after a webhook whose code was confirmed
_WORTH_WAITING = 0.5  # seconds to wait for a permit to confirm a webhook's code


class CodePoller:
    """Polls, by one schedule for each account. Only the provider ends a rental, never a timer."""

    def __init__(
        self,
        status_reads: StatusReads,
        repository: RentalRepository,
        notifier: Notifier,
        inbox: Inbox,
        leases: Leases,
        clock: Clock,
        *,
        per_second: float = 8.0,
    ) -> None:
        """`inbox` stores codes from webhooks; the holder of a rental's lease polls it.

        `per_second`: the provider's limit of status calls for an account.
        """
        self._status_reads = status_reads
        self._repository = repository
        self._notifier = notifier
        self._inbox = inbox
        self._leases = leases
        self._clock = clock
        self._schedules: dict[str, PollSchedule] = {}
        self._polls: set[asyncio.Task[None]] = set()
        self._per_second = per_second
        # Enough to use the full rate limit, too few to time out while waiting for a permit.
        self._at_once = max(2, min(64, int(per_second / 2)))

    def join(self, upstream: AccountUpstream, rental: Rental) -> PollTarget:
        """Register a waiter of a rental, which is polled until `leave`."""
        assert rental.id is not None  # noqa: S101 - only rentals with an id are waited for
        schedule = self._schedule(upstream.account_id)
        target = schedule.targets.get(rental.id)
        if target is None:
            now = self._clock.monotonic()
            age = (
                (self._clock.now() - rental.created_at).total_seconds() if rental.created_at else 0
            )
            target = PollTarget(upstream, rental.id, now - max(age, 0.0), now)
            schedule.add(target)
        target.waiters += 1
        if not schedule.running:
            schedule.task = asyncio.create_task(self._run(upstream.account_id, schedule))
        return target

    def leave(self, target: PollTarget) -> None:
        """Unregister a waiter."""
        target.waiters -= 1

    def linger(self, target: PollTarget) -> None:
        """Keep polling for a moment: the caller got a pending answer and may call again."""
        target.linger_until = self._clock.monotonic() + _LINGER

    def keep_polling(self, upstream: AccountUpstream, rental: Rental) -> bool:
        """Poll a rental for a moment without a waiter; returns whether it was polled already."""
        schedule = self._schedules.get(upstream.account_id)
        found = schedule.targets.get(rental.id or 0) if schedule else None
        if schedule is not None and found is not None and schedule.running:
            found.linger_until = self._clock.monotonic() + _LINGER
            return True
        target = self.join(upstream, rental)
        self.leave(target)
        self.linger(target)
        return found is not None

    def hasten(self, account_id: str, rental_id: int) -> None:
        """Poll a rental soon: a webhook reported a code that could not be confirmed at once."""
        if (schedule := self._schedules.get(account_id)) is not None:
            schedule.hasten(rental_id, self._clock.monotonic() + _AFTER_FAULT)

    async def poll_now(
        self, upstream: AccountUpstream, rental_id: int, code: str | None = None
    ) -> Rental:
        """Read a rental's status at once, before other polls, because a webhook reported it.

        `code`: the reported code; where it is known already no call is made.
        """
        known = await self._repository.known(upstream.account_id, rental_id)
        if known is not None and same_code(code, known.code):
            return known
        rental = await self._status_reads.anew(upstream, rental_id, _WORTH_WAITING)
        schedule = self._schedules.get(upstream.account_id)
        if schedule is not None and same_code(code, rental.code):
            schedule.webhooks_until = self._clock.monotonic() + _WEBHOOKS_TRUSTED
        return rental

    async def close(self) -> None:
        """Cancel all polling."""
        tasks = [each.task for each in self._schedules.values() if each.task] + list(self._polls)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _schedule(self, account_id: str) -> PollSchedule:
        schedule = self._schedules.get(account_id)
        if schedule is None:
            schedule = PollSchedule(self._per_second, asyncio.Semaphore(self._at_once))
            self._schedules[account_id] = schedule
        return schedule

    async def _run(self, account_id: str, schedule: PollSchedule) -> None:
        """Poll what is due, soonest first, until no target is left."""
        while schedule.targets:
            now = self._clock.monotonic()
            soonest = schedule.queue[0] if schedule.queue else None
            if soonest is None or (soonest.due > now and soonest.wanted(now)):
                schedule.changed.clear()
                due = soonest.due - now if soonest else _LINGER
                await schedule.wait_for_change(min(due, _LINGER))
            elif soonest.wanted(now):
                await schedule.slots.acquire()
                # Meanwhile its waiters may have left, or another target may be due sooner.
                self._poll_or_drop(schedule, heapq.heappop(schedule.queue))
            else:
                self._drop(schedule, heapq.heappop(schedule.queue))
        if self._schedules.get(account_id) is schedule:
            del self._schedules[account_id]

    def _poll_or_drop(self, schedule: PollSchedule, target: PollTarget) -> None:
        if target.wanted(self._clock.monotonic()):
            self._start(self._poll(schedule, target))
        else:
            schedule.slots.release()
            self._drop(schedule, target)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._polls.add(task)
        task.add_done_callback(self._polls.discard)

    async def _poll(self, schedule: PollSchedule, target: PollTarget) -> None:
        pause = 0.0
        try:
            if await self._take_lease(schedule, target):
                rental = await self._status_reads.status(
                    target.upstream, target.rental_id, Priority.WAITED_FOR
                )
                target.over, target.answered, target.hinted = rental.status in OVER, True, False
                await self._check_webhooks(schedule, target, rental)
        except (UpstreamFault, RateLimited, LedgerUnavailable) as fault:
            target.answered = False
            pause = fault.retry_after or _AFTER_FAULT
        except GatewayError as error:
            # Permanent: the waiters get the error, and polling ends.
            self._notifier.wake(target.account_id, target.rental_id, error)
            target.over = True
        finally:
            schedule.slots.release()
            now = self._clock.monotonic()
            target.due = now + max(pause, schedule.interval(target, now))
            self._put_back(schedule, target)

    async def _take_lease(self, schedule: PollSchedule, target: PollTarget) -> bool:
        """Acquire the lease of a target until after the next poll; False: another node polls.

        While leases cannot be had every node polls: two looks are better than a code withheld. So
        it is while the ledger is away, since then the others do not learn what one reads.
        """
        if self._repository.ledger_away:
            if target.leased:
                self._start(self._give_back(target.lease))
            target.leased = False
            return True
        now = self._clock.monotonic()
        # With many targets this poll is late, and the next one will be too.
        late = max(0.0, now - target.due)
        until_next = schedule.interval(target, now) + late
        try:
            target.leased = await self._leases.take(target.lease, until_next + _LEASE)
        except LedgerUnavailable:
            target.leased = False
            return True
        return target.leased

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

    async def _give_back(self, lease: str) -> None:
        with suppress(LedgerUnavailable):  # then it runs out
            await self._leases.give_back(lease)

    def _put_back(self, schedule: PollSchedule, target: PollTarget) -> None:
        if target.over:
            self._drop(schedule, target)
        else:
            heapq.heappush(schedule.queue, target)
        schedule.changed.set()

    def _drop(self, schedule: PollSchedule, target: PollTarget) -> None:
        if schedule.targets.get(target.rental_id) is target:
            del schedule.targets[target.rental_id]
        if target.leased:  # another node may have waiters
            self._start(self._give_back(target.lease))
        if target.waiters == 0:
            self._notifier.forget(target.account_id, target.rental_id)
