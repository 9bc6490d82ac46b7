"""Watches for codes: asks for the rentals somebody waits for, in turn, and wakes the waiters."""

import asyncio
import heapq
from collections.abc import Coroutine
from typing import Any

from gateway.core.codes.poll_schedule import PollSchedule, PollTarget
from gateway.core.model.codes import Code, CodeStatus, code_of
from gateway.core.model.errors import GatewayError, RateLimited
from gateway.core.model.provider_errors import UpstreamFault
from gateway.core.model.rentals import OVER, Rental
from gateway.core.operations.context import Context
from gateway.core.ports.clock import Clock
from gateway.core.ports.storage import Inbox, Leases, ProvisionalCode
from gateway.core.rentals.notifier import Notifier
from gateway.core.rentals.repository import RentalRepository
from gateway.core.rentals.status_reads import StatusReads
from gateway.core.upstream.calls import Priority

# Most codes come in the first minutes: seconds between two looks, up to this age in seconds.
_RHYTHM = ((120.0, 1.0), (300.0, 2.0), (900.0, 4.0))
_SLOWEST = 10.0
_LINGER = 5.0  # who was told to ask again is still waiting
_LEASE = 5.0  # longer than the time to the next look
_AFTER_FAULT = 2.0
# Where webhooks tell of codes, looking is only for what they miss, and leaves the limit to them.
_TOLD_RHYTHM = 20.0
_TOLD_SHARE = 0.125  # of the limit, at the most
_TOLD_FOR = 300.0
_WORTH_WAITING = 0.5  # for a turn to read a code that a webhook has told of, maybe without zeros


class CodePoller:
    """One round per account. Only the provider's word ends a watch, never our clock."""

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
        """`inbox` holds what webhooks told; `leases` says which node watches a rental.

        `per_second`: how many looks a second the provider allows an account.
        """
        self._status_reads = status_reads
        self._repository = repository
        self._notifier = notifier
        self._inbox = inbox
        self._leases = leases
        self._clock = clock
        self._schedules: dict[str, PollSchedule] = {}
        self._looks: set[asyncio.Task[None]] = set()
        self._per_second = per_second
        # Enough to use the whole limit, and not so many that they outlive their wait for a turn.
        self._at_once = max(2, min(64, int(per_second / 2)))

    async def wait(
        self, context: Context, rental_id: int, seconds: float, after: str | None
    ) -> Code:
        """The rental's code, as soon as there is one that is not `after`."""
        rental = await self._known(context, rental_id)
        if (found := code_of(rental, after)) is not None:
            return found
        target = self.join(context, rental)
        try:
            told = await self._told(target, seconds, after)
        finally:
            self.leave(target)
        if told is not None:
            return told
        target.linger_until = self._clock.monotonic() + _LINGER
        # What a webhook told serves only while the status cannot be had.
        if target.heard is False or (target.heard is None and seconds):
            hint = await self._provisional(context.caller.account.id, rental_id)
            if hint is not None and not (_same(hint.code, after) or _same(hint.code, rental.code)):
                return hint
        return Code(rental_id=rental_id, status=CodeStatus.PENDING, retry_after_seconds=1)

    def keep_looking(self, context: Context, rental: Rental) -> bool:
        """Look at a rental for a while, as if somebody waited; whether that was so already."""
        schedule = self._schedule(context.caller.account.id)
        target = found = schedule.targets.get(rental.id or 0)
        if target is None or schedule.task is None or schedule.task.done():
            target = self.join(context, rental)
            self.leave(target)
        target.linger_until = self._clock.monotonic() + _LINGER
        return found is not None

    async def look_now(self, context: Context, rental_id: int, code: str | None = None) -> Rental:
        """Something has happened to the rental: ask at once, whoever waits, before other looks.

        `code`: what is told to have come; where that is known already nothing is asked.
        """
        known = await self._repository.known(context.caller.account.id, rental_id)
        if known is not None and _same(code, known.code):
            return known
        rental = await self._status_reads.anew(context, rental_id, _WORTH_WAITING)
        schedule = self._schedules.get(context.caller.account.id)
        if schedule is not None and _same(code, rental.code):
            schedule.told_until = self._clock.monotonic() + _TOLD_FOR
        return rental

    async def hinted(self, account_id: str, rental_id: int, seen: ProvisionalCode) -> None:
        """Keep what a webhook told, for as long as no status call tells it better."""
        await self._inbox.keep(account_id, rental_id, seen)

    async def tell_provisional(self, account_id: str, rental_id: int) -> None:
        """The status is not to be had just now: whoever waits gets what the webhook told."""
        if (schedule := self._schedules.get(account_id)) is not None:
            schedule.hasten(rental_id, self._clock.monotonic() + _AFTER_FAULT)
        hint = await self._provisional(account_id, rental_id)
        if hint is not None:
            self._notifier.wake(account_id, rental_id, hint)

    async def close(self) -> None:
        """End every round."""
        tasks = [each.task for each in self._schedules.values() if each.task] + list(self._looks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _known(self, context: Context, rental_id: int) -> Rental:
        """What is known of it; where nothing is, or no code at its end, what the provider says."""
        known = await self._repository.known(context.caller.account.id, rental_id)
        if known is not None and (known.code is not None or known.status not in OVER):
            return known
        return await self._status_reads.status(context, rental_id, Priority.WAITED_FOR)

    async def _told(self, target: PollTarget, seconds: float, after: str | None) -> Code | None:
        """What news tell within so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    news = self._notifier.next_news(target.account_id, target.rental_id)
                    # What came between the last news and these nobody would tell again.
                    rental = await self._repository.known(target.account_id, target.rental_id)
                    if rental is not None and (found := code_of(rental, after)) is not None:
                        return found
                    told = await asyncio.shield(news)
                    if told is None:
                        return None
                    if (found := _answer(told, after)) is not None:
                        return found
        except TimeoutError:
            return None

    async def _provisional(self, account_id: str, rental_id: int) -> Code | None:
        """The code a webhook told, where no status call has told one yet."""
        seen = await self._inbox.latest(account_id, rental_id)
        if seen is None:
            return None
        return Code(
            rental_id=rental_id,
            status=CodeStatus.RECEIVED,
            code=seen.code,
            received_at=seen.received_at,
            provisional=True,
        )

    def join(self, context: Context, rental: Rental) -> PollTarget:
        """Count as waiting for a rental, until `leave`."""
        assert rental.id is not None  # noqa: S101 - only rentals with an id are waited for
        schedule = self._schedule(context.caller.account.id)
        target = schedule.targets.get(rental.id)
        if target is None:
            now = self._clock.monotonic()
            age = (
                (self._clock.now() - rental.created_at).total_seconds() if rental.created_at else 0
            )
            target = schedule.targets[rental.id] = PollTarget(
                context, rental.id, now - max(age, 0.0), now
            )
            heapq.heappush(schedule.queue, target)
            schedule.news.set()
        target.waiters += 1
        if schedule.task is None or schedule.task.done():
            schedule.task = asyncio.create_task(self._run(context.caller.account.id, schedule))
        return target

    def leave(self, target: PollTarget) -> None:
        """Count no more as waiting."""
        target.waiters -= 1

    def _schedule(self, account_id: str) -> PollSchedule:
        schedule = self._schedules.get(account_id)
        if schedule is None:
            places = asyncio.Semaphore(self._at_once)
            schedule = self._schedules[account_id] = PollSchedule(places=places)
        return schedule

    async def _run(self, account_id: str, schedule: PollSchedule) -> None:
        """Look at whatever is due, soonest first, until nobody waits for anything."""
        while schedule.targets:
            now = self._clock.monotonic()
            soonest = schedule.queue[0] if schedule.queue else None
            if soonest is None or (soonest.due > now and soonest.wanted(now)):
                schedule.news.clear()
                due = soonest.due - now if soonest else _LINGER
                await schedule.something_new(min(due, _LINGER))
            elif soonest.wanted(now):
                await schedule.places.acquire()
                # Meanwhile its waiters may have gone, or another may have come to be due sooner.
                self._look_or_drop(schedule, heapq.heappop(schedule.queue))
            else:
                self._drop(schedule, heapq.heappop(schedule.queue))
        if self._schedules.get(account_id) is schedule:
            del self._schedules[account_id]

    def _look_or_drop(self, schedule: PollSchedule, target: PollTarget) -> None:
        if target.wanted(self._clock.monotonic()):
            self._start(self._look(schedule, target))
        else:
            schedule.places.release()
            self._drop(schedule, target)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._looks.add(task)
        task.add_done_callback(self._looks.discard)

    async def _look(self, schedule: PollSchedule, target: PollTarget) -> None:
        pause = 0.0
        try:
            if await self._leased(schedule, target):
                rental = await self._status_reads.status(
                    target.context, target.rental_id, Priority.WAITED_FOR
                )
                target.over, target.heard, target.hinted = rental.status in OVER, True, False
                await self._check_told(schedule, target, rental)
        except (UpstreamFault, RateLimited) as fault:
            target.heard = False
            pause = fault.retry_after or _AFTER_FAULT
        except GatewayError as error:
            # It will not get better: whoever waits is told, and may ask again.
            self._notifier.wake(target.account_id, target.rental_id, error)
            target.over = True
        finally:
            schedule.places.release()
            target.due = self._clock.monotonic() + max(pause, self._pause(schedule, target))
            self._put_back(schedule, target)

    async def _leased(self, schedule: PollSchedule, target: PollTarget) -> bool:
        """Whether it is this node that looks, until it has looked again."""
        # Where many wait this look is late, and the next will be too.
        late = max(0.0, self._clock.monotonic() - target.due)
        until_next = self._pause(schedule, target) + late
        target.leased = await self._leases.take(target.lease, until_next + _LEASE)
        return target.leased

    async def _check_told(self, schedule: PollSchedule, target: PollTarget, rental: Rental) -> None:
        """A code that no webhook told of says that they do not come any more."""
        if not schedule.told_until or rental.code is None:
            return
        if await self._inbox.latest(target.account_id, target.rental_id) is None:
            schedule.told_until = 0.0

    def _put_back(self, schedule: PollSchedule, target: PollTarget) -> None:
        if target.over:
            self._drop(schedule, target)
        else:
            heapq.heappush(schedule.queue, target)
        schedule.news.set()

    def _drop(self, schedule: PollSchedule, target: PollTarget) -> None:
        if schedule.targets.get(target.rental_id) is target:
            del schedule.targets[target.rental_id]
        if target.leased:  # others may still wait at another node
            self._start(self._leases.give_back(target.lease))
        if target.waiters == 0:
            self._notifier.forget(target.account_id, target.rental_id)

    def _pause(self, schedule: PollSchedule, target: PollTarget) -> float:
        now = self._clock.monotonic()
        if now < schedule.told_until and not target.hinted:
            return max(_TOLD_RHYTHM, len(schedule.targets) / (self._per_second * _TOLD_SHARE))
        age = now - target.since
        return next((pause for until, pause in _RHYTHM if age < until), _SLOWEST)


def _same(hinted: str | None, code: str | None) -> bool:
    """Whether a webhook told this code: it may have lost its leading zeros."""
    return hinted is not None and code is not None and hinted.lstrip("0") == code.lstrip("0")


def _answer(told: Rental | Code | GatewayError, after: str | None) -> Code | None:
    """What the news are to somebody who has the code `after`; None: keep waiting."""
    if isinstance(told, GatewayError):
        raise told
    if isinstance(told, Code):
        return None if _same(told.code, after) else told
    return code_of(told, after)
