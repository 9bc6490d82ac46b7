"""An order, which is a requested purchase, and the interface of the stages it passes."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any, Protocol

from pydantic import BaseModel

from gateway.core.model.purchases import AnyRental, Intent
from gateway.core.operations.call import Answer
from gateway.core.operations.context import Context
from gateway.core.operations.operation import Operation

_NOT_COMPARED = {"request_id", "reference"}
_ALWAYS = {
    *("max_price", "carrier", "keep_carrier", "area_codes", "lock_area_code", "number"),
    "auto_renew",
}


@dataclass(eq=False)  # a frozen one costs three times as much to make
class Order:
    """One requested purchase.

    `redeliverable`: the face has no request ids, see Redelivery. `at_most`: the highest price that
    the face allows. `subject`: the rental that is rented again or renewed. `begun` is called with
    the ledger_id once the purchase is in the ledger. `over_mcp` and `allow_duplicate`: as of Call.
    `resolved_from` is the order as it was requested. `intent` is set by the stage WithinLimits;
    nothing else changes after it is made.
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
    over_mcp: bool = False
    allow_duplicate: bool = False
    resolved_from: "Order | None" = None
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

    @property
    def subject_id(self) -> int | None:
        """The provider's id of the rental it acts on."""
        requested = self.resolved_from or self
        about: int | None = getattr(requested.asked, self.op.subject) if self.op.subject else None
        return about

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the operation and its input: equal inputs have an equal one.

        Redeliverable orders have different fingerprints: a caller that sends request ids never
        gets the answer of another request.
        """
        if self.resolved_from is not None:
            return self.resolved_from.fingerprint
        return self._hash(inputs_text(self.asked))

    @cached_property
    def fingerprints(self) -> tuple[str, ...]:
        """Those that the same request may have in the ledger.

        Earlier versions hashed amounts as they were spelled.
        """
        spelled = self._hash(self.asked.model_dump_json(exclude=_NOT_COMPARED))
        return tuple(dict.fromkeys((self.fingerprint, spelled)))

    def _hash(self, inputs: str) -> str:
        kind = "\nhanded over" if self.redeliverable else ""
        return hashlib.sha256(f"{self.op.name}\n{inputs}{kind}".encode()).hexdigest()

    async def resolved(self) -> "Order":
        """The order of what its input means. Raises GatewayError."""
        if self.op.resolve is None or self._names_code:
            return self
        asked = await self.op.resolve(self.context, self.asked, self.subject)
        return replace(self, asked=asked, resolved_from=self)

    @property
    def _names_code(self) -> bool:
        """Whether its input has a code of the last price list; without one, what may be a code.

        So a service that is given by its code costs no call of the provider besides the purchase.
        """
        if self.op.subject is not None:
            return False
        service: str = self.asked.service_code
        listed = self.context.services.price_cache.last(self.context.upstream.account_id)
        return may_be_code(service) if listed is None else service in listed.by_code

    def capped(self, price: Decimal | None) -> "Order":
        """The same order with `price` as max_price, if the operation has that input."""
        if price is None or "max_price" not in type(self.asked).model_fields:
            return self
        return replace(self, asked=self.asked.model_copy(update={"max_price": price}))


def may_be_code(service: str) -> bool:
    """Whether this has the form that the provider's codes have: small letters, without a space."""
    return service == service.casefold() and not any(map(str.isspace, service))


def inputs_text(asked: BaseModel) -> str:
    """The input of a purchase as text, the same for equal inputs: 1 and "1.00" are one amount.

    Inputs at their defaults are left out, so that one added later changes no earlier request. Not
    so `_ALWAYS`: nodes of earlier versions hash them in any case, and so recognise the request.
    """
    amounts = {name: _canonical(value) for name, value in asked if isinstance(value, Decimal)}
    at_default = {name for name, usual in _defaults(type(asked)) if getattr(asked, name) == usual}
    same = asked.model_copy(update=amounts) if amounts else asked
    return same.model_dump_json(exclude=_NOT_COMPARED | at_default)


def _canonical(amount: Decimal) -> Decimal:
    """The amount in its only spelling without needless zeros or an exponent."""
    return Decimal(f"{amount.normalize():f}")


@lru_cache(64)
def _defaults(kind: type[BaseModel]) -> tuple[tuple[str, object], ...]:
    """The inputs that are compared where they are not at their defaults, with these."""
    return tuple(
        (name, field.get_default())
        for name, field in kind.model_fields.items()
        if name not in _ALWAYS and not field.is_required()
    )


Next = Callable[[Order], Awaitable[Answer[Any]]]
"""The remaining stages of a purchase."""


class Stage(Protocol):
    """A stage returns an answer itself or passes the order, perhaps changed, to the next one."""

    async def __call__(self, order: Order, proceed: Next) -> Answer[Any]:
        """Return the answer. Raises GatewayError."""
