"""The rate limiter: every call waits for a permit, so as not to exceed the provider's limits.

The provider counts arrivals in a sliding window. Permits are logged, and the window is wider than
the provider's by a margin, because calls differ in latency.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from gateway.core.model.upstream_call import AnyCall, Priority
from gateway.core.ports.clock import Clock, Timers
from gateway.core.ports.observer import NoObserver, Observer
from gateway.core.ports.storage import SharedBuckets
from gateway.core.upstream.limiter_queue import LimiterQueue
from gateway.core.upstream.sliding_window import LONGEST_ASKED, SlidingWindow

_SWEEP_FROM = 1000
_LATE = 0.001


@dataclass(frozen=True, slots=True)
class RateLimits:
    """Settings of the rate limiter.

    `per_second` is by bucket, see `calls.rates`. `margin_seconds` widens every window by the most
    that two calls may differ in latency, for instance where one has to open a connection.
    `longest_queue` is per window. `pause_seconds`: how long a window closes after a 429 of the
    provider, if its Retry-After (up to five minutes) is not longer; doubled while 429s continue.
    """

    per_second: Mapping[str, float]
    margin_seconds: float = 0.1
    longest_queue: int = 2000
    pause_seconds: float = 2.0


class Permit(NamedTuple):
    """Permission to send one call, granted at `at` (monotonic seconds).

    `probe` numbers the calls that find out whether the provider takes calls again; 0 for others.
    """

    account_id: str
    call: AnyCall
    at: float
    probe: int = 0


class RateLimiter:
    """Grants permits, with one sliding window for each account and bucket.

    Idle windows are removed in sweeps.
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
        """`shared`: limits shared with other nodes, applied besides our own."""
        self._clock = clock
        self._limits = limits
        self._observer = observer or NoObserver()
        self._queue = LimiterQueue(
            clock, timers, self._observer, longest=self._limits.longest_queue, shared=shared
        )
        self._windows: dict[tuple[str, str], SlidingWindow] = {}
        self._sweep_at = _SWEEP_FROM

    async def permit(
        self,
        account_id: str,
        call: AnyCall,
        priority: Priority | None = None,
        *,
        deadline_seconds: float,
    ) -> Permit:
        """Wait for a permit. `ended` is to be called when it was used, or will not be.

        Raises RateLimited as soon as it is clear that no permit can be granted within
        `deadline_seconds`; nothing has been sent then.
        """
        window = self._window(account_id, call)
        now = self._clock.monotonic()
        if not window.queue and window.has_room(now) and self._queue.alone():
            window.log.append(now)
            return Permit(account_id, call, now)
        order = call.priority if priority is None else priority
        at, probe = await self._queue.wait(window, call.name, order, now, now + deadline_seconds)
        self._observer.permit_waited(call.name, at - now)
        return Permit(account_id, call, at, probe)

    def going_out(self, permit: Permit) -> Permit:
        """The call is sent now: where that is later than its permit, correct the log.

        Returns the corrected permit, for a call that may be delayed once more.
        """
        now = self._clock.monotonic()
        if now - permit.at <= _LATE:
            return permit
        self._window(permit.account_id, permit.call).delayed(permit.at, now)
        return permit._replace(at=now)

    def slowed(self, account_id: str, call: AnyCall, retry_after: float | None = None) -> float:
        """The provider responded 429: close the window for its Retry-After or our own pause.

        A call of many keys pauses shortly, however often: the others have not asked too much.
        Returns the seconds until the same account may try again.
        """
        window, now = self._window(account_id, call), self._clock.monotonic()
        asked = min(retry_after or 0.0, LONGEST_ASKED)
        if call.of_many:
            window.strikes = 0
        window.strike(now, 0.0 if call.of_many else asked, self._limits.pause_seconds)
        self._queue.put_off(window, now)
        return max(asked, round(window.closed_until - now, 3))

    def ended(self, permit: Permit, *, answered: bool) -> None:
        """The call of a permit ended, or was not sent.

        `answered`: the provider responded, and not with 429. A probe that was not answered is left
        to another call.
        """
        window = self._windows.get((permit.account_id, permit.call.bucket))
        if window is None or not window.wary:
            return
        probed = window.probe_ended(permit.probe, answered=answered)
        if answered:
            window.went_well()
        if probed:
            self._queue.serve(window, self._clock.monotonic())

    def waiting(self) -> int:
        """The number of calls waiting for a permit."""
        return sum(len(window.queue) for window in self._windows.values())

    async def close(self) -> None:
        """Fail all waiters, and from now on every call that would have to wait."""
        await self._queue.close(self._windows.values())

    def _window(self, account_id: str, call: AnyCall) -> SlidingWindow:
        key = (account_id, call.bucket)
        window = self._windows.get(key)
        if window is None:
            if len(self._windows) >= self._sweep_at:
                self._sweep()
            name, per_second = f"{account_id}:{call.bucket}", self._limits.per_second[call.bucket]
            window = self._windows[key] = SlidingWindow(
                name, per_second, self._limits.margin_seconds
            )
        return window

    def _sweep(self) -> None:
        now = self._clock.monotonic()
        self._windows = {key: each for key, each in self._windows.items() if not each.idle(now)}
        # Twice what is left: sweeping then costs amortized constant time for each new window.
        self._sweep_at = max(_SWEEP_FROM, 2 * len(self._windows))
