"""The rate limiter: every call waits for a permit that fits the provider's limits.

The provider counts arrivals in every sliding window, so permits are logged, and the window is wider
than the provider's by a margin, for two calls do not travel equally fast.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from gateway.core.model.upstream_call import AnyCall, Priority
from gateway.core.ports.clock import Clock, Timers
from gateway.core.ports.observer import NoObserver, Observer
from gateway.core.ports.storage import SharedBuckets
from gateway.core.upstream.limiter_queue import LimiterQueue
from gateway.core.upstream.sliding_window import SlidingWindow

_FORGET_FROM = 1000
_LATE = 0.001


@dataclass(frozen=True, slots=True)
class RateLimits:
    """How fast calls may go.

    `per_second` by bucket, see `calls.rates`. `margin_seconds` widens every window: by so much
    may the ways of two calls to the provider differ, for instance where one of them has to open a
    connection. `longest_queue` is per window. `pause_seconds`: how long a window closes after the
    provider's 429 where it does not ask for longer; twice as long each time while 429s go on.
    """

    per_second: Mapping[str, float]
    margin_seconds: float = 0.1
    longest_queue: int = 2000
    pause_seconds: float = 2.0


class Permit(NamedTuple):
    """Leave to make one call now."""

    account_id: str
    call: AnyCall
    at: float


class RateLimiter:
    """Gives permits: one sliding window for each account and bucket.

    Windows that limit nothing any more are forgotten, in sweeps.
    """

    def __init__(
        self,
        clock: Clock,
        timers: Timers,
        limits: RateLimits,
        *,
        shared: SharedBuckets | None = None,
        observer: Observer | None = None,
    ) -> None:
        """`shared`: limits kept together with other nodes, besides our own."""
        self._clock = clock
        self._limits = limits
        self._observer = observer or NoObserver()
        self._queue = LimiterQueue(
            clock, timers, self._observer, longest=self._limits.longest_queue, shared=shared
        )
        self._windows: dict[tuple[str, str], SlidingWindow] = {}
        self._forget_at = _FORGET_FROM

    async def permit(
        self,
        account_id: str,
        call: AnyCall,
        priority: Priority | None = None,
        *,
        deadline_seconds: float,
    ) -> Permit:
        """Wait for a permit.

        Raises RateLimited: at once where it cannot come within `deadline_seconds` as things
        stand, and as soon as that becomes so. Nothing has been sent then.
        """
        window = self._window(account_id, call)
        now = self._clock.monotonic()
        if self._queue.alone and not window.queue and window.has_room(now):
            window.log.append(now)
            return Permit(account_id, call, now)
        order = call.priority if priority is None else priority
        at = await self._queue.wait(window, call.name, order, now, now + deadline_seconds)
        self._observer.permit_waited(call.name, at - now)
        return Permit(account_id, call, at)

    def going_out(self, permit: Permit) -> Permit:
        """The call goes out now; where that is later than its permit, now is what counts.

        Returns the permit as it counts from here on, for a call that is held up once more.
        """
        now = self._clock.monotonic()
        if now - permit.at <= _LATE:
            return permit
        self._window(permit.account_id, permit.call).delayed(permit.at, now)
        return permit._replace(at=now)

    def slowed(self, account_id: str, call: AnyCall, retry_after: float | None = None) -> float:
        """The provider answered 429: no permits until it allows, or until we think it safe.

        Returns in how many seconds that is.
        """
        window, now = self._window(account_id, call), self._clock.monotonic()
        window.strike(now, retry_after or 0.0, self._limits.pause_seconds)
        self._queue.put_off(window, now)
        return window.closed_until - now

    def went_well(self, account_id: str, call: AnyCall) -> None:
        """The provider answered, and not with 429."""
        window = self._windows.get((account_id, call.bucket))
        if window is not None and window.wary:
            window.went_well(self._clock.monotonic())

    def waiting(self) -> int:
        """How many wait for a permit now."""
        return sum(len(window.queue) for window in self._windows.values())

    async def close(self) -> None:
        """Refuse everybody who waits, and from now on everybody who would have to."""
        await self._queue.close(self._windows.values())

    def _window(self, account_id: str, call: AnyCall) -> SlidingWindow:
        key = (account_id, call.bucket)
        window = self._windows.get(key)
        if window is None:
            if len(self._windows) >= self._forget_at:
                self._forget()
            name, per_second = f"{account_id}:{call.bucket}", self._limits.per_second[call.bucket]
            window = self._windows[key] = SlidingWindow(
                name, per_second, self._limits.margin_seconds
            )
        return window

    def _forget(self) -> None:
        now = self._clock.monotonic()
        self._windows = {key: each for key, each in self._windows.items() if not each.idle(now)}
        # Twice what is left: a sweep then costs each new window two looks at most.
        self._forget_at = max(_FORGET_FROM, 2 * len(self._windows))
