"""The queues before the provider's limits: who waits is woken, or told early that it is no use."""

import asyncio
from collections.abc import Iterable

from gateway.core.model.errors import RateLimited
from gateway.core.ports.clock import Clock, Timers
from gateway.core.ports.observer import Hooks
from gateway.core.ports.storage import SharedBuckets
from gateway.core.upstream.sliding_window import SlidingWindow, Waiter

_SOONEST = 0.001  # what an event loop's timers can do
_SHARED_PATIENCE = 1.0
_LOCAL_FOR = 5.0


class LimiterQueue:
    """Lets those who wait before a bucket through: by priority, then first come, first served.

    `longest` is how many may wait before one bucket. Places of `shared` are taken one after
    another, each for whoever is first when it comes. While the shared store fails each node keeps
    the limits by itself, so that together they may break them; the provider's 429 then slows them.
    """

    def __init__(
        self,
        clock: Clock,
        timers: Timers,
        hooks: Hooks,
        *,
        longest: int,
        shared: SharedBuckets | None = None,
    ) -> None:
        """Start without anybody."""
        self.alone = shared is None
        self._clock = clock
        self._timers = timers
        self._hooks = hooks
        self._longest = longest
        self._shared = shared
        self._arrived = 0
        self._local_until = 0.0
        self._closed = False

    async def wait(
        self, bucket: SlidingWindow, call: str, priority: int, now: float, expires: float
    ) -> float:
        """Wait for a turn and log it; answers when it came. Raises RateLimited."""
        self._arrived += 1
        permit: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiter = Waiter(priority, self._arrived, expires, call, permit)
        self._join(bucket, waiter, now)
        alarm = self._timers.call_later(expires - now, lambda: self._expire(bucket, waiter))
        try:
            await permit
        except asyncio.CancelledError:
            if permit.done() and not permit.cancelled() and permit.exception() is None:
                bucket.granted -= 1  # it came in the same moment
            bucket.leave(waiter)
            self.serve(bucket, self._clock.monotonic())
            raise
        finally:
            alarm.cancel()
        at = self._clock.monotonic()
        bucket.used(at)
        return at

    def put_off(self, bucket: SlidingWindow, now: float) -> None:
        """The bucket opens later than it did: whoever cannot wait for it is told now."""
        self._give_up(bucket, 0, now)
        self.serve(bucket, now)

    def serve(self, bucket: SlidingWindow, now: float) -> None:
        """Give away the turns there are, and come back when there is the next."""
        while bucket.queue and bucket.has_room(now):
            if self._shared is not None and now >= self._local_until:
                self._take(bucket, self._shared)
                return
            self._grant(bucket, now)
        if bucket.queue:
            self._wake_at(bucket, bucket.expected(0, now), now)

    async def close(self, buckets: Iterable[SlidingWindow]) -> None:
        """Refuse everybody who waits, and everybody who would have to: nothing was sent."""
        self._closed = True
        takings = []
        for bucket in buckets:
            if bucket.alarm is not None:
                bucket.alarm[1].cancel()
            if bucket.taking is not None:
                bucket.taking.cancel()
                takings.append(bucket.taking)
            while bucket.queue:
                self._refuse(bucket, bucket.queue.pop(), self._clock.monotonic())
        await asyncio.gather(*takings, return_exceptions=True)

    def _join(self, bucket: SlidingWindow, waiter: Waiter, now: float) -> None:
        place = bucket.join(waiter)
        if self._closed or len(bucket.queue) > self._longest:
            self._refuse(bucket, bucket.queue.pop(), now)
        self._give_up(bucket, place, now)
        self.serve(bucket, now)

    def _grant(self, bucket: SlidingWindow, now: float) -> None:
        """Let the first through who still can use it."""
        while bucket.queue:
            waiter = bucket.queue.pop(0)
            if waiter.expires < now:
                self._refuse(bucket, waiter, now)
            elif not waiter.permit.done():  # done: cancelled a moment ago
                bucket.granted += 1
                waiter.permit.set_result(None)
                return

    def _wake_at(self, bucket: SlidingWindow, at: float, now: float) -> None:
        if bucket.alarm is not None:
            set_for, alarm = bucket.alarm
            if set_for <= at:
                return  # it will find nothing to give away, and set the next
            alarm.cancel()
        delay = max(at - now, _SOONEST)
        bucket.alarm = now + delay, self._timers.call_later(delay, lambda: self._rung(bucket))

    def _rung(self, bucket: SlidingWindow) -> None:
        bucket.alarm = None
        self.serve(bucket, self._clock.monotonic())

    def _expire(self, bucket: SlidingWindow, waiter: Waiter) -> None:
        bucket.leave(waiter)
        self._refuse(bucket, waiter, self._clock.monotonic())

    def _give_up(self, bucket: SlidingWindow, first: int, now: float) -> None:
        for waiter in bucket.too_late(first, now):
            self._refuse(bucket, waiter, now)

    def _refuse(self, bucket: SlidingWindow, waiter: Waiter, now: float) -> None:
        if waiter.permit.done():
            return
        self._hooks.limited(waiter.call, "gateway")
        paused = now < bucket.closed_until
        happened = (
            "The provider has asked for a pause, so this call was not sent."
            if paused
            else "More calls wait for the provider's limit than it takes in time, so this one was"
            " not sent."
        )
        wait = bucket.expected(len(bucket.queue), now) - now
        waiter.permit.set_exception(RateLimited(happened, retry_after=max(wait, _SOONEST)))

    def _take(self, bucket: SlidingWindow, shared: SharedBuckets) -> None:
        if bucket.taking is not None:
            return
        taking = asyncio.ensure_future(shared.take(bucket.name, bucket.places, bucket.window))
        patience = self._timers.call_later(_SHARED_PATIENCE, taking.cancel)
        bucket.taking = taking
        taking.add_done_callback(lambda _: patience.cancel())
        taking.add_done_callback(lambda taken: self._taken(bucket, taken))

    def _taken(self, bucket: SlidingWindow, taken: "asyncio.Task[float]") -> None:
        bucket.taking = None
        now = self._clock.monotonic()
        if self._closed:
            return
        if taken.cancelled() or taken.exception() is not None:
            self._local_until = now + _LOCAL_FOR
            self._hooks.shared_failed()
        elif (wait := taken.result()) > 0.0:
            bucket.opens_at = max(bucket.opens_at, now + wait)
            self._give_up(bucket, 0, now)
        elif bucket.has_room(now):
            self._grant(bucket, now)
        self.serve(bucket, now)
