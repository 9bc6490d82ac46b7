"""One request of the protocol, read: who asks, for what, with which parameters."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from functools import lru_cache

from aiohttp import web

from gateway.core.model.callers import Caller
from gateway.core.model.rentals import OneRental
from gateway.core.model.values import MAX_ID
from gateway.core.operations.call import Call
from gateway.http.dropins.sms_activate.replies import USA, Body
from gateway.http.wire.forms import Parameters

_HIGHEST = Decimal(10_000)
_SMALLEST = Decimal("0.0001")
_USA_NAMES = ("", USA, "12", "any", "us", "usa")


@dataclass(slots=True)  # frozen takes thrice as long to make
class Asked:
    """One request. `call` reads and changes; purchases make their own."""

    request: web.Request
    parameters: Parameters
    caller: Caller
    call: Call

    def get(self, name: str) -> str | None:
        """A parameter that has a value."""
        return self.parameters.get(name)


Action = Callable[[Asked], Awaitable[Body]]


def rental_id(raw: str | None) -> int | None:
    """The id of an activation; None where it is not a number. One too large is nobody's."""
    if raw is None or not (raw.isascii() and raw.isdigit()):
        return None
    return min(int(raw[:20]), MAX_ID)


def one_rental(raw: str | None) -> OneRental | None:
    """The input that names an activation; None where it is not a number, or nobody's."""
    wanted = rental_id(raw)
    return _one_rental(wanted) if wanted else None


@lru_cache(4096)
def _one_rental(wanted: int) -> OneRental:
    """Tools that poll ask for the same ones every second; to validate is a tenth of the answer."""
    return OneRental(rental_id=wanted)


def country_key(raw: str | None, *, any_country: bool) -> str | None:
    """The key to answer under, as it was asked; None where nothing is to be had.

    `any_country`: another country than the USA gets US numbers.
    """
    asked = raw or ""
    if asked.lower() in _USA_NAMES:
        return asked or USA
    served = any_country and asked.isascii() and asked.isdigit() and len(asked) < 6
    return asked if served else None


@dataclass(frozen=True, slots=True)
class HighestPrice:
    """What a number may cost; `amount` None: as much as it costs. Wrong: nobody can tell."""

    amount: Decimal | None = None
    wrong: bool = False


def highest_price(asked: Asked) -> HighestPrice:
    """The lower one of maxPrice and max_price, which some clients send instead."""
    given = [raw for name in ("maxPrice", "max_price") if (raw := asked.get(name)) is not None]
    amounts = [_amount(raw) for raw in given]
    if None in amounts:
        return HighestPrice(wrong=True)
    return HighestPrice(min((a for a in amounts if a is not None), default=None))


def _amount(raw: str) -> Decimal | None:
    """An amount the one door takes: of four decimals, rounded down, and no more than it allows."""
    try:
        amount = Decimal(raw) if len(raw) <= 40 else None
    except InvalidOperation:
        return None
    if amount is None or not amount.is_finite() or amount <= 0:
        return None
    rounded = min(amount, _HIGHEST).quantize(_SMALLEST, ROUND_DOWN)
    return rounded or None
