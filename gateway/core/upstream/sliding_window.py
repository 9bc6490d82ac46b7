"""The sliding window of one rate limit of one account: log of permits and queue of waiters.

Pure arithmetic over times passed in (monotonic seconds); limiter_queue wakes the waiters.
"""

import asyncio
from bisect import bisect_left, insort
from collections import deque
from math import inf
from typing import NamedTuple

from gateway.core.model.upstream_call import Priority

_LONGEST_PAUSE = 60.0  # seconds of our own choice
LONGEST_ASKED = 300.0  # seconds of a Retry-After that are believed
_STRIKES_EXPIRE = 300.0
_SMALL = 10
_SLOWER, _FASTER, _SLOWEST = 0.05, 0.0005, 1.5
# Whose turn it is, in a cycle of permits; other turns go to the first of the queue.
_TURNS: dict[int, Priority] = {
    3: Priority.LISTENED,
    7: Priority.LISTENED,
    11: Priority.FOLLOWED,
}
_CYCLE = 12


class Waiter(NamedTuple):
    """An entry of the queue. Sorts by priority, then by `number`, which is unique."""

    priority: int
    number: int
    expires: float
    call: str
    permit: asyncio.Future[int]  # the number of the probe that it is, or 0


class SlidingWindow:
    """At most `places` permits in any `seconds`, and of many places only a tenth in one burst.

    A permit is logged when its waiter runs, not when it is granted, so that a lagging event loop
    does not send two calls closer together than logged. In between it counts in `granted`.

    The limit of a burst is there because a large one would take longer to send than the margin.

    A 429 closes it. After the pause one call probes: no other permit is granted until the provider
    has answered it.
    """

    __slots__ = (
        "_base", "_probe_at", "_probes", "_turn", "alarm", "burst", "closed_until", "granted",
        "log", "name", "opens_at", "places", "probe", "queue", "seconds", "strikes", "taking",
    )  # fmt: skip

    def __init__(self, name: str, per_second: float, margin: float) -> None:
        """`margin`: seconds by which the window is wider than the provider's."""
        self.name = name
        self.places = max(1, int(per_second))
        self.burst = min(self.places, max(_SMALL, self.places // 10))
        self.seconds = self._base = self.places / per_second + margin
        self.log: deque[float] = deque(maxlen=self.places)
        self.granted = 0
        self.queue: list[Waiter] = []
        self.opens_at = -inf  # inf: closed, until a probe is answered
        self.closed_until = -inf
        self.strikes = 0
        self.probe = 0  # the number of the probe under way
        self._probes = 0
        self._probe_at = -inf
        self._turn = 0
        self.alarm: tuple[float, asyncio.TimerHandle] | None = None
        self.taking: asyncio.Task[float] | None = None

    def has_room(self, now: float) -> bool:
        """Whether a permit can be granted now, and is no probe."""
        if now < self.opens_at or not self._fits(self.places, self.seconds, now):
            return False
        return self.burst == self.places or self._fits(self.burst, self._spread, now)

    def may_grant(self, now: float) -> bool:
        """Whether a permit can be granted now, if only as a probe."""
        if self.closed:
            return not self.probe and self.expected(0, now) <= now
        return self.has_room(now)

    def grant(self) -> int:
        """Count a permit as granted; returns the number of the probe that it is, or 0."""
        self.granted += 1
        if self.closed:
            self._probes += 1
            self.probe = self._probes
        return self.probe

    def expected(self, ahead: int, now: float) -> float:
        """The earliest time of a permit that `ahead` other waiters precede."""
        at = self._earliest(self.places, self.seconds, ahead, now)
        if self.burst == self.places:
            return at
        return max(at, self._earliest(self.burst, self._spread, ahead, now))

    def join(self, waiter: Waiter) -> int:
        """Insert into the queue and return the index."""
        insort(self.queue, waiter)
        return bisect_left(self.queue, waiter)

    def next(self) -> Waiter:
        """Remove and return the waiter whose turn it is; the queue is not empty."""
        if self.queue[-1].priority < Priority.LISTENED:
            return self.queue.pop(0)
        share = _TURNS.get(self._turn)
        self._turn = (self._turn + 1) % _CYCLE
        if share is None:
            return self.queue.pop(0)
        place = bisect_left(self.queue, (share,))
        if place == len(self.queue):  # nobody has that priority: the other's that shares with it
            place = bisect_left(self.queue, (Priority.LISTENED,))
        return self.queue.pop(place)

    def leave(self, waiter: Waiter) -> None:
        """Remove from the queue, if the waiter is in it."""
        place = bisect_left(self.queue, waiter)
        if place < len(self.queue) and self.queue[place] is waiter:
            del self.queue[place]

    def too_late(self, first: int, now: float) -> list[Waiter]:
        """Remove and return the waiters from index `first` on that would expire before a permit."""
        remaining, out = list[Waiter](), list[Waiter]()
        for waiter in self.queue[first:]:
            late = self.expected(first + len(remaining), now) > waiter.expires
            (out if late else remaining).append(waiter)
        if out:
            self.queue[first:] = remaining
        return out

    def used(self, now: float) -> None:
        """Log a permit granted before."""
        self.granted -= 1
        self.log.append(now)

    def delayed(self, logged: float, now: float) -> None:
        """Move a logged permit to now, when its call is really sent."""
        if logged in self.log:
            self.log.remove(logged)
        self.log.append(now)

    def strike(self, now: float, asked: float, pause: float) -> None:
        """Close after a 429, longer each time, and be slower afterwards.

        `asked` is the provider's Retry-After, `pause` our own, in seconds. Further 429s while it is
        closed, of calls under way, are not counted.
        """
        if now >= self.closed_until:
            if now >= self.closed_until + _STRIKES_EXPIRE:
                self.strikes = 0
            self.strikes += 1
            self.seconds = min(self.seconds + _SLOWER * self._base, _SLOWEST * self._base)
        # The exponent is bounded too: strikes are not.
        own = min(_LONGEST_PAUSE, pause * 2.0 ** min(self.strikes - 1, 10))
        pause = max(own, min(asked, LONGEST_ASKED))
        self.closed_until = self._probe_at = max(self.closed_until, now + pause)
        self.opens_at = inf
        self.probe = 0

    def put_off(self, until: float) -> None:
        """Grant nothing before that, not even a probe."""
        if self.closed:
            self._probe_at = max(self._probe_at, until)
        else:
            self.opens_at = max(self.opens_at, until)

    def probe_ended(self, number: int, *, answered: bool) -> bool:
        """Open if the probe was answered, else leave it to another; whether it was under way."""
        if not number or number != self.probe:
            return False
        self.probe = 0
        if answered:
            self.opens_at = -inf
        return True

    @property
    def closed(self) -> bool:
        """Whether a 429 closed it, and no probe has been answered since."""
        return self.opens_at == inf

    @property
    def wary(self) -> bool:
        """Whether an earlier 429 still slows it down."""
        return self.strikes > 0 or self.seconds > self._base

    def went_well(self) -> None:
        """Remove one strike, and be a little faster again."""
        if not self.closed:
            self.strikes = max(0, self.strikes - 1)
            self.seconds = max(self._base, self.seconds - _FASTER * self._base)

    def idle(self, now: float) -> bool:
        """Whether it can be removed without any effect."""
        if self.queue or self.granted or self.taking:
            return False
        if self.wary and now < self.closed_until + _STRIKES_EXPIRE:
            return False
        return not self.log or self.log[-1] + self.seconds <= now

    @property
    def _spread(self) -> float:
        return self.seconds * self.burst / self.places

    def _fits(self, places: int, seconds: float, now: float) -> bool:
        index = places - self.granted
        if index <= 0:
            return False
        return len(self.log) < index or self.log[-index] + seconds <= now

    def _earliest(self, places: int, seconds: float, ahead: int, now: float) -> float:
        cycles, ahead = divmod(ahead, places)
        # The permit `places` before this one: a logged one, or one just granted.
        index = places - self.granted - ahead
        if index <= 0:
            at = now + seconds
        elif len(self.log) < index:
            at = now
        else:
            at = max(now, self.log[-index] + seconds)
        return max(at, self._probe_at if self.closed else self.opens_at) + cycles * seconds
