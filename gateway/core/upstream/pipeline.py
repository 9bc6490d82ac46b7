"""The way of one call to the provider: breaker, turn, question, bookkeeping, and again for reads.

A read is one `ask`. A purchase is two steps, so that the ledger can note it as sent in between: a
`permit_for` that is refused was surely not sent, and `ask_now` puts the question without a wait.
"""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from random import random
from typing import TypeVar

from gateway.core.model.errors import GatewayError, RateLimited
from gateway.core.model.provider_errors import (
    UpstreamAuthFailed,
    UpstreamFault,
    UpstreamMaintenance,
    UpstreamUnavailable,
)
from gateway.core.ports.clock import Clock
from gateway.core.ports.observer import Hooks
from gateway.core.upstream.calls import CALLS, Priority, UpstreamCall
from gateway.core.upstream.circuit_breaker import CircuitBreakers, failed
from gateway.core.upstream.rate_limiter import Permit, RateLimiter
from gateway.core.upstream.retry import RetryBudget, RetryPolicy

T = TypeVar("T")
_DEFINITE = (UpstreamAuthFailed, UpstreamMaintenance)
Question = Callable[[], Awaitable[T]]
Sleep = Callable[[float], Awaitable[object]]


class Pipeline:
    """Puts questions to the provider, never more or sooner than it can bear."""

    def __init__(
        self,
        clock: Clock,
        sleep: Sleep,
        limiter: RateLimiter,
        breakers: CircuitBreakers,
        patience: RetryPolicy | None = None,
        *,
        hooks: Hooks | None = None,
        jitter: Callable[[], float] = random,
    ) -> None:
        """`jitter` gives numbers from 0 to 1."""
        self._clock = clock
        self._sleep = sleep
        self._limiter = limiter
        self._breakers = breakers
        self._patience = patience = patience or RetryPolicy()
        self._hooks = hooks or Hooks()
        self._jitter = jitter
        self._permit: ContextVar[Permit] = ContextVar("turn")
        self._budgets = {
            call.group: RetryBudget(patience.retry_share, patience.retry_reserve) for call in CALLS
        }

    async def ask(
        self,
        account_id: str,
        call: UpstreamCall,
        question: Question[T],
        *,
        priority: Priority | None = None,
        deadline: float | None = None,
    ) -> T:
        """Put a question when its turn comes, and a read again where it failed.

        `deadline`: the seconds it may wait for its turn, all tries of a read together. Raises
        RateLimited or UpstreamUnavailable where it was not sent, else what the question raises.
        """
        left = self._patience.of(call) if deadline is None else deadline
        until = self._clock.monotonic() + left
        permit = await self.permit_for(account_id, call, priority=priority, deadline=left)
        if call.kind != "read":
            return await self._put(permit, question)
        self._budgets[call.group].earn()
        try:
            return await self._put(permit, question)
        except (UpstreamFault, RateLimited) as fault:
            first = fault
        return await self._ask_again(permit, question, first, until, priority)

    async def permit_for(
        self,
        account_id: str,
        call: UpstreamCall,
        *,
        priority: Priority | None = None,
        deadline: float | None = None,
    ) -> Permit:
        """Wait until a call may be made.

        Raises RateLimited or UpstreamUnavailable where it may not: nothing has been sent.
        """
        self._breakers.of(call).check()
        if deadline is None:
            deadline = self._patience.of(call)
        return await self._limiter.permit(account_id, call, priority, deadline_seconds=deadline)

    async def ask_now(self, permit: Permit, question: Question[T]) -> T:
        """Put the question a turn was given for, once.

        Raises UpstreamUnavailable where it was not sent, else what the question raises.
        """
        return await self._put(self._limiter.going_out(permit), question)

    def going_out(self) -> None:
        """The question being put in this task goes out just now.

        To be called by whoever had to open a connection for it: its arrival, and not its turn, is
        what the provider counts.
        """
        permit = self._permit.get(None)
        if permit is not None:
            self._permit.set(self._limiter.going_out(permit))

    async def _put(self, permit: Permit, question: Question[T]) -> T:
        call = permit.call
        breaker = self._breakers.of(call)
        ticket = breaker.enter()
        ok: bool | None = None
        self._permit.set(permit)
        try:
            answer = await question()
            ok = True
        except RateLimited as refusal:
            ok = True
            self._hooks.limited(call.name, "provider")
            pause = self._limiter.slowed(permit.account_id, call, refusal.retry_after)
            refusal.retry_after = pause
            raise
        except GatewayError as error:
            ok = not failed(call, error)
            raise
        finally:
            breaker.ended(ticket, ok=ok, account_id=permit.account_id)
            if ok:  # after a 429 the bucket is closed, and this changes nothing
                self._limiter.went_well(permit.account_id, call)
        return answer

    async def _ask_again(
        self,
        permit: Permit,
        question: Question[T],
        fault: GatewayError,
        until: float,
        priority: Priority | None,
    ) -> T:
        """Repeat a read. Where it may not be repeated, its last fault is the answer."""
        for retry in range(self._patience.retries):
            pause = self._patience.backoff_seconds * 2**retry * (0.5 + self._jitter())
            if isinstance(fault, _DEFINITE) or not self._may_repeat(permit, pause, until):
                break
            await self._sleep(pause)
            try:
                permit = await self._permit_again(permit, priority, until)
            except (RateLimited, UpstreamUnavailable):
                break
            self._hooks.retried(permit.call.name)
            try:
                return await self._put(permit, question)
            except (UpstreamFault, RateLimited) as again:
                fault = again
        raise fault

    def _may_repeat(self, permit: Permit, pause: float, until: float) -> bool:
        in_time = self._clock.monotonic() + pause < until
        return in_time and self._budgets[permit.call.group].spend()

    async def _permit_again(
        self, permit: Permit, priority: Priority | None, until: float
    ) -> Permit:
        left = max(0.0, until - self._clock.monotonic())
        return await self.permit_for(
            permit.account_id, permit.call, priority=priority, deadline=left
        )
