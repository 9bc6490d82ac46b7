"""Circuit breakers: a provider that is down is not called for a while.

There is one breaker for each group of calls: failing reads never block a purchase. A refusal, a
4xx and a 429 are responses, not failures. Failures of a single account open no breaker while calls
of other accounts succeed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.core.model.provider_errors import (
    UpstreamAuthFailed,
    UpstreamFault,
    UpstreamUnavailable,
)
from gateway.core.model.upstream_call import AnyCall, Effect
from gateway.core.ports.clock import Clock
from gateway.core.ports.observer import NoObserver, Observer


class BreakerState(StrEnum):
    """Closed lets calls through, open none, half-open one trial call at a time."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When a breaker opens, and for how long.

    It opens after `in_a_row` consecutive failures, or when `share` of `sample` calls failed; a
    count starts with a failure and expires after `span_seconds`. It stays open `pause_seconds`,
    doubled each time the trial call fails, up to `longest_pause_seconds`: a trial call that often
    is no load, and callers waiting for a code notice soon that the provider is back. Failures of
    one account do not count while a call of another succeeded in the last `alone_seconds`.
    """

    in_a_row: int = 5
    share: float = 0.5
    sample: int = 20
    span_seconds: float = 60.0
    pause_seconds: float = 2.0
    longest_pause_seconds: float = 5.0
    alone_seconds: float = 15.0


def failed(call: AnyCall, error: BaseException) -> bool:
    """Whether this error of a call counts as a failure of the provider.

    Of purchases only errors from before the sending count, so that purchases are blocked only
    while none could succeed; any other error may concern a single buyer.
    """
    if call.effect is Effect.SPEND:
        return isinstance(error, UpstreamUnavailable)
    return isinstance(error, UpstreamFault) and not isinstance(error, UpstreamAuthFailed)


class CircuitBreaker:
    """The circuit breaker of one group."""

    __slots__ = (
        "_clock",
        "_epoch",
        "_failed_for",
        "_failures",
        "_group",
        "_in_a_row",
        "_observer",
        "_opened",
        "_policy",
        "_seen",
        "_served",
        "_since",
        "_state",
        "_trying",
        "_until",
    )  # fmt: skip

    def __init__(self, group: str, clock: Clock, policy: BreakerPolicy, observer: Observer) -> None:
        self._group = group
        self._clock = clock
        self._policy = policy
        self._observer = observer
        self._state = BreakerState.CLOSED
        self._epoch = 0  # a call begun before the last state change is not counted
        self._opened = 0
        self._until = 0.0
        self._trying = False
        self._seen = self._failures = self._in_a_row = 0
        self._since = 0.0
        self._failed_for: set[str] = set()
        self._served: dict[str, float] = {}  # the last two accounts with a success, and when

    @property
    def state(self) -> BreakerState:
        """The current state."""
        return self._state

    def check(self) -> None:
        """Raise UpstreamUnavailable where a call would not be let through now."""
        if self._state is BreakerState.CLOSED:
            return
        left = self._until - self._clock.monotonic()
        if left <= 0 and not self._trying:
            return
        raise UpstreamUnavailable(
            "The provider has been failing, so this call was not sent.",
            retry_after=max(left, 1.0),
        )

    def enter(self) -> int:
        """Let a call through and return its ticket for `ended`. Raises UpstreamUnavailable."""
        if self._state is not BreakerState.CLOSED:
            self.check()
            if self._state is BreakerState.OPEN:
                self._become(BreakerState.HALF_OPEN)
            self._trying = True
        return self._epoch

    def ended(self, ticket: int, *, ok: bool | None, account_id: str) -> None:
        """Record the end of an account's call. `ok` None: it says nothing about the provider."""
        if ok:
            self._serve(account_id)
        if ticket != self._epoch:
            return
        if self._state is BreakerState.CLOSED:
            if ok is False:
                self._failed_for.add(account_id)
            if ok is False or (ok and self._seen):
                self._count(ok)
            return
        self._trying = False
        if ok:
            self._opened = 0
            self._become(BreakerState.CLOSED)
        elif ok is False:
            self._open()

    def _count(self, ok: bool) -> None:
        now, policy = self._clock.monotonic(), self._policy
        if self._seen and now - self._since > policy.span_seconds:
            self._forget()
            if ok:
                return
        if not self._seen:
            self._since = now
        self._seen += 1
        self._failures += not ok
        self._in_a_row = 0 if ok else self._in_a_row + 1
        if self._in_a_row >= policy.in_a_row:
            self._give_up()
        elif self._seen >= policy.sample:
            if self._failures >= policy.share * self._seen:
                self._give_up()
            else:
                self._forget()

    def _give_up(self) -> None:
        """Open, unless all failures are of one account while calls of others succeed."""
        since = self._clock.monotonic() - self._policy.alone_seconds
        others = {each for each, at in self._served.items() if at > since} - self._failed_for
        if len(self._failed_for) == 1 and others:
            self._forget()
        else:
            self._open()

    def _serve(self, account_id: str) -> None:
        self._served.pop(account_id, None)
        self._served[account_id] = self._clock.monotonic()
        if len(self._served) > 2:
            del self._served[next(iter(self._served))]

    def _open(self) -> None:
        policy = self._policy
        pause = policy.pause_seconds * 2.0 ** min(self._opened, 10)
        self._until = self._clock.monotonic() + min(pause, policy.longest_pause_seconds)
        self._opened += 1
        self._become(BreakerState.OPEN)

    def _become(self, state: BreakerState) -> None:
        self._state = state
        self._epoch += 1
        self._forget()
        self._observer.breaker_changed(self._group, state)

    def _forget(self) -> None:
        self._seen = self._failures = self._in_a_row = 0
        self._failed_for.clear()


class CircuitBreakers:
    """One circuit breaker for each group of calls, shared by all accounts."""

    def __init__(
        self,
        clock: Clock,
        calls: Iterable[AnyCall],
        policy: BreakerPolicy | None = None,
        *,
        observer: Observer | None = None,
    ) -> None:
        """Create a closed breaker for every group of `calls`."""
        policy, observer = policy or BreakerPolicy(), observer or NoObserver()
        self._breakers = {
            group: CircuitBreaker(group, clock, policy, observer)
            for group in dict.fromkeys(call.group for call in calls)
        }

    def of(self, call: AnyCall) -> CircuitBreaker:
        """The breaker of a call's group."""
        return self._breakers[call.group]

    def states(self) -> Mapping[str, str]:
        """The state of every group, for health reports and metrics."""
        return {group: breaker.state.value for group, breaker in self._breakers.items()}
