"""The last stages: a purchase is in the ledger before it is sent, and its outcome after."""

from typing import Any

from gateway.core.auth.authorization import refusal
from gateway.core.model.errors import (
    AlreadyReplaced,
    GatewayError,
    LedgerUnavailable,
    OutcomeUnknown,
)
from gateway.core.model.hindrances import (
    AncestorBreach,
    Breach,
    Duplicate,
    Hindrance,
)
from gateway.core.model.provider_errors import OutOfStock, PriceTooHigh
from gateway.core.model.purchases import (
    Intent,
    Outcome,
    SpendState,
    View,
    stored_error,
    stored_value,
)
from gateway.core.model.rentals import Rental
from gateway.core.model.settling import named
from gateway.core.model.values import Charged
from gateway.core.operations.call import Answer
from gateway.core.operations.context import Context
from gateway.core.ports.clock import Clock
from gateway.core.ports.ledger import Ledger
from gateway.core.ports.observer import Observer
from gateway.core.ports.storage import Unstorable
from gateway.core.purchases.idempotency import AlreadyBegun
from gateway.core.purchases.order import Next, Order
from gateway.core.purchases.zone_check import zone_offset
from gateway.core.rentals.unwritten import Unwritten, UnwrittenEnd
from gateway.core.upstream.account import SendMark


class WrittenDown:
    """Stage: stores the intent in the ledger, which checks budgets and the request id."""

    def __init__(self, ledger: Ledger, unwritten: Unwritten) -> None:
        """`unwritten` releases an intent that may have been stored though the ledger failed."""
        self._ledger = ledger
        self._unwritten = unwritten

    async def __call__(self, order: Order, proceed: Next) -> Answer[Any]:
        """Store the intent. Raises AlreadyBegun for a used request id, else GatewayError."""
        if self._unwritten.ends:
            raise LedgerUnavailable.nothing_sent()
        intent = order.planned
        try:
            standing = await self._ledger.begin(intent)
        except LedgerUnavailable as fault:
            self._unwritten.keep_release(intent.ledger_id, fault)
            raise LedgerUnavailable.nothing_sent() from fault
        if isinstance(standing, Breach | AncestorBreach | Duplicate):
            raise await self._refusal(standing, intent)
        if standing is not None:
            raise AlreadyBegun(standing)
        if order.begun is not None and order.request_id is None:
            order.begun(intent.ledger_id)
        return await proceed(order)

    async def _refusal(self, breach: Hindrance, intent: Intent) -> GatewayError:
        if breach is Breach.REPLACED and intent.replaces is not None:
            view = View(intent.account_id)
            rental = await self._ledger.find(view, "rental", intent.replaces)
            if isinstance(rental, Rental):
                return AlreadyReplaced(replaced_by=rental.replaced_by)
        return refusal(breach, intent)

    async def check(self, order: Order) -> None:
        """Raise what would refuse the intent now. Nothing is stored."""
        intent = order.planned
        breach = await self._ledger.breach(intent)
        if breach is not None:
            raise refusal(breach, intent)


class Sent:
    """The last stage: marks the purchase as sent just before it is, and settles it."""

    def __init__(
        self, ledger: Ledger, unwritten: Unwritten, clock: Clock, observer: Observer
    ) -> None:
        self._ledger = ledger
        self._unwritten = unwritten
        self._clock = clock
        self._observer = observer

    async def __call__(self, order: Order, proceed: Next) -> Answer[Any]:
        """Send the purchase and return what was bought. Raises GatewayError."""
        intent = order.planned
        value = await self._buy(order, intent)
        if "ledger_id" in type(value).model_fields:
            known = {
                "ledger_id": intent.ledger_id,
                "codes": (),
                "replaces": intent.replaces,
                "reference": intent.reference,
            }
            value = value.model_copy(update=known)
        elif intent.reference is not None:
            value = value.model_copy(update={"reference": intent.reference})
        if intent.reserved is not None and (value.price or 0) > intent.reserved:
            self._observer.charged_above(intent.ledger_id, intent.reserved, value.price)
        stored = stored_value(value)
        await self._settle(order, Outcome(SpendState.BOUGHT, stored, value, order.redeliverable))
        services = order.context.services
        services.repository.bought(intent.views, value)
        if intent.replaces is not None:
            services.status_reads.forget(intent.account_id, intent.replaces)
            services.cancelling.wanted()
        self._compare_times(order, value)
        return Answer(value, stored.body, purchase=intent.ledger_id)

    async def _buy(self, order: Order, intent: Intent) -> Any:
        """Make the purchase; settle it where it fails."""
        mark = SendMark(self._ledger, self._clock, intent.ledger_id, self._unwritten.ends)
        own = order.context
        # dataclasses.replace takes several times as long.
        context = Context(own.caller, own.view, own.upstream.marking(mark), own.services)
        try:
            return await order.op.run(context, order.asked)
        except BaseException as fault:
            if not mark.sent:
                await self._release(intent)
                raise
            if isinstance(fault, GatewayError):
                fault.detail = named(fault.detail, intent.ledger_id)
                try:
                    await _correct_prices(order, fault)
                finally:
                    await self._settle(order, _failed(fault, order.trace_id))
                raise
            # It happened after the sending, so the purchase may have been made.
            lost = OutcomeUnknown()
            lost.detail = named(lost.detail, intent.ledger_id)
            await self._settle(order, _failed(lost, order.trace_id))
            if not isinstance(fault, Exception):
                raise  # a cancellation or exit of the process
            self._observer.background_failed("purchase", fault)
            raise lost from fault

    async def _release(self, intent: Intent) -> None:
        """Write that nothing was sent."""
        try:
            released = Outcome(SpendState.RELEASED)
            await self._ledger.settle(intent.ledger_id, released, self._clock.now())
        except LedgerUnavailable as fault:
            self._unwritten.keep_release(intent.ledger_id, fault)

    async def _settle(self, order: Order, outcome: Outcome) -> None:
        """Write the end, then let the repository match the purchase with lost ones.

        While the ledger is away the end is kept, so that the caller gets its answer all the same.
        """
        intent = order.planned
        try:
            await self._ledger.settle(intent.ledger_id, outcome, self._clock.now())
        except LedgerUnavailable as fault:
            self._unwritten.keep_end(UnwrittenEnd(intent, outcome), fault)
            return
        except Unstorable:
            await self._unwritten.write_storable(UnwrittenEnd(intent, outcome))
        order.context.services.repository.ended(intent.account_id, outcome.state)

    def _compare_times(self, order: Order, value: Any) -> None:
        prices = order.context.services.price_cache.known(order.planned.account_id)
        if not prices or not isinstance(value, Rental) or value.test:
            return
        if (off := zone_offset(value, prices)) is not None:
            self._observer.times_compared(off)


async def _correct_prices(order: Order, fault: GatewayError) -> None:
    """Correct the price list where the provider's refusal may contradict it."""
    if not isinstance(fault, PriceTooHigh | OutOfStock) or fault.upstream is None:
        return
    if order.op.kind == "rental" and order.service is not None:
        await order.context.refused(order.service, order.asked, fault)


def _failed(error: GatewayError, trace_id: str) -> Outcome:
    """The outcome of a failure: definite refusals are stored, others free the request id."""
    if error.charged is Charged.UNKNOWN:
        return Outcome(SpendState.UNKNOWN, stored_error(error, trace_id))
    if error.retryable:
        return Outcome(SpendState.RELEASED)
    return Outcome(SpendState.REFUSED, stored_error(error, trace_id))
