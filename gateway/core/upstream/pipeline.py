"""The way of one call to the provider: breaker, turn, question, bookkeeping, and again for reads.

A read is one `ask`. A purchase is two steps, so that the ledger can note it as sent in between: a
`turn_for` that is refused was surely not sent, and `ask_now` puts the question without a wait.
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
from gateway.core.upstream.circuit_breaker import Breaker, failed
from gateway.core.upstream.rate_limiter import Pacer, Turn
from gateway.core.upstream.retry import Patience, RetryBudget

T = TypeVar("T")
_DEFINITE = (UpstreamAuthFailed, UpstreamMaintenance)
Question = Callable[[], Awaitable[T]]
Sleep = Callable[[float], Awaitable[object]]


class Gate:
    """Puts questions to the provider, never more or sooner than it can bear."""

    def __init__(
        self,
        clock: Clock,
        sleep: Sleep,
        pacer: Pacer,
        breaker: Breaker,
        patience: Patience | None = None,
        *,
        hooks: Hooks | None = None,
        jitter: Callable[[], float] = random,
    ) -> None:
        """`jitter` gives numbers from 0 to 1."""
        self._clock = clock
        self._sleep = sleep
        self._pacer = pacer
        self._breaker = breaker
        self._patience = patience = patience or Patience()
        self._hooks = hooks or Hooks()
        self._jitter = jitter
        self._turn: ContextVar[Turn] = ContextVar("turn")
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
        turn = await self.turn_for(account_id, call, priority=priority, deadline=left)
        if call.kind != "read":
            return await self._put(turn, question)
        self._budgets[call.group].earn()
        try:
            return await self._put(turn, question)
        except (UpstreamFault, RateLimited) as fault:
            first = fault
        return await self._ask_again(turn, question, first, until, priority)

    async def turn_for(
        self,
        account_id: str,
        call: UpstreamCall,
        *,
        priority: Priority | None = None,
        deadline: float | None = None,
    ) -> Turn:
        """Wait until a call may be made.

        Raises RateLimited or UpstreamUnavailable where it may not: nothing has been sent.
        """
        self._breaker.of(call).check()
        if deadline is None:
            deadline = self._patience.of(call)
        return await self._pacer.turn(account_id, call, priority, deadline_seconds=deadline)

    async def ask_now(self, turn: Turn, question: Question[T]) -> T:
        """Put the question a turn was given for, once.

        Raises UpstreamUnavailable where it was not sent, else what the question raises.
        """
        return await self._put(self._pacer.going_out(turn), question)

    def going_out(self) -> None:
        """The question being put in this task goes out just now.

        To be called by whoever had to open a connection for it: its arrival, and not its turn, is
        what the provider counts.
        """
        turn = self._turn.get(None)
        if turn is not None:
            self._turn.set(self._pacer.going_out(turn))

    async def _put(self, turn: Turn, question: Question[T]) -> T:
        call = turn.call
        circuit = self._breaker.of(call)
        ticket = circuit.enter()
        ok: bool | None = None
        self._turn.set(turn)
        try:
            answer = await question()
            ok = True
        except RateLimited as refusal:
            ok = True
            self._hooks.limited(call.name, "provider")
            pause = self._pacer.slowed(turn.account_id, call, refusal.retry_after)
            refusal.retry_after = pause
            raise
        except GatewayError as error:
            ok = not failed(call, error)
            raise
        finally:
            circuit.ended(ticket, ok=ok, account_id=turn.account_id)
            if ok:  # after a 429 the bucket is closed, and this changes nothing
                self._pacer.went_well(turn.account_id, call)
        return answer

    async def _ask_again(
        self,
        turn: Turn,
        question: Question[T],
        fault: GatewayError,
        until: float,
        priority: Priority | None,
    ) -> T:
        """Repeat a read. Where it may not be repeated, its last fault is the answer."""
        for retry in range(self._patience.retries):
            pause = self._patience.backoff_seconds * 2**retry * (0.5 + self._jitter())
            if isinstance(fault, _DEFINITE) or not self._may_repeat(turn, pause, until):
                break
            await self._sleep(pause)
            try:
                turn = await self._turn_again(turn, priority, until)
            except (RateLimited, UpstreamUnavailable):
                break
            self._hooks.retried(turn.call.name)
            try:
                return await self._put(turn, question)
            except (UpstreamFault, RateLimited) as again:
                fault = again
        raise fault

    def _may_repeat(self, turn: Turn, pause: float, until: float) -> bool:
        in_time = self._clock.monotonic() + pause < until
        return in_time and self._budgets[turn.call.group].spend()

    async def _turn_again(self, turn: Turn, priority: Priority | None, until: float) -> Turn:
        left = max(0.0, until - self._clock.monotonic())
        return await self.turn_for(turn.account_id, turn.call, priority=priority, deadline=left)
