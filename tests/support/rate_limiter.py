"""What tests of the rate limiter share: callers who want permits, and what holds of those given."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf

from hypothesis import strategies as st

from gateway.core.model.errors import RateLimited
from gateway.core.model.upstream_call import AnyCall, Priority
from gateway.core.ports.observer import NoObserver
from gateway.core.ports.storage import SharedBuckets
from gateway.core.upstream.rate_limiter import RateLimiter, RateLimits
from tests.support import calls as upstream
from tests.support.held_time import LoopClock, loop

MARGIN = 0.05
TICK = 0.003  # what timers may be late by


@dataclass
class RecordingObserver(NoObserver):
    """Records what the limiter, the pipeline and the breakers report."""

    waited: list[tuple[str, float]] = field(default_factory=list)
    limited: list[tuple[str, str]] = field(default_factory=list)
    retried: list[str] = field(default_factory=list)
    tripped: list[tuple[str, str]] = field(default_factory=list)
    shared_failed: int = 0

    def permit_waited(self, call: str, seconds: float) -> None:
        self.waited.append((call, round(seconds, 2)))

    def rate_limited(self, call: str, by: str) -> None:
        self.limited.append((call, by))

    def read_retried(self, call: str) -> None:
        self.retried.append(call)

    def breaker_changed(self, group: str, state: str) -> None:
        self.tripped.append((group, state))

    def shared_limits_failed(self) -> None:
        self.shared_failed += 1


def limiter_of(
    per_second: float = 1.0,
    *,
    observer: RecordingObserver | None = None,
    longest_queue: int = 1000,
    shared: SharedBuckets | None = None,
) -> RateLimiter:
    """A rate limiter in held time, with the same limit for every bucket."""
    limits = RateLimits(dict.fromkeys(upstream.BUCKETS, per_second), MARGIN, longest_queue)
    return RateLimiter(
        LoopClock(), loop(), limits, shared=shared, observer=observer or RecordingObserver()
    )


@dataclass
class Caller:
    """Wants a permit: when, how urgently, for how many seconds, and when it hangs up."""

    at: float = 0.0
    priority: Priority = Priority.READ
    patience: float = 60.0
    hangs_up_after: float | None = None
    number: int = -1
    granted: float | None = None
    refusal: RateLimited | None = None
    ended: float = inf

    async def want(
        self, limiter: RateLimiter, count: Callable[[], int], call: AnyCall = upstream.BALANCE
    ) -> None:
        await asyncio.sleep(self.at)
        self.at, self.number = loop().time(), count()
        waiting = asyncio.ensure_future(
            limiter.permit("alice", call, self.priority, deadline_seconds=self.patience)
        )
        if self.hangs_up_after is not None:
            loop().call_later(self.hangs_up_after, waiting.cancel)
        await asyncio.wait([waiting])
        self.ended = loop().time()
        if waiting.cancelled():
            return
        error = waiting.exception()
        if error is None:
            self.granted = waiting.result().at
            limiter.ended(waiting.result(), answered=True)
        else:
            assert isinstance(error, RateLimited)
            self.refusal = error


async def all_want(limiter: RateLimiter, callers: Sequence[Caller]) -> list[float]:
    """Let every caller ask; the times of the permits given."""
    numbers = iter(range(len(callers)))
    await asyncio.gather(*(each.want(limiter, lambda: next(numbers)) for each in callers))
    return sorted(each.granted for each in callers if each.granted is not None)


def places(per_second: float) -> int:
    return max(1, int(per_second))


def window(per_second: float) -> float:
    return places(per_second) / per_second + MARGIN


def closest(permits: Sequence[float], most: int) -> float:
    """The shortest time from one permit to the one that must not share a window with it."""
    return min(
        (late - soon for soon, late in zip(permits, permits[most:], strict=False)), default=inf
    )


RATES = st.sampled_from([0.2, 0.5, 1.0, 1.5, 2.0, 3.0, 10.0])
FAST_TOO = RATES | st.just(15.0)  # no more than ten of them at once
MOMENTS = st.integers(0, 500).map(lambda hundredths: hundredths / 100)
CALLERS = st.builds(
    Caller,
    at=MOMENTS,
    priority=st.sampled_from(Priority),
    patience=MOMENTS | st.just(100.0),
    hangs_up_after=st.none() | MOMENTS,
)
