"""The rate limiter's queue: waiters get permits in order, or fail as soon as they would expire."""

import asyncio
from collections.abc import Iterable

from gateway.core.model.errors import RateLimited
from gateway.core.ports.clock import Clock, Timers
from gateway.core.ports.observer import Observer
from gateway.core.ports.storage import SharedBuckets
from gateway.core.upstream.sliding_window import SlidingWindow, Waiter

_SOONEST = 0.001  # seconds; about the resolution of an event loop's timers
_SHARED_TIMEOUT = 1.0
_LOCAL_FOR = 5.0  # seconds without the shared limits after they failed


class LimiterQueue:
    """Serves the waiters of each window by priority and share, then in order of arrival.

    `longest` is the most waiters of one window. Places of `shared` are taken one at a time, each
    for the waiter that is first when it is granted; none while this node is alone. While the shared
    store fails, each node applies the limits alone; together they may exceed them until the
    provider's 429 slows them down.
    """

    def __init__(
        self,
        clock: Clock,
        timers: Timers,
        observer: Observer,
        *,
        longest: int,
        shared: SharedBuckets | None = None,
    ) -> None:
        self.alone = _alone if shared is None else shared.alone
        self._clock = clock
        self._timers = timers
        self._observer = observer
        self._longest = longest
        self._shared = shared
        self._arrived = 0
        self._local_until = 0.0
        self._closed = False

    async def wait(
        self, window: SlidingWindow, call: str, priority: int, now: float, expires: float
    ) -> tuple[float, int]:
        """Wait for a permit and log it. Raises RateLimited.

        Returns its time, and the number of the probe that it is, or 0.
        """
        self._arrived += 1
        permit: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        waiter = Waiter(priority, self._arrived, expires, call, permit)
        self._join(window, waiter, now)
        alarm = self._timers.call_later(expires - now, lambda: self._expire(window, waiter))
        try:
            probe = await permit
        except asyncio.CancelledError:
            if permit.done() and not permit.cancelled() and permit.exception() is None:
                window.granted -= 1  # granted and cancelled at the same time
                window.probe_ended(permit.result(), answered=False)
            window.leave(waiter)
            self.serve(window, self._clock.monotonic())
            raise
        finally:
            alarm.cancel()
        at = self._clock.monotonic()
        window.used(at)
        return at, probe

    def put_off(self, window: SlidingWindow, now: float) -> None:
        """The window now opens later: fail the waiters that would expire before."""
        self._refuse_late(window, 0, now)
        self.serve(window, now)

    def serve(self, window: SlidingWindow, now: float) -> None:
        """Grant the available permits, and set a timer for the next one."""
        while window.queue and window.may_grant(now):
            if self._shared is not None and now >= self._local_until and not self._shared.alone():
                self._take(window, self._shared)
                return
            self._grant(window, now)
        if window.queue and not window.probe:  # the end of a probe serves it again
            self._wake_at(window, window.expected(0, now), now)

    async def close(self, windows: Iterable[SlidingWindow]) -> None:
        """Fail all waiters, and from now on every call that would have to wait."""
        self._closed = True
        takings = []
        for window in windows:
            if window.alarm is not None:
                window.alarm[1].cancel()
            if window.taking is not None:
                window.taking.cancel()
                takings.append(window.taking)
            while window.queue:
                self._refuse(window, window.queue.pop(), self._clock.monotonic())
        await asyncio.gather(*takings, return_exceptions=True)

    def _join(self, window: SlidingWindow, waiter: Waiter, now: float) -> None:
        place = window.join(waiter)
        if self._closed or len(window.queue) > self._longest:
            self._refuse(window, window.queue.pop(), now)
        self._refuse_late(window, place, now)
        self.serve(window, now)

    def _grant(self, window: SlidingWindow, now: float) -> None:
        """Grant a permit to the first waiter that has not expired."""
        while window.queue:
            waiter = window.next()
            if waiter.expires < now:
                self._refuse(window, waiter, now)
            elif not waiter.permit.done():  # done: just cancelled
                waiter.permit.set_result(window.grant())
                return

    def _wake_at(self, window: SlidingWindow, at: float, now: float) -> None:
        if window.alarm is not None:
            set_for, alarm = window.alarm
            if set_for <= at:
                return  # it will find no permit to grant, and set the next timer
            alarm.cancel()
        delay = max(at - now, _SOONEST)
        window.alarm = (
            now + delay,
            self._timers.call_later(delay, lambda: self._alarm_fired(window)),
        )

    def _alarm_fired(self, window: SlidingWindow) -> None:
        window.alarm = None
        self.serve(window, self._clock.monotonic())

    def _expire(self, window: SlidingWindow, waiter: Waiter) -> None:
        window.leave(waiter)
        self._refuse(window, waiter, self._clock.monotonic())

    def _refuse_late(self, window: SlidingWindow, first: int, now: float) -> None:
        for waiter in window.too_late(first, now):
            self._refuse(window, waiter, now)

    def _refuse(self, window: SlidingWindow, waiter: Waiter, now: float) -> None:
        if waiter.permit.done():
            return
        self._observer.rate_limited(waiter.call, "gateway")
        happened = (
            "The provider has asked for a pause, so this call was not sent."
            if window.closed
            else "More calls wait for the provider's limit than it takes in time, so this one was"
            " not sent."
        )
        wait = window.expected(len(window.queue), now) - now
        waiter.permit.set_exception(RateLimited(happened, retry_after=max(wait, _SOONEST)))

    def _take(self, window: SlidingWindow, shared: SharedBuckets) -> None:
        if window.taking is not None:
            return
        taking = asyncio.ensure_future(shared.take(window.name, window.places, window.seconds))
        timeout = self._timers.call_later(_SHARED_TIMEOUT, taking.cancel)
        window.taking = taking
        taking.add_done_callback(lambda _: timeout.cancel())
        taking.add_done_callback(lambda taken: self._taken(window, taken))

    def _taken(self, window: SlidingWindow, taken: "asyncio.Task[float]") -> None:
        window.taking = None
        now = self._clock.monotonic()
        if self._closed:
            return
        if taken.cancelled() or taken.exception() is not None:
            self._local_until = now + _LOCAL_FOR
            self._observer.shared_limits_failed()
        elif (wait := taken.result()) > 0.0:
            window.put_off(now + wait)
            self._refuse_late(window, 0, now)
        elif window.may_grant(now):
            self._grant(window, now)
        self.serve(window, now)


def _alone() -> bool:
    return True
