"""An order: a purchase as a caller asked for it; and the stages that it passes."""

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


@dataclass(frozen=True)
class Order:
    """One purchase as a caller asked for it.

    `redeliverable`: the face has no request ids, see Redelivery. `at_most`: the highest price that
    the face allows. `subject`: what is rented again or renewed. `begun` is called with the
    ledger_id once the purchase is written down. `intent` is set once the limits allow it.
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
        """The purchase as it is written down. Only for stages after the limits."""
        assert self.intent is not None  # noqa: S101 - the limits' stage comes before
        return self.intent

    @property
    def cap(self) -> Decimal | None:
        """The highest price the caller wants to pay."""
        return getattr(self.asked, "max_price", None)

    @property
    def service(self) -> str | None:
        """The service it is for: as asked, or that of what is rented again."""
        asked: str | None = getattr(self.asked, "service_code", None)
        return asked or getattr(self.subject, "service_code", None)

    @cached_property
    def fingerprint(self) -> str:
        """Names the operation and its input; the request id is not a part of what is asked.

        Redeliverable orders have fingerprints of their own: a caller that sends request ids is
        never given the answer of another request.
        """
        given = self.asked.model_dump_json(exclude={"request_id"})
        kind = "\nhanded over" if self.redeliverable else ""
        return hashlib.sha256(f"{self.op.name}\n{given}{kind}".encode()).hexdigest()

    def capped(self, price: Decimal | None) -> "Order":
        """The same order, with the price the provider may charge at the most."""
        if price is None or "max_price" not in type(self.asked).model_fields:
            return self
        return replace(self, asked=self.asked.model_copy(update={"max_price": price}))


Next = Callable[[Order], Awaitable[Answer[Any]]]
"""The stages of a purchase after this one."""


class Stage(Protocol):
    """Answers an order by itself, or hands it, perhaps with more decided, to the next stage."""

    async def __call__(self, order: Order, proceed: Next) -> Answer[Any]:
        """The answer. Raises GatewayError."""
