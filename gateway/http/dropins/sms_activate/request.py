"""One request of the protocol, and the readers of its parameters."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from functools import lru_cache

from aiohttp import web

from gateway.core.model.callers import Caller
from gateway.core.model.rentals import OneRental
from gateway.core.model.values import MAX_ID
from gateway.core.operations.call import Call
from gateway.http.dropins.sms_activate.dialects.dialect import Dialect
from gateway.http.dropins.sms_activate.replies import USA, Body
from gateway.http.wire.forms import Parameters

_HIGHEST = Decimal(10_000)
_SMALLEST = Decimal("0.0001")
_USA_NAMES = ("", USA, "12", "any", "us", "usa")


@dataclass(slots=True)  # a frozen one takes three times as long to create
class ActionRequest:
    """One request of an action. `call` serves reads and changes; purchases make their own.

    `headers`: what the action adds to those of the response. `again`: how it gives the answer to
    the same request from memory, or None; set by an action that can.
    """

    http: web.Request
    parameters: Parameters
    dialect: Dialect
    caller: Caller
    call: Call
    headers: dict[str, str] = field(default_factory=dict)
    again: Callable[[], Body | None] | None = None

    def get(self, name: str) -> str | None:
        """A parameter's value; None for an absent or empty one."""
        return self.parameters.get(name)


Action = Callable[[ActionRequest], Awaitable[Body]]


def read_rental_id(raw: str | None) -> int | None:
    """An activation's id; None where it is not a number. MAX_ID for one too large to exist."""
    if raw is None or not (raw.isascii() and raw.isdigit()):
        return None
    return min(int(raw[:20]), MAX_ID)


def one_rental(raw: str | None) -> OneRental | None:
    """The input that names an activation; None where it is not a positive number."""
    rental_id = read_rental_id(raw)
    return _one_rental(rental_id) if rental_id else None


@lru_cache(4096)
def _one_rental(rental_id: int) -> OneRental:
    """Cached: pollers send the same ids every second, and validating takes a tenth of an answer."""
    return OneRental(rental_id=rental_id)


def country_key(raw: str | None, *, any_country: bool) -> str | None:
    """The country key to answer under, spelt as in the request; None where nothing is for sale.

    `any_country`: another country than the USA gets US numbers.
    """
    country = raw or ""
    if country.lower() in _USA_NAMES:
        return country or USA
    served = any_country and country.isascii() and country.isdigit() and len(country) < 6
    return country if served else None


@dataclass(frozen=True, slots=True)
class HighestPrice:
    """The price limit of a purchase; `amount` None: no limit. `wrong`: it could not be read."""

    amount: Decimal | None = None
    wrong: bool = False


def highest_price(request: ActionRequest) -> HighestPrice:
    """The lower one of maxPrice and max_price, which some clients send instead."""
    given = [raw for name in ("maxPrice", "max_price") if (raw := request.get(name)) is not None]
    amounts = [_amount(raw) for raw in given]
    if None in amounts:
        return HighestPrice(wrong=True)
    return HighestPrice(min((a for a in amounts if a is not None), default=None))


def _amount(raw: str) -> Decimal | None:
    """An amount as rent_number accepts it: capped, and rounded down to four decimals."""
    try:
        amount = Decimal(raw) if len(raw) <= 40 else None
    except InvalidOperation:
        return None
    if amount is None or not amount.is_finite() or amount <= 0:
        return None
    rounded = min(amount, _HIGHEST).quantize(_SMALLEST, ROUND_DOWN)
    return rounded or None
