"""The pipeline of a call to the provider: breaker, permit, sending, bookkeeping, retries."""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import partial
from random import random
from typing import TypeVar

from gateway.core.model.errors import GatewayError, OutcomeUnknown, RateLimited
from gateway.core.model.provider_errors import (
    UpstreamAuthFailed,
    UpstreamFault,
    UpstreamMaintenance,
    UpstreamUnavailable,
)
from gateway.core.model.upstream_call import AnyCall, Effect, Priority
from gateway.core.ports.clock import Clock
from gateway.core.ports.observer import NoObserver, Observer
from gateway.core.upstream.circuit_breaker import CircuitBreakers, failed
from gateway.core.upstream.rate_limiter import Permit, RateLimiter
from gateway.core.upstream.retry import RetryBudget, RetryPolicy

T = TypeVar("T")
_DEFINITE = (UpstreamAuthFailed, UpstreamMaintenance)
_UNANSWERED = (UpstreamFault, OutcomeUnknown)  # nothing that tells of the limits
Question = Callable[[], Awaitable[T]]
BeforeSending = Callable[[], Awaitable[None]]
"""A hook that runs just before a call is sent. Where it raises, nothing is sent."""
# A repetition would wait for its permit, and with it all who share the read meanwhile.
_COME_AGAIN = (Priority.LISTENED, Priority.FOLLOWED)
_READ = Effect.READ  # saves an Enum attribute lookup for each call, which is slow
Sleep = Callable[[float], Awaitable[object]]


class Pipeline:
    """Sends calls to the provider within its limits, and none while a circuit breaker is open."""

    def __init__(
        self,
        clock: Clock,
        sleep: Sleep,
        limiter: RateLimiter,
        breakers: CircuitBreakers,
        policy: RetryPolicy | None = None,
        *,
        observer: Observer | None = None,
        jitter: Callable[[], float] = random,
    ) -> None:
        """`jitter` returns numbers from 0 to 1."""
        self._clock = clock
        self._sleep = sleep
        self._limiter = limiter
        self._breakers = breakers
        self._policy = policy or RetryPolicy()
        self._observer = observer or NoObserver()
        self._jitter = jitter
        self._permit: ContextVar[Permit] = ContextVar("permit")
        self._budgets: dict[str, RetryBudget] = {}

    async def ask(
        self,
        account_id: str,
        call: AnyCall,
        question: Question[T],
        *,
        priority: Priority | None = None,
        deadline: float | None = None,
        before_sending: BeforeSending | None = None,
    ) -> T:
        """Send a call as soon as the limits allow; retry it if it is a read and failed.

        `deadline`: the most seconds it waits for permits, all attempts together.
        `before_sending` runs between permit and call, for each attempt; where it raises, nothing
        is sent. Raises RateLimited or UpstreamUnavailable where the call was not sent, else what
        `before_sending` or `question` raises.
        """
        if deadline is None:
            policy = self._policy
            deadline = policy.read_seconds if call.effect is _READ else policy.spend_seconds
        until = self._clock.monotonic() + deadline
        permit = await self._permit_for(account_id, call, priority, deadline)
        if call.effect is not _READ:
            return await self._send(permit, question, before_sending)
        self._budget(call).earn()
        try:
            return await self._send(permit, question, before_sending)
        except (UpstreamFault, RateLimited) as fault:
            if priority in _COME_AGAIN:
                raise
            first = fault
        again = partial(self._send, question=question, before_sending=before_sending)
        return await self._retry(permit, again, first, until, priority)

    async def _permit_for(
        self, account_id: str, call: AnyCall, priority: Priority | None, deadline: float
    ) -> Permit:
        """Wait until a call may be sent. Raises RateLimited or UpstreamUnavailable."""
        self._breakers.of(call).check()
        return await self._limiter.permit(account_id, call, priority, deadline_seconds=deadline)

    def going_out(self) -> None:
        """The call being made in this task is sent only now.

        Called by the adapter after it had to open a connection for the call: the provider counts
        arrivals, so the permit's time is corrected.
        """
        permit = self._permit.get(None)
        if permit is not None:
            self._permit.set(self._limiter.going_out(permit))

    async def _send(
        self, permit: Permit, question: Question[T], before_sending: BeforeSending | None
    ) -> T:
        answered = False
        try:
            if before_sending is not None:
                await before_sending()
                permit = self._limiter.going_out(permit)
            breaker = self._breakers.of(permit.call)
            ticket = breaker.enter()
            ok: bool | None = None
            self._permit.set(permit)
            try:
                answer = await question()
                ok = answered = True
            except GatewayError as error:
                ok, answered = self._learn(permit, error)
                raise
            finally:
                breaker.ended(ticket, ok=ok, account_id=permit.account_id)
        finally:
            self._limiter.ended(permit, answered=answered)
        return answer

    def _learn(self, permit: Permit, error: GatewayError) -> tuple[bool, bool]:
        """Whether the provider works by this error, and whether it took the call in its limits.

        A 429 closes the window, and the error tells for how long.
        """
        if isinstance(error, RateLimited):
            self._observer.rate_limited(permit.call.name, "provider")
            error.retry_after = self._limiter.slowed(
                permit.account_id, permit.call, error.retry_after
            )
            return True, False
        return not failed(permit.call, error), not isinstance(error, _UNANSWERED)

    async def _retry(
        self,
        permit: Permit,
        send: Callable[[Permit], Awaitable[T]],
        fault: GatewayError,
        until: float,
        priority: Priority | None,
    ) -> T:
        """Retry a read. Raises its last fault where it may not be retried."""
        for retry in range(self._policy.retries):
            pause = self._policy.backoff_seconds * 2**retry * (0.5 + self._jitter())
            if _is_definite(permit.call, fault) or not self._may_retry(permit, pause, until):
                break
            await self._sleep(pause)
            try:
                permit = await self._permit_for_retry(permit, priority, until)
            except (RateLimited, UpstreamUnavailable):
                break
            self._observer.read_retried(permit.call.name)
            try:
                return await send(permit)
            except (UpstreamFault, RateLimited) as again:
                fault = again
        raise fault

    def _budget(self, call: AnyCall) -> RetryBudget:
        """The retry budget shared by all reads of the call's group."""
        budget = self._budgets.get(call.group)
        if budget is None:
            policy = self._policy
            budget = self._budgets[call.group] = RetryBudget(
                policy.retry_share, policy.retry_reserve
            )
        return budget

    def _may_retry(self, permit: Permit, pause: float, until: float) -> bool:
        in_time = self._clock.monotonic() + pause < until
        return in_time and self._budget(permit.call).spend()

    async def _permit_for_retry(
        self, permit: Permit, priority: Priority | None, until: float
    ) -> Permit:
        left = max(0.0, until - self._clock.monotonic())
        return await self._permit_for(permit.account_id, permit.call, priority, left)


def _is_definite(call: AnyCall, fault: GatewayError) -> bool:
    """Whether a repetition gets no other answer, such as a 429 that concerns one key."""
    return isinstance(fault, _DEFINITE) or (call.of_many and isinstance(fault, RateLimited))
