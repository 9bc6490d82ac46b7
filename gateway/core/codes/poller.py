"""Watches for codes: asks for the rentals somebody waits for, in turn, and wakes the waiters."""

import asyncio
import heapq
from collections.abc import Coroutine
from typing import Any

from gateway.core.codes.poll_schedule import Round, Watch
from gateway.core.model.codes import Code, CodeStatus, code_of
from gateway.core.model.errors import GatewayError, RateLimited
from gateway.core.model.provider_errors import UpstreamFault
from gateway.core.model.rentals import OVER, Rental
from gateway.core.operations.context import Desk
from gateway.core.ports.clock import Clock
from gateway.core.ports.storage import Inbox, Leases, SeenCode
from gateway.core.rentals.notifier import Waking
from gateway.core.rentals.repository import Records
from gateway.core.rentals.status_reads import SharedReads
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


class Watcher:
    """One round per account. Only the provider's word ends a watch, never our clock."""

    def __init__(
        self,
        reads: SharedReads,
        records: Records,
        waking: Waking,
        inbox: Inbox,
        leases: Leases,
        clock: Clock,
        *,
        per_second: float = 8.0,
    ) -> None:
        """`inbox` holds what webhooks told; `leases` says which node watches a rental.

        `per_second`: how many looks a second the provider allows an account.
        """
        self._reads = reads
        self._records = records
        self._waking = waking
        self._inbox = inbox
        self._leases = leases
        self._clock = clock
        self._rounds: dict[str, Round] = {}
        self._looks: set[asyncio.Task[None]] = set()
        self._per_second = per_second
        # Enough to use the whole limit, and not so many that they outlive their wait for a turn.
        self._at_once = max(2, min(64, int(per_second / 2)))

    async def wait(self, desk: Desk, rental_id: int, seconds: float, after: str | None) -> Code:
        """The rental's code, as soon as there is one that is not `after`."""
        rental = await self._known(desk, rental_id)
        if (found := code_of(rental, after)) is not None:
            return found
        watch = self.join(desk, rental)
        try:
            told = await self._told(watch, seconds, after)
        finally:
            self.leave(watch)
        if told is not None:
            return told
        watch.linger_until = self._clock.monotonic() + _LINGER
        # What a webhook told serves only while the status cannot be had.
        if watch.heard is False or (watch.heard is None and seconds):
            hint = await self._provisional(desk.caller.account.id, rental_id)
            if hint is not None and not (_same(hint.code, after) or _same(hint.code, rental.code)):
                return hint
        return Code(rental_id=rental_id, status=CodeStatus.PENDING, retry_after_seconds=1)

    def keep_looking(self, desk: Desk, rental: Rental) -> bool:
        """Look at a rental for a while, as if somebody waited; whether that was so already."""
        round_ = self._round(desk.caller.account.id)
        watch = found = round_.watches.get(rental.id or 0)
        if watch is None or round_.task is None or round_.task.done():
            watch = self.join(desk, rental)
            self.leave(watch)
        watch.linger_until = self._clock.monotonic() + _LINGER
        return found is not None

    async def look_now(self, desk: Desk, rental_id: int, code: str | None = None) -> Rental:
        """Something has happened to the rental: ask at once, whoever waits, before other looks.

        `code`: what is told to have come; where that is known already nothing is asked.
        """
        known = await self._records.known(desk.caller.account.id, rental_id)
        if known is not None and _same(code, known.code):
            return known
        rental = await self._reads.anew(desk, rental_id, _WORTH_WAITING)
        round_ = self._rounds.get(desk.caller.account.id)
        if round_ is not None and _same(code, rental.code):
            round_.told_until = self._clock.monotonic() + _TOLD_FOR
        return rental

    async def hinted(self, account_id: str, rental_id: int, seen: SeenCode) -> None:
        """Keep what a webhook told, for as long as no status call tells it better."""
        await self._inbox.keep(account_id, rental_id, seen)

    async def tell_provisional(self, account_id: str, rental_id: int) -> None:
        """The status is not to be had just now: whoever waits gets what the webhook told."""
        if (round_ := self._rounds.get(account_id)) is not None:
            round_.hasten(rental_id, self._clock.monotonic() + _AFTER_FAULT)
        hint = await self._provisional(account_id, rental_id)
        if hint is not None:
            self._waking.wake(account_id, rental_id, hint)

    async def close(self) -> None:
        """End every round."""
        tasks = [each.task for each in self._rounds.values() if each.task] + list(self._looks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _known(self, desk: Desk, rental_id: int) -> Rental:
        """What is known of it; where nothing is, or no code at its end, what the provider says."""
        known = await self._records.known(desk.caller.account.id, rental_id)
        if known is not None and (known.code is not None or known.status not in OVER):
            return known
        return await self._reads.status(desk, rental_id, Priority.WAITED_FOR)

    async def _told(self, watch: Watch, seconds: float, after: str | None) -> Code | None:
        """What news tell within so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    news = self._waking.next_news(watch.account_id, watch.rental_id)
                    # What came between the last news and these nobody would tell again.
                    rental = await self._records.known(watch.account_id, watch.rental_id)
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

    def join(self, desk: Desk, rental: Rental) -> Watch:
        """Count as waiting for a rental, until `leave`."""
        assert rental.id is not None  # noqa: S101 - only rentals with an id are waited for
        round_ = self._round(desk.caller.account.id)
        watch = round_.watches.get(rental.id)
        if watch is None:
            now = self._clock.monotonic()
            age = (
                (self._clock.now() - rental.created_at).total_seconds() if rental.created_at else 0
            )
            watch = round_.watches[rental.id] = Watch(desk, rental.id, now - max(age, 0.0), now)
            heapq.heappush(round_.queue, watch)
            round_.news.set()
        watch.waiters += 1
        if round_.task is None or round_.task.done():
            round_.task = asyncio.create_task(self._go_round(desk.caller.account.id, round_))
        return watch

    def leave(self, watch: Watch) -> None:
        """Count no more as waiting."""
        watch.waiters -= 1

    def _round(self, account_id: str) -> Round:
        round_ = self._rounds.get(account_id)
        if round_ is None:
            places = asyncio.Semaphore(self._at_once)
            round_ = self._rounds[account_id] = Round(places=places)
        return round_

    async def _go_round(self, account_id: str, round_: Round) -> None:
        """Look at whatever is due, soonest first, until nobody waits for anything."""
        while round_.watches:
            now = self._clock.monotonic()
            soonest = round_.queue[0] if round_.queue else None
            if soonest is None or (soonest.due > now and soonest.wanted(now)):
                round_.news.clear()
                due = soonest.due - now if soonest else _LINGER
                await round_.something_new(min(due, _LINGER))
            elif soonest.wanted(now):
                await round_.places.acquire()
                # Meanwhile its waiters may have gone, or another may have come to be due sooner.
                self._look_or_drop(round_, heapq.heappop(round_.queue))
            else:
                self._drop(round_, heapq.heappop(round_.queue))
        if self._rounds.get(account_id) is round_:
            del self._rounds[account_id]

    def _look_or_drop(self, round_: Round, watch: Watch) -> None:
        if watch.wanted(self._clock.monotonic()):
            self._start(self._look(round_, watch))
        else:
            round_.places.release()
            self._drop(round_, watch)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._looks.add(task)
        task.add_done_callback(self._looks.discard)

    async def _look(self, round_: Round, watch: Watch) -> None:
        pause = 0.0
        try:
            if await self._leased(round_, watch):
                rental = await self._reads.status(watch.desk, watch.rental_id, Priority.WAITED_FOR)
                watch.over, watch.heard, watch.hinted = rental.status in OVER, True, False
                await self._check_told(round_, watch, rental)
        except (UpstreamFault, RateLimited) as fault:
            watch.heard = False
            pause = fault.retry_after or _AFTER_FAULT
        except GatewayError as error:
            # It will not get better: whoever waits is told, and may ask again.
            self._waking.wake(watch.account_id, watch.rental_id, error)
            watch.over = True
        finally:
            round_.places.release()
            watch.due = self._clock.monotonic() + max(pause, self._pause(round_, watch))
            self._put_back(round_, watch)

    async def _leased(self, round_: Round, watch: Watch) -> bool:
        """Whether it is this node that looks, until it has looked again."""
        # Where many wait this look is late, and the next will be too.
        late = max(0.0, self._clock.monotonic() - watch.due)
        until_next = self._pause(round_, watch) + late
        watch.leased = await self._leases.take(watch.lease, until_next + _LEASE)
        return watch.leased

    async def _check_told(self, round_: Round, watch: Watch, rental: Rental) -> None:
        """A code that no webhook told of says that they do not come any more."""
        if not round_.told_until or rental.code is None:
            return
        if await self._inbox.latest(watch.account_id, watch.rental_id) is None:
            round_.told_until = 0.0

    def _put_back(self, round_: Round, watch: Watch) -> None:
        if watch.over:
            self._drop(round_, watch)
        else:
            heapq.heappush(round_.queue, watch)
        round_.news.set()

    def _drop(self, round_: Round, watch: Watch) -> None:
        if round_.watches.get(watch.rental_id) is watch:
            del round_.watches[watch.rental_id]
        if watch.leased:  # others may still wait at another node
            self._start(self._leases.give_back(watch.lease))
        if watch.waiters == 0:
            self._waking.forget(watch.account_id, watch.rental_id)

    def _pause(self, round_: Round, watch: Watch) -> float:
        now = self._clock.monotonic()
        if now < round_.told_until and not watch.hinted:
            return max(_TOLD_RHYTHM, len(round_.watches) / (self._per_second * _TOLD_SHARE))
        age = now - watch.since
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
