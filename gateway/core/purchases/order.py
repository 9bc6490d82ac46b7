"""An order: a purchase as a caller asked for it, before anything is decided about it."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from gateway.core.model.purchases import AnyRental
from gateway.core.operations.context import Context
from gateway.core.operations.operation import Operation


def _nobody(ledger_id: str) -> None:
    """Nobody is told."""


@dataclass(frozen=True, slots=True)
class Order:
    """One purchase as a caller asked for it."""

    op: Operation[Any, Any]
    context: Context
    asked: Any
    trace_id: str
    request_id: str | None
    redeliverable: bool  # the face has no request ids: see Spending.undelivered
    at_most: Decimal | None = None  # the highest price that the face allows
    subject: AnyRental | None = None  # what is rented again or renewed
    begun: Callable[[str], None] = _nobody  # told the ledger_id once it is written down

    @property
    def cap(self) -> Decimal | None:
        """The highest price the caller wants to pay."""
        return getattr(self.asked, "max_price", None)

    @property
    def service(self) -> str | None:
        """The service it is for: as asked, or that of what is rented again."""
        asked: str | None = getattr(self.asked, "service_code", None)
        return asked or getattr(self.subject, "service_code", None)

    def fingerprint(self) -> str:
        """Names the operation and its input; the request id is not a part of what is asked.

        What is handed over has names of its own: who sends request ids is never handed anything.
        """
        given = self.asked.model_dump_json(exclude={"request_id"})
        kind = "\nhanded over" if self.redeliverable else ""
        return hashlib.sha256(f"{self.op.name}\n{given}{kind}".encode()).hexdigest()

    async def in_turn(self) -> "Order":
        """The same order with leave to be sent. Raises where it is not to be had in time."""
        assert self.op.spends is not None  # noqa: S101 - every purchase says how it is made
        return replace(self, context=await self.context.ready_to_spend(self.op.spends(self.asked)))

    def capped(self, price: Decimal | None) -> "Order":
        """The same order, with the price the provider may charge at the most."""
        if price is None or "max_price" not in type(self.asked).model_fields:
            return self
        return replace(self, asked=self.asked.model_copy(update={"max_price": price}))
