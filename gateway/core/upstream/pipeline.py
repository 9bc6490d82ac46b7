"""The way of one call to the provider: breaker, permit, call, bookkeeping, and again for reads."""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import partial
from random import random
from typing import TypeVar

from gateway.core.model.errors import GatewayError, RateLimited
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
Question = Callable[[], Awaitable[T]]
BeforeSending = Callable[[], Awaitable[None]]
"""Where it raises, nothing is sent."""
_READ = Effect.READ  # looking a member of an Enum up costs as much as a call
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
        """`jitter` gives numbers from 0 to 1."""
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
        """Send a call when the limits allow it, and a read again where it failed.

        `deadline`: how many seconds it may wait for a permit, all tries of a read together.
        `before_sending` runs between permit and call, for each try; where it raises, nothing is
        sent. Raises RateLimited or UpstreamUnavailable where it was not sent, else what
        `before_sending` or the question raises.
        """
        if deadline is None:
            policy = self._policy
            deadline = policy.read_seconds if call.effect is _READ else policy.spend_seconds
        until = self._clock.monotonic() + deadline
        permit = await self._permit_for(account_id, call, priority, deadline)
        if call.effect is not _READ:
            return await self._put(permit, question, before_sending)
        self._budget(call).earn()
        try:
            return await self._put(permit, question, before_sending)
        except (UpstreamFault, RateLimited) as fault:
            first = fault
        again = partial(self._put, question=question, before_sending=before_sending)
        return await self._ask_again(permit, again, first, until, priority)

    async def _permit_for(
        self, account_id: str, call: AnyCall, priority: Priority | None, deadline: float
    ) -> Permit:
        """Wait until a call may be sent.

        Raises RateLimited or UpstreamUnavailable where it may not: nothing has been sent.
        """
        self._breakers.of(call).check()
        return await self._limiter.permit(account_id, call, priority, deadline_seconds=deadline)

    def going_out(self) -> None:
        """The call being made in this task goes out just now.

        To be called by whoever had to open a connection for it: its arrival, and not its turn, is
        what the provider counts.
        """
        permit = self._permit.get(None)
        if permit is not None:
            self._permit.set(self._limiter.going_out(permit))

    async def _put(
        self, permit: Permit, question: Question[T], before_sending: BeforeSending | None
    ) -> T:
        call = permit.call
        if before_sending is not None:
            await before_sending()
            permit = self._limiter.going_out(permit)
        breaker = self._breakers.of(call)
        ticket = breaker.enter()
        ok: bool | None = None
        self._permit.set(permit)
        try:
            answer = await question()
            ok = True
        except RateLimited as refusal:
            ok = True
            self._refused(permit, refusal)
            raise
        except GatewayError as error:
            ok = not failed(call, error)
            raise
        finally:
            breaker.ended(ticket, ok=ok, account_id=permit.account_id)
            if ok:  # after a 429 the bucket is closed, and this changes nothing
                self._limiter.went_well(permit.account_id, call)
        return answer

    def _refused(self, permit: Permit, refusal: RateLimited) -> None:
        """The provider answered 429: pause, and say for how long."""
        self._observer.rate_limited(permit.call.name, "provider")
        refusal.retry_after = self._limiter.slowed(
            permit.account_id, permit.call, refusal.retry_after
        )

    async def _ask_again(
        self,
        permit: Permit,
        put: Callable[[Permit], Awaitable[T]],
        fault: GatewayError,
        until: float,
        priority: Priority | None,
    ) -> T:
        """Repeat a read. Where it may not be repeated, its last fault is the answer."""
        for retry in range(self._policy.retries):
            pause = self._policy.backoff_seconds * 2**retry * (0.5 + self._jitter())
            if isinstance(fault, _DEFINITE) or not self._may_repeat(permit, pause, until):
                break
            await self._sleep(pause)
            try:
                permit = await self._permit_again(permit, priority, until)
            except (RateLimited, UpstreamUnavailable):
                break
            self._observer.read_retried(permit.call.name)
            try:
                return await put(permit)
            except (UpstreamFault, RateLimited) as again:
                fault = again
        raise fault

    def _budget(self, call: AnyCall) -> RetryBudget:
        """The budget that all reads of the call's group share."""
        budget = self._budgets.get(call.group)
        if budget is None:
            policy = self._policy
            budget = self._budgets[call.group] = RetryBudget(
                policy.retry_share, policy.retry_reserve
            )
        return budget

    def _may_repeat(self, permit: Permit, pause: float, until: float) -> bool:
        in_time = self._clock.monotonic() + pause < until
        return in_time and self._budget(permit.call).spend()

    async def _permit_again(
        self, permit: Permit, priority: Priority | None, until: float
    ) -> Permit:
        left = max(0.0, until - self._clock.monotonic())
        return await self._permit_for(permit.account_id, permit.call, priority, left)
