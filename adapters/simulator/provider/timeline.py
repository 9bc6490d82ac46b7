"""Time as the simulator lives it: a clock that can be pushed forward, and what falls due on it."""

import heapq
from collections.abc import Callable
from itertools import count

from adapters.simulator.provider.quantities import NEVER

Action = Callable[[float], None]
"""Something that happens; it is told the instant it was due at."""


class Timeline:
    """Coming events in order. Nothing happens by itself: somebody calls `catch_up`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ahead = 0.0
        self._order = count()
        self._coming: list[tuple[float, int, Action]] = []

    def now(self) -> float:
        """Seconds since 1970, plus all that was pushed forward."""
        return self._clock() + self._ahead

    def push_forward(self, seconds: float) -> None:
        """Lets that much time pass at once; the next `catch_up` does what fell due."""
        self._ahead += seconds

    def at(self, when: float, action: Action) -> None:
        """Plans an action; `NEVER` plans nothing."""
        if when < NEVER:
            heapq.heappush(self._coming, (when, next(self._order), action))

    def catch_up(self) -> None:
        """Does everything that is due, in order, also what that itself makes due."""
        if not self._coming:
            return
        now = self.now()
        while self._coming and self._coming[0][0] <= now:
            when, _, action = heapq.heappop(self._coming)
            action(when)
