"""The schedule of an account's polled rentals: which ones, for whom, and when each is due."""

import asyncio
import heapq
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from math import inf

from gateway.core.model.upstream_call import Priority
from gateway.core.upstream.account import AccountUpstream

_YOUNG = 1.0
# (age, interval) in seconds: most codes arrive within the first minutes.
_INTERVALS = ((120.0, _YOUNG), (300.0, 2.0), (900.0, 4.0))
_LONGEST_INTERVAL = 10.0
# A young rental that is waited for is polled sooner where the limit allows it: the polls of all
# these take a share of it at most, so that other reads find their permits free.
_SHORTEST_INTERVAL = 0.25
_YOUNG_SHARE = 0.25
# While webhooks arrive, polling only covers lost ones and leaves the limit to other calls.
_WEBHOOK_INTERVAL = 20.0
_WEBHOOK_SHARE = 0.125  # of the rate limit, at most
# (time since the end, interval) in seconds of slow rounds: how long the provider takes to say that
# a rental is over is not known.
_SLOW_INTERVALS = ((300.0, 30.0), (3600.0, 300.0))
_LONGEST_SLOW_INTERVAL = 3600.0
_AFTER_END = 5.0
_MISSING_AGAIN = 60.0
SURELY_OVER = 300.0
GIVEN_UP = 86_400.0


def watch_lease(account_id: str, rental_id: int) -> str:
    """The lease of the node that polls a rental for waiters."""
    return f"watch:{account_id}:{rental_id}"


@dataclass(eq=False, slots=True)
class PollTarget:
    """One polled rental. Times are monotonic seconds."""

    upstream: AccountUpstream
    rental_id: int
    since: float  # when it was rented
    due: float
    ends: tuple[float, ...] = ()  # when it ends by the provider's time, and by its duration
    waiters: int = 0
    listeners: int = 0
    followed: bool = False  # this node does the slow rounds of its account
    linger_until: float = 0.0
    entry: int = 0  # the number of its valid entry in a queue; 0 while it is polled
    priority: Priority | None = None  # of the queue that it is in, or of the poll under way
    over: bool = False
    lease: str | None = None  # the lease that this node holds
    lease_until: float = 0.0
    answered: bool | None = None  # whether the last poll succeeded; None before the first
    refused: bool = False  # the last poll failed in a way that trying again soon does not mend
    hinted: bool = False  # a webhook reported a code that no poll has confirmed yet
    looked_at: float = -inf  # when the provider last told what it knows of it
    missing_since: float | None = None  # since when the provider does not know it, after its end
    code: str | None = None  # the newest one that it was known to have
    expected: float = inf  # when a slow round should have read it again

    @property
    def account_id(self) -> str:
        """The id of the rental's account."""
        return self.upstream.account_id

    @property
    def ended(self) -> float:
        """When it has ended by all that is known of its time."""
        return max(self.ends, default=inf)

    def wanted(self, now: float) -> Priority | None:
        """For whom it is polled: the most urgent of those who want it; None: for nobody.

        Who had a pending answer a moment ago is expected to call again, and counts as waiting.
        """
        if self.waiters > 0 or now < self.linger_until:
            return Priority.WAITED_FOR
        if self.listeners > 0:
            return Priority.LISTENED
        return Priority.FOLLOWED if self.followed else None

    def lease_for(self, priority: Priority) -> str:
        """The name of its lease; only the node that holds it polls it at this priority."""
        if priority is Priority.WAITED_FOR:
            return watch_lease(self.account_id, self.rental_id)
        return f"listen:{self.account_id}:{self.rental_id}"

    def is_missing(self, now: float) -> bool:
        """Note that the provider does not know it; True where that means that it is over.

        It must come twice, a minute apart, and surely after the end: the zone of the provider's
        times is a guess.
        """
        if now < self.ended + SURELY_OVER:
            return False
        if self.missing_since is None:
            self.missing_since = now
        return now - self.missing_since >= _MISSING_AGAIN

    def slow_interval(self, now: float) -> float:
        """Seconds until a slow round reads it again."""
        # Not by the time now: the long pauses are for an end that was asked for, and not told.
        past = self.looked_at - self.ended
        pause = next((p for until, p in _SLOW_INTERVALS if past < until), _LONGEST_SLOW_INTERVAL)
        if self.missing_since is not None:
            pause = min(pause, _MISSING_AGAIN)
        soon_after = (end + _AFTER_END - now for end in self.ends)
        return min([pause, *(seconds for seconds in soon_after if seconds > 0)])


@dataclass(eq=False, slots=True)
class PollQueue:
    """The targets of one priority, by due time; `slots` bounds the concurrent polls."""

    priority: Priority
    slots: asyncio.Semaphore
    entries: list[tuple[float, int, PollTarget]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    size: int = 0

    @property
    def running(self) -> bool:
        """Whether its task is running."""
        return self.task is not None and not self.task.done()

    def take(self) -> None:
        """Take the first target out, to poll it: it stays one of this queue's."""
        heapq.heappop(self.entries)[2].entry = 0

    def first(self) -> PollTarget | None:
        """The target that is due next."""
        while self.entries:
            _, entry, target = self.entries[0]
            if target.entry == entry:
                return target
            heapq.heappop(self.entries)  # it was put elsewhere
        return None

    async def wait_for_change(self, seconds: float) -> None:
        """Wait until another target is first, at most `seconds`."""
        self.changed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.changed.wait()


@dataclass(eq=False, slots=True)
class PollSchedule:
    """The targets of one account, in a queue for each priority.

    `per_second` is the provider's limit of status calls for the account.
    """

    per_second: float
    queues: dict[Priority, PollQueue]
    targets: dict[int, PollTarget] = field(default_factory=dict)
    webhooks_until: float = 0.0  # monotonic; until then webhooks are assumed to work
    key_refused_until: float = 0.0  # monotonic; until then slow rounds do not try the key again
    _entries: Iterator[int] = field(default_factory=lambda: count(1))

    def put(self, target: PollTarget, priority: Priority) -> PollQueue:
        """Put a target into a queue, and out of the one it was in."""
        if target.priority is not priority:
            self._leave(target)
            self.queues[priority].size += 1
            target.priority = priority
        self.targets[target.rental_id] = target
        queue = self.queues[priority]
        target.entry = next(self._entries)
        heapq.heappush(queue.entries, (target.due, target.entry, target))
        if queue.entries[0][2] is target:
            queue.changed.set()
        return queue

    def drop(self, target: PollTarget) -> None:
        """Remove a target."""
        target.entry = 0
        self._leave(target)
        if self.targets.get(target.rental_id) is target:
            del self.targets[target.rental_id]

    def interval(self, target: PollTarget, priority: Priority, now: float) -> float:
        """Seconds until the next poll of a rental."""
        if priority is Priority.FOLLOWED or target.refused:
            return target.slow_interval(now)
        if now < self.webhooks_until and not target.hinted:
            polled = sum(queue.size for queue in self.queues.values())
            polled -= self.queues[Priority.FOLLOWED].size
            return max(_WEBHOOK_INTERVAL, polled / (self.per_second * _WEBHOOK_SHARE))
        age = now - target.since
        pause = next((pause for until, pause in _INTERVALS if age < until), _LONGEST_INTERVAL)
        if priority is Priority.WAITED_FOR and pause == _YOUNG:
            share = self.queues[priority].size / (self.per_second * _YOUNG_SHARE)
            return min(_YOUNG, max(_SHORTEST_INTERVAL, share))
        return pause

    def _leave(self, target: PollTarget) -> None:
        if target.priority is not None:
            queue = self.queues[target.priority]
            queue.size -= 1
            queue.changed.set()
            target.priority = None
