"""The limiter: every call waits for a turn that fits the provider's limits.

The provider counts arrivals in every sliding window, so a turn is a line in a sliding log, and the
window is wider by a margin, for two calls do not travel equally fast.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.core.ports.clock import Clock, Timers
from gateway.core.ports.observer import Hooks
from gateway.core.ports.storage import SharedBuckets
from gateway.core.upstream.calls import Priority, UpstreamCall, rates
from gateway.core.upstream.limiter_queue import LimiterQueue
from gateway.core.upstream.sliding_window import SlidingWindow

_FORGET_FROM = 1000
_LATE = 0.001


@dataclass(frozen=True, slots=True)
class RateLimits:
    """How fast calls may go.

    `per_second` by bucket, see `upstream.rates`. `margin_seconds` widens every window: by so much
    may the ways of two calls to the provider differ, for instance where one of them has to open a
    connection. `longest_queue` is per bucket. `pause_seconds`: how long a bucket closes after the
    provider's 429 where it does not ask for longer; twice as long each time while 429s go on.
    """

    per_second: Mapping[str, float] = field(default_factory=rates)
    margin_seconds: float = 0.1
    longest_queue: int = 2000
    pause_seconds: float = 2.0


class Permit(NamedTuple):
    """Leave to make one call now."""

    account_id: str
    call: UpstreamCall
    at: float


class RateLimiter:
    """Gives turns, per account and limit.

    Buckets that limit nothing any more are forgotten, in sweeps.
    """

    def __init__(
        self,
        clock: Clock,
        timers: Timers,
        limits: RateLimits | None = None,
        *,
        shared: SharedBuckets | None = None,
        hooks: Hooks | None = None,
    ) -> None:
        """`shared`: limits kept together with other nodes, besides our own."""
        self._clock = clock
        self._limits = limits or RateLimits()
        self._hooks = hooks or Hooks()
        self._queue = LimiterQueue(
            clock, timers, self._hooks, longest=self._limits.longest_queue, shared=shared
        )
        self._buckets: dict[tuple[str, str], SlidingWindow] = {}
        self._forget_at = _FORGET_FROM

    async def permit(
        self,
        account_id: str,
        call: UpstreamCall,
        priority: Priority | None = None,
        *,
        deadline_seconds: float,
    ) -> Permit:
        """Wait for a turn.

        Raises RateLimited: at once where it cannot come within `deadline_seconds` as things
        stand, and as soon as that becomes so. Nothing has been sent then.
        """
        bucket = self._bucket(account_id, call)
        now = self._clock.monotonic()
        if self._queue.alone and not bucket.queue and bucket.has_room(now):
            bucket.log.append(now)
            return Permit(account_id, call, now)
        order = call.priority if priority is None else priority
        at = await self._queue.wait(bucket, call.name, order, now, now + deadline_seconds)
        self._hooks.waited(call.name, at - now)
        return Permit(account_id, call, at)

    def going_out(self, permit: Permit) -> Permit:
        """The call goes out now; where that is later than its turn, now is what counts.

        Answers the turn as it counts from here on, for a call that is held up once more.
        """
        now = self._clock.monotonic()
        if now - permit.at <= _LATE:
            return permit
        self._bucket(permit.account_id, permit.call).delayed(permit.at, now)
        return permit._replace(at=now)

    def slowed(
        self, account_id: str, call: UpstreamCall, retry_after: float | None = None
    ) -> float:
        """The provider answered 429: no turns until it allows, or until we think it safe.

        Answers in how many seconds that is.
        """
        bucket, now = self._bucket(account_id, call), self._clock.monotonic()
        bucket.strike(now, retry_after or 0.0, self._limits.pause_seconds)
        self._queue.put_off(bucket, now)
        return bucket.closed_until - now

    def went_well(self, account_id: str, call: UpstreamCall) -> None:
        """The provider answered, and not with 429."""
        bucket = self._buckets.get((account_id, call.bucket))
        if bucket is not None and bucket.wary:
            bucket.went_well(self._clock.monotonic())

    def waiting(self) -> int:
        """How many wait for a turn now."""
        return sum(len(bucket.queue) for bucket in self._buckets.values())

    async def close(self) -> None:
        """Refuse everybody who waits, and from now on everybody who would have to."""
        await self._queue.close(self._buckets.values())

    def _bucket(self, account_id: str, call: UpstreamCall) -> SlidingWindow:
        key = (account_id, call.bucket)
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= self._forget_at:
                self._forget()
            name, per_second = f"{account_id}:{call.bucket}", self._limits.per_second[call.bucket]
            bucket = self._buckets[key] = SlidingWindow(
                name, per_second, self._limits.margin_seconds
            )
        return bucket

    def _forget(self) -> None:
        now = self._clock.monotonic()
        self._buckets = {key: each for key, each in self._buckets.items() if not each.idle(now)}
        # Twice what is left: a sweep then costs each new bucket two looks at most.
        self._forget_at = max(_FORGET_FROM, 2 * len(self._buckets))
