"""An order, which is a requested purchase, and the interface of the stages it passes."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from typing import Any, Protocol

from gateway.core.model.purchases import AnyRental, Intent
from gateway.core.operations.call import Answer
from gateway.core.operations.context import Context
from gateway.core.operations.operation import Operation


@dataclass(eq=False)  # a frozen one costs three times as much to make
class Order:
    """One requested purchase.

    `redeliverable`: the face has no request ids, see Redelivery. `at_most`: the highest price that
    the face allows. `subject`: the rental that is rented again or renewed. `begun` is called with
    the ledger_id once the purchase is in the ledger. `intent` is set by the
    stage WithinLimits; nothing else changes after it is made.
    """

    op: Operation[Any, Any]
    context: Context
    asked: Any
    trace_id: str
    request_id: str | None
    redeliverable: bool
    at_most: Decimal | None = None
    subject: AnyRental | None = None
    begun: Callable[[str], None] | None = None
    intent: Intent | None = None

    @property
    def planned(self) -> Intent:
        """The intent for the ledger. Only for stages after WithinLimits."""
        assert self.intent is not None  # noqa: S101 - the limits' stage comes before
        return self.intent

    @property
    def cap(self) -> Decimal | None:
        """The caller's max_price in USD, if any."""
        return getattr(self.asked, "max_price", None)

    @property
    def service(self) -> str | None:
        """The requested service, or that of the rental that is rented again."""
        asked: str | None = getattr(self.asked, "service_code", None)
        return asked or getattr(self.subject, "service_code", None)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the operation and its input without the request id.

        Redeliverable orders have different fingerprints: a caller that sends request ids never
        gets the answer of another request.
        """
        given = self.asked.model_dump_json(exclude={"request_id"})
        kind = "\nhanded over" if self.redeliverable else ""
        return hashlib.sha256(f"{self.op.name}\n{given}{kind}".encode()).hexdigest()

    def capped(self, price: Decimal | None) -> "Order":
        """The same order with `price` as max_price, if the operation has that input."""
        if price is None or "max_price" not in type(self.asked).model_fields:
            return self
        return replace(self, asked=self.asked.model_copy(update={"max_price": price}))


Next = Callable[[Order], Awaitable[Answer[Any]]]
"""The remaining stages of a purchase."""


class Stage(Protocol):
    """A stage returns an answer itself or passes the order, perhaps changed, to the next one."""

    async def __call__(self, order: Order, proceed: Next) -> Answer[Any]:
        """Return the answer. Raises GatewayError."""
