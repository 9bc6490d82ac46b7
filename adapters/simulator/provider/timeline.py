"""The simulator's time: a clock that can be moved forward, and the actions scheduled on it."""

import heapq
from collections.abc import Callable
from itertools import count

from adapters.simulator.provider.quantities import NEVER

Action = Callable[[float], None]
"""A scheduled action; its argument is the instant at which it was due."""


class Timeline:
    """A queue of scheduled actions. They run only in `catch_up`, never by themselves."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._skipped = 0.0
        self._order = count()
        self._scheduled: list[tuple[float, int, Action]] = []

    def now(self) -> float:
        """Seconds since 1970 by the clock, plus the time skipped."""
        return self._clock() + self._skipped

    def push_forward(self, seconds: float) -> None:
        """Skips that much time; the next `catch_up` runs what is due then."""
        self._skipped += seconds

    def at(self, when: float, action: Action) -> None:
        """Schedules an action, except for the instant `NEVER`."""
        if when < NEVER:
            heapq.heappush(self._scheduled, (when, next(self._order), action))

    def catch_up(self) -> None:
        """Runs all due actions in order, those that they schedule included."""
        if not self._scheduled:
            return
        now = self.now()
        while self._scheduled and self._scheduled[0][0] <= now:
            when, _, action = heapq.heappop(self._scheduled)
            action(when)
