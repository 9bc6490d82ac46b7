"""Purchases: written down before they are sent and after, repeated by nobody, within the limits."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from gateway.core.auth import authorization as may
from gateway.core.auth.authorization import OperatorLimits
from gateway.core.model.callers import Limits
from gateway.core.model.errors import (
    GatewayError,
    InternalError,
    LedgerUnavailable,
    OutcomeUnknown,
    RequestIdReused,
    RequestInProgress,
)
from gateway.core.model.purchases import (
    Breach,
    Intent,
    Outcome,
    Spend,
    SpendState,
    keep_error,
    keep_value,
)
from gateway.core.model.quote import Quote
from gateway.core.model.rentals import Rental
from gateway.core.model.values import Charged
from gateway.core.operations.call import Answer
from gateway.core.ports.clock import Clock
from gateway.core.ports.ledger import Ledger
from gateway.core.ports.observer import Observer
from gateway.core.purchases.idempotency import FirstAnswer, give_again
from gateway.core.purchases.order import Order
from gateway.core.purchases.redelivery import Redelivery
from gateway.core.purchases.settlement import Settlement
from gateway.core.purchases.zone_check import zone_offset

_UNKNOWN_TTL = timedelta(hours=1)


class Purchasing:
    """The policy of every purchase.

    `patience` is how many seconds a repeated request waits for the first one's answer;
    `hand_over` how long an undelivered purchase is kept for its caller, 0 for not at all.
    """

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        observer: Observer,
        new_id: Callable[[datetime], str],
        *,
        operator: OperatorLimits | None = None,
        patience: float = 45.0,
        hand_over: float = 60.0,
    ) -> None:
        """Take the ledger, the time, and what makes ledger ids that sort by time."""
        self._operator = operator or OperatorLimits()
        self._ledger = ledger
        self._clock = clock
        self._observer = observer
        self._new_id = new_id
        self._patience = patience
        self._redelivery = Redelivery(ledger, clock, hand_over, patience)
        self._first_answer = FirstAnswer(ledger, clock)
        self._settlement = Settlement(ledger, clock, observer)
        self._under_way: dict[tuple[str, str, str], asyncio.Task[Answer[Any]]] = {}

    async def buy(self, order: Order) -> Answer[Any]:
        """Buy once; a repeated request gets the first answer.

        It must run to its end, whatever becomes of the caller.
        """
        fingerprint = order.fingerprint()
        if order.request_id is None:
            return await self._unnamed(order, fingerprint)
        name = order.context.caller.id, order.request_id, fingerprint
        same = self._under_way.get(name)
        if same is not None:
            return await self._joined(same, order)
        task = self._under_way[name] = asyncio.create_task(self._named(order, fingerprint))
        task.add_done_callback(lambda _: self._under_way.pop(name, None))
        return await task

    async def undelivered(self, purchase: str) -> None:
        """Its answer did not reach the caller: keep it for the same caller asking the same."""
        await self._redelivery.undelivered(purchase)

    async def _unnamed(self, order: Order, fingerprint: str) -> Answer[Any]:
        kept = self._redelivery.serves(order)
        if kept:
            with self._before_sending("(not begun)"):
                found = await self._redelivery.earlier(order, fingerprint)
            if found is not None:
                return found
        limited, intent = await self._planned(order, fingerprint)
        await self._begun(intent)
        order.begun(intent.ledger_id)
        return await self._carry_out(limited, intent)

    async def _named(self, order: Order, fingerprint: str) -> Answer[Any]:
        """Buy, unless the ledger knows of a first request with this id."""
        deadline = self._clock.monotonic() + self._patience
        unlimited = order.context.caller.limits is None
        while True:
            # Limits refuse nothing that was bought before; without any, begin tells of it as well.
            first = None if unlimited else await self._first(order)
            if first is None:
                limited, intent = await self._planned(order, fingerprint)
                first = await self._begun(intent)
                if first is None:
                    return await self._carry_out(limited, intent)
            if first.fingerprint != fingerprint:
                raise RequestIdReused
            kept = await self._first_answer.of(first, deadline)
            if kept is not None:
                return give_again(order.op.gives, kept, first.ledger_id)

    async def _joined(self, same: "asyncio.Task[Answer[Any]]", order: Order) -> Answer[Any]:
        """The answer of the same request, which this process has under way."""
        done, _ = await asyncio.wait([same], timeout=self._patience)
        if not done:
            raise RequestInProgress(retry_after=1)
        with suppress(LedgerUnavailable):
            first = await self._first(order)
            if first is not None and first.answer is not None:
                return give_again(order.op.gives, first.answer, first.ledger_id)
        return replace(same.result(), replayed=True)  # not kept: what it raised is raised here too

    async def repeated(self, order: Order) -> Answer[Any] | None:
        """The first answer to an order that was given before; None where it is the first."""
        first = await self._first(order) if order.request_id is not None else None
        if first is None:
            return None
        if first.fingerprint != order.fingerprint():
            raise RequestIdReused
        kept = await self._first_answer.of(first, self._clock.monotonic() + self._patience)
        return None if kept is None else give_again(order.op.gives, kept, first.ledger_id)

    async def _first(self, order: Order) -> Spend | None:
        """What was bought under this request id before."""
        assert order.request_id is not None  # noqa: S101 - only named requests are repeated
        with self._before_sending("(not begun)"):
            return await self._ledger.by_request(order.context.caller.id, order.request_id)

    async def _planned(self, order: Order, fingerprint: str) -> tuple[Order, Intent]:
        limited, reserved, quote = await self._within_limits(order)
        if order.at_most is not None:
            limited = limited.capped(min(order.at_most, limited.cap or order.at_most))
        return limited, self._intent(order, fingerprint, reserved, quote)

    @contextmanager
    def _before_sending(self, ledger_id: str) -> Iterator[None]:
        """A ledger that fails while nothing has been sent is an error that says so."""
        try:
            yield
        except GatewayError:
            raise
        except Exception as fault:
            self._observer.ledger_failed(ledger_id, fault)
            raise LedgerUnavailable from fault

    async def _begun(self, intent: Intent) -> Spend | None:
        """Write it down; or the purchase that another request with its id has begun."""
        try:
            with self._before_sending(intent.ledger_id):
                standing = await self._ledger.begin(intent)
        except LedgerUnavailable:
            self._settlement.release(intent.ledger_id)
            raise
        if isinstance(standing, Breach):
            raise may.refusal(standing, intent)
        return standing

    async def _within_limits(self, order: Order) -> tuple[Order, Decimal | None, Quote]:
        """The order with its price capped, what to reserve for it, and the quote.

        The whole quote is reserved, whatever lower price is sent: a provider may ignore that.
        """
        caller = order.context.caller
        granted = caller.limits or Limits()
        if order.op.kind == "rental":
            self._operator.check_service(order.service)
        in_budget = self._operator.budget_of(caller.account.id) is not None
        priced = in_budget or may.needs_price(granted)
        quote = Quote(None)
        if priced or granted.services is not None or granted.max_active:
            quote = await order.op.quote(order.context, order.asked, order.subject)
        may.check_service(granted, quote.service_code)
        if not priced:
            return order, quote.at_most, quote
        cap = may.check_price(caller.limits, quote, order.cap)
        return order.capped(cap), quote.at_most, quote

    def _intent(
        self, order: Order, fingerprint: str, reserved: Decimal | None, quote: Quote
    ) -> Intent:
        now = self._clock.now()
        caller = order.context.caller
        ttl = _UNKNOWN_TTL if quote.ttl_minutes is None else timedelta(minutes=quote.ttl_minutes)
        return Intent(
            ledger_id=self._new_id(now),
            operation=order.op.name,
            kind=order.op.kind,
            account_id=caller.account.id,
            caller_id=caller.id,
            request_id=order.request_id,
            fingerprint=fingerprint,
            subject_id=order.subject.id if order.subject else None,
            service_code=order.service,
            reserved=reserved,
            active_until=now + ttl + timedelta(minutes=1),
            at=now,
            limits=caller.limits,
            account_budget_day=self._operator.budget_of(caller.account.id),
            sees_account=caller.sees_account,
        )

    async def _carry_out(self, order: Order, intent: Intent) -> Answer[Any]:
        try:
            order = await order.in_turn()
            with self._before_sending(intent.ledger_id):
                marked = await self._ledger.mark_sent(intent.ledger_id, self._clock.now())
            if not marked:
                raise InternalError("The purchase was given up before it was sent.")
        except BaseException:
            await self._settle(order, intent, Outcome(SpendState.RELEASED))
            raise
        value = await self._made(order, intent)
        if "ledger_id" in type(value).model_fields:
            value = value.model_copy(update={"ledger_id": intent.ledger_id})
        if intent.reserved is not None and (value.price or 0) > intent.reserved:
            self._observer.charged_above(intent.ledger_id, intent.reserved, value.price)
        kept = keep_value(value)
        await self._settle(order, intent, Outcome(SpendState.BOUGHT, kept, value))
        order.context.services.repository.bought(intent.account_id, value)
        self._compare_times(order, value)
        return Answer(value, kept.body, purchase=intent.ledger_id)

    def _compare_times(self, order: Order, value: Any) -> None:
        known = order.context.services.price_cache.known(order.context.caller.account.id)
        if isinstance(value, Rental) and (off := zone_offset(value, known)) is not None:
            self._observer.times_compared(off)

    async def _made(self, order: Order, intent: Intent) -> Any:
        """Make the purchase; where that fails, write down how."""
        try:
            return await order.op.run(order.context, order.asked)
        except GatewayError as error:
            await self._settle(order, intent, _failed(error, order.trace_id))
            raise
        except BaseException as fault:
            # Whatever it was, it came after the sending: no caller may take it for a failure.
            lost = OutcomeUnknown()
            await self._settle(order, intent, _failed(lost, order.trace_id))
            if not isinstance(fault, Exception):
                raise  # the program ends: nobody is there to be told
            self._observer.background_failed("purchase", fault)
            raise lost from fault

    async def _settle(self, order: Order, intent: Intent, outcome: Outcome) -> None:
        """Write the end down; what it means for others is looked at once it is."""
        if await self._settlement.end(intent.ledger_id, outcome):
            order.context.services.repository.ended(intent.account_id, outcome.state)


def _failed(error: GatewayError, trace_id: str) -> Outcome:
    """What a failed purchase leaves: definite refusals are kept, the rest may be tried again."""
    if error.charged is Charged.UNKNOWN:
        return Outcome(SpendState.UNKNOWN, keep_error(error, trace_id))
    if error.retryable:
        return Outcome(SpendState.RELEASED)
    return Outcome(SpendState.REFUSED, keep_error(error, trace_id))
