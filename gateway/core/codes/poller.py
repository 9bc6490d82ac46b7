"""Polls the status of rentals for those who want it; new states wake the waiters."""

import asyncio
from collections.abc import Coroutine, Mapping
from datetime import datetime
from typing import Any

from gateway.core.codes.poll import RentalPoll
from gateway.core.codes.poll_schedule import PollQueue, PollSchedule, PollTarget
from gateway.core.model.callers import TEST_ACCOUNT_ID
from gateway.core.model.codes import same_code
from gateway.core.model.rentals import Rental
from gateway.core.model.upstream_call import Priority
from gateway.core.ports.clock import Clock
from gateway.core.ports.storage import Inbox, Leases
from gateway.core.rentals.notifier import Notifier
from gateway.core.rentals.repository import RentalRepository
from gateway.core.rentals.status_reads import StatusReads
from gateway.core.upstream.account import AccountUpstream

_LINGER = 5.0  # seconds a caller with a pending answer counts as waiting
_SOON = 2.0  # seconds
_FIRST_SLOW = 30.0  # seconds after it was rented
_WEBHOOKS_TRUSTED = 300.0  # seconds after a webhook whose code was confirmed
_WORTH_WAITING = 0.5  # seconds to wait for a permit to confirm a webhook's code
_PRIORITIES = (Priority.WAITED_FOR, Priority.LISTENED, Priority.FOLLOWED)


class CodePoller:
    """Polls, by one schedule for each account.

    At full pace while somebody waits for a rental or listens to it; all others that are followed
    to their end, in slow rounds. The rate limiter decides whose poll goes first.
    """

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
        self._clock = clock
        self._poll_one = RentalPoll(status_reads, repository, notifier, inbox, leases, clock)
        self._schedules: dict[str, PollSchedule] = {}
        self._polls: set[asyncio.Task[None]] = set()
        self._per_second = per_second
        self._closed = False
        # Enough to use the full rate limit, too few to time out while waiting for a permit.
        self._at_once = max(2, min(64, int(per_second / 2)))

    def join(self, upstream: AccountUpstream, rental: Rental) -> PollTarget:
        """Register a waiter of a rental, which is polled until `leave`."""
        schedule, target = self._target(upstream, rental)
        target.waiters += 1
        self._place(schedule, target)
        if target.refused and target.entry:  # the error went to those who waited before
            self._put_soon(schedule, target, self._clock.monotonic())
        return target

    def leave(self, target: PollTarget) -> None:
        """Unregister a waiter."""
        target.waiters -= 1

    def listen(self, upstream: AccountUpstream, rental: Rental) -> PollTarget:
        """Register a listener of a rental: as a waiter, but polls for waiters go first."""
        schedule, target = self._target(upstream, rental)
        target.listeners += 1
        self._place(schedule, target)
        return target

    def unlisten(self, target: PollTarget) -> None:
        """Unregister a listener."""
        target.listeners -= 1

    def follow(
        self, upstream: AccountUpstream, rentals: Mapping[int, tuple[Rental, tuple[datetime, ...]]]
    ) -> None:
        """Follow just these rentals of an account in slow rounds, until they are over.

        By their ids, each with the instants at which it may end; the last of them counts.
        """
        if (known := self._schedules.get(upstream.account_id)) is not None:
            for target in list(known.targets.values()):
                if target.followed and target.rental_id not in rentals:
                    target.followed = False
                    self._place(known, target)
        for rental, ends in rentals.values():
            schedule, target = self._target(upstream, rental)
            target.ends = tuple(self._moment(end) for end in ends)
            if not target.followed:
                target.followed = True
                target.expected = max(self._clock.monotonic(), target.since + _FIRST_SLOW)
                self._place(schedule, target)

    def lag(self) -> float:
        """By how many seconds the slow rounds are behind, for the rental that is worst off."""
        followed = (
            target.expected
            for schedule in self._schedules.values()
            for target in schedule.targets.values()
            if target.followed and target.account_id != TEST_ACCOUNT_ID
        )
        now = self._clock.monotonic()
        return max(0.0, now - min(followed, default=now))

    async def is_waited_for(self, account_id: str, rental_id: int) -> bool:
        """Whether somebody waits for a rental, or may call again soon, on any node."""
        schedule = self._schedules.get(account_id)
        target = schedule.targets.get(rental_id) if schedule else None
        if target is not None and self._is_waited_for(target):
            return True
        return await self._poll_one.is_waited_for_elsewhere(account_id, rental_id)

    def _is_waited_for(self, target: PollTarget) -> bool:
        return target.wanted(self._clock.monotonic()) is Priority.WAITED_FOR

    def linger(self, target: PollTarget) -> None:
        """Keep polling for a moment: the caller got a pending answer and may call again."""
        target.linger_until = self._clock.monotonic() + _LINGER

    def keep_polling(
        self, upstream: AccountUpstream, rental: Rental, *, begin: bool = True
    ) -> bool:
        """Poll a rental for a moment; without `begin` only a polled one. Whether it was that."""
        known = self._schedules.get(upstream.account_id)
        before = known.targets.get(rental.id) if known and rental.id else None
        polled = before is not None and self._is_waited_for(before)
        if polled or begin:
            schedule, target = self._target(upstream, rental)
            self.linger(target)
            self._place(schedule, target)
        return polled

    def hasten(self, account_id: str, rental_id: int) -> None:
        """Poll a rental soon: a webhook reported a code that could not be confirmed at once."""
        schedule = self._schedules.get(account_id)
        target = schedule.targets.get(rental_id) if schedule else None
        if schedule is None or target is None:
            return
        target.hinted = True
        self._put_soon(schedule, target, self._clock.monotonic() + _SOON)

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
        self._closed = True
        queues = [queue for each in self._schedules.values() for queue in each.queues.values()]
        tasks = [queue.task for queue in queues if queue.task] + list(self._polls)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _target(self, upstream: AccountUpstream, rental: Rental) -> tuple[PollSchedule, PollTarget]:
        """The schedule of the account, and the target of the rental, which may be a new one."""
        assert rental.id is not None  # noqa: S101 - only rentals with an id are polled
        schedule = self._schedules.get(upstream.account_id)
        if schedule is None:
            queues = {
                priority: PollQueue(priority, asyncio.Semaphore(self._at_once))
                for priority in _PRIORITIES
            }
            schedule = self._schedules[upstream.account_id] = PollSchedule(self._per_second, queues)
        target = schedule.targets.get(rental.id)
        if target is None:
            now = self._clock.monotonic()
            since = min(now, self._moment(rental.created_at)) if rental.created_at else now
            target = PollTarget(upstream, rental.id, since, now, code=rental.code)
        return schedule, target

    def _moment(self, at: datetime) -> float:
        """An instant in monotonic seconds."""
        return self._clock.monotonic() + (at - self._clock.now()).total_seconds()

    def _place(self, schedule: PollSchedule, target: PollTarget) -> None:
        """Put a target into the queue of whoever wants it, or drop it."""
        now = self._clock.monotonic()
        wanted = target.wanted(now)
        if target.priority is not None and not target.entry:  # it is polled now, and put back then
            if wanted is not None and wanted < target.priority:
                self._status_reads.hasten(target.upstream, target.rental_id, wanted)
            return
        if wanted is None:
            self._drop(schedule, target)
        elif wanted is not target.priority:
            self._move(schedule, target, wanted, now)

    def _move(
        self, schedule: PollSchedule, target: PollTarget, wanted: Priority, now: float
    ) -> None:
        if wanted is Priority.FOLLOWED:
            polled = target.priority is not None
            first = target.since + _FIRST_SLOW
            target.due = now + target.slow_interval(now) if polled else max(now, first)
        elif target.priority in (None, Priority.FOLLOWED):
            target.due = now
        self._put(schedule, target, wanted)

    def _put_soon(self, schedule: PollSchedule, target: PollTarget, soon: float) -> None:
        """Have a target polled by then; one that is polled now, just after."""
        if target.entry and target.due > soon and target.priority is not None:
            target.due = soon
            self._put(schedule, target, target.priority)

    def _put(self, schedule: PollSchedule, target: PollTarget, priority: Priority) -> None:
        if priority is Priority.FOLLOWED or target.lease != target.lease_for(priority):
            self._give_back(target)
        queue = schedule.put(target, priority)
        if not queue.running and not self._closed:
            queue.task = asyncio.create_task(self._run(schedule, queue))

    async def _run(self, schedule: PollSchedule, queue: PollQueue) -> None:
        """Poll what is due, soonest first, until no target is left."""
        while queue.size:
            now, target = self._clock.monotonic(), queue.first()
            if target is None:  # all are polled now
                await queue.wait_for_change(_LINGER)
            elif target.wanted(now) is not queue.priority:
                self._place(schedule, target)
            elif target.due > now:
                slow = queue.priority is Priority.FOLLOWED
                pause = target.due - now
                await queue.wait_for_change(pause if slow else min(pause, _LINGER))
            else:
                await queue.slots.acquire()
                self._poll_first(schedule, queue)

    def _poll_first(self, schedule: PollSchedule, queue: PollQueue) -> None:
        """Poll the first target, if it is wanted still: its waiters may have left."""
        now, target = self._clock.monotonic(), queue.first()
        if target is None or target.due > now or target.wanted(now) is not queue.priority:
            queue.slots.release()
            return
        queue.take()
        self._start(self._poll(schedule, queue, target))

    async def _poll(self, schedule: PollSchedule, queue: PollQueue, target: PollTarget) -> None:
        try:
            await self._poll_one(schedule, target, queue.priority)
        finally:
            queue.slots.release()
            self._put_back(schedule, target)

    def _put_back(self, schedule: PollSchedule, target: PollTarget) -> None:
        now = self._clock.monotonic()
        wanted = None if target.over else target.wanted(now)
        if wanted is None:
            self._drop(schedule, target)
            return
        if wanted is not target.priority:  # its interval is another one
            target.due = now + schedule.interval(target, wanted, now)
        self._put(schedule, target, wanted)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._polls.add(task)
        task.add_done_callback(self._polls.discard)

    def _drop(self, schedule: PollSchedule, target: PollTarget) -> None:
        schedule.drop(target)
        if not schedule.targets and self._schedules.get(target.account_id) is schedule:
            del self._schedules[target.account_id]
        self._give_back(target)
        if target.waiters == 0:
            self._notifier.forget(target.account_id, target.rental_id)

    def _give_back(self, target: PollTarget) -> None:
        """Give its lease back: another node may have waiters."""
        if target.lease is not None:
            lease, target.lease = target.lease, None
            self._start(self._poll_one.give_back(lease))
