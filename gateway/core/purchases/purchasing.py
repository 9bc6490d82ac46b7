"""The pipeline of purchases: its stages, outermost first."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

from gateway.core.auth import authorization
from gateway.core.auth.authorization import OperatorLimits
from gateway.core.model.callers import Limits
from gateway.core.model.errors import RateLimited, ServiceNotFound
from gateway.core.model.prices import UNKNOWN_TTL
from gateway.core.model.provider_errors import UpstreamFault
from gateway.core.model.purchases import Intent, wishes_of
from gateway.core.model.quote import Quote
from gateway.core.operations.call import Answer
from gateway.core.ports.clock import Clock
from gateway.core.purchases.idempotency import FirstAnswer, SameRequest
from gateway.core.purchases.order import Next, Order, Stage
from gateway.core.purchases.redelivery import Redelivery
from gateway.core.purchases.sending import Sent, WrittenDown


class WithinLimits:
    """Stage: checks the limits that need no ledger, caps the price and creates the intent."""

    def __init__(
        self,
        clock: Clock,
        new_id: Callable[[datetime], str],
        operator: OperatorLimits | None = None,
    ) -> None:
        """`new_id` returns ledger ids that sort by time; `operator`: the operator's limits."""
        self._clock = clock
        self._new_id = new_id
        self._operator = operator or OperatorLimits()

    async def __call__(self, order: Order, proceed: Next) -> Answer[Any]:
        """Check the limits and pass on the capped order. Raises GatewayError for a breach."""
        return await proceed(await self.planned(order))

    async def planned(self, order: Order) -> Order:
        """The capped order with its intent. Raises GatewayError for a breach."""
        authorization.check_buys(order.context.caller.limits)
        order = await order.resolved()
        try:
            return await self._within_limits(order)
        except ServiceNotFound:
            if order.op.subject is not None:
                raise
            meant = await order.resolved()  # by the price list, which has been read meanwhile
            if meant.service == order.service:
                raise
            return await self._within_limits(meant)

    async def _within_limits(self, order: Order) -> Order:
        limited, reserved, quote = await self._limited(order)
        if order.at_most is not None:
            limited = limited.capped(min(order.at_most, limited.cap or order.at_most))
        limited.intent = self._intent(order, reserved, quote)
        return limited

    async def _limited(self, order: Order) -> tuple[Order, Decimal | None, Quote]:
        """The order with its price capped, what to reserve for it, and the quote.

        The full quote is reserved, even if a lower max_price is sent: the provider may ignore it.
        """
        caller = order.context.caller
        key_limits = caller.limits or Limits()
        if order.op.kind == "rental":
            self._operator.check_service(order.service)
        in_budget = self._operator.budget_of(caller.account.id) is not None
        priced = in_budget or authorization.needs_price(caller)
        most_active = any(each.max_active for each in authorization.limits_on(caller))
        quote = Quote(None)
        if priced or key_limits.services is not None or most_active:
            quote = await self._quote(order, priced=priced)
        authorization.check_service(key_limits, quote.service_code)
        if not priced:
            return order, quote.at_most, quote
        cap = authorization.check_price(caller, quote, order.cap)
        return order.capped(cap), quote.at_most, quote

    async def _quote(self, order: Order, *, priced: bool) -> Quote:
        """The quote; without a price where prices cannot be read and no limit is `priced`."""
        try:
            return await order.op.quote(order.context, order.asked, order.subject)
        except (UpstreamFault, RateLimited):
            if priced:
                raise
            return Quote(None, order.service)

    def _intent(self, order: Order, reserved: Decimal | None, quote: Quote) -> Intent:
        now = self._clock.now()
        caller = order.context.caller
        ttl = UNKNOWN_TTL if quote.ttl_minutes is None else timedelta(minutes=quote.ttl_minutes)
        return Intent(
            ledger_id=self._new_id(now),
            operation=order.op.name,
            kind=order.op.kind,
            account_id=caller.account.id,
            caller_id=caller.id,
            request_id=order.request_id,
            fingerprint=order.fingerprint,
            subject_id=order.subject_id,
            service_code=order.service,
            reserved=reserved,
            active_until=now + ttl + timedelta(minutes=1),
            at=now,
            limits=caller.limits,
            account_budget_day=self._operator.budget_of(caller.account.id),
            sees_account=caller.sees_account,
            reference=getattr(order.asked, "reference", None),
            wishes=wishes_of(order.asked) if order.op.kind == "rental" else None,
            over_mcp=order.over_mcp,
            allow_duplicate=order.allow_duplicate,
            ancestors=caller.ancestors,
        )


class Stages(NamedTuple):
    """The stages: with a request_id all but the third, else all but the first two."""

    same_request: SameRequest  # joins the same request under way in this process
    first_answer: FirstAnswer  # replays the answer of a request id used before
    redelivery: Redelivery  # repeats an answer that did not reach its caller
    limits: WithinLimits
    written_down: WrittenDown
    sent: Sent


class Purchasing:
    """Makes purchases by passing each order through the stages."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        rest = stages.limits, stages.written_down, stages.sent
        self._with_id = _chained([stages.same_request, stages.first_answer, *rest])
        self._without_id = _chained([stages.redelivery, *rest])

    async def buy(self, order: Order) -> Answer[Any]:
        """Buy once; a repeated request gets the first answer. Raises GatewayError.

        Must not be cancelled when the client disconnects.
        """
        return await (self._without_id if order.request_id is None else self._with_id)(order)

    async def check(self, order: Order) -> None:
        """Raise what would refuse this purchase; it is neither stored nor made."""
        await self._stages.written_down.check(await self._stages.limits.planned(order))

    async def repeated(self, order: Order) -> Answer[Any] | None:
        """The first answer of a request id that was used before, else None."""
        return await self._stages.first_answer.repeated(order)

    async def undelivered(self, purchase: str) -> None:
        """Report that the answer of a purchase, given by ledger_id, did not reach its caller."""
        await self._stages.redelivery.undelivered(purchase)

    def delivered(self, purchase: str) -> None:
        """Report that the answer of a redeliverable purchase was handed over."""
        self._stages.redelivery.delivered(purchase)

    async def close(self) -> None:
        """Write down what was reported."""
        await self._stages.redelivery.close()


def _chained(stages: Sequence[Stage]) -> Next:
    """The stages composed to one function, the first outermost."""
    buy: Next = _no_stage_left
    for stage in reversed(stages):
        buy = partial(stage, proceed=buy)
    return buy


async def _no_stage_left(order: Order) -> Answer[Any]:
    raise AssertionError("the last stage answers every order")
