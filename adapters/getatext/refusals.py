"""Maps the provider's error messages to errors, by case-insensitive patterns.

The same message differs by call: "not found" is the service in a rent and the rental in a status.
Some patterns are sure. The loose ones ("available", "balance") are not always applied: "Service
Unavailable" with HTTP 503 is no refusal of a purchase.
"""

import re
from dataclasses import dataclass

from gateway.core.model.errors import (
    GatewayError,
    LongRentalNotFound,
    RentalNotFound,
    ServiceNotFound,
)
from gateway.core.model.provider_errors import (
    CancelTooEarly,
    CodeAlreadyReceived,
    InsufficientFunds,
    OutOfStock,
    PriceTooHigh,
    RentalEnded,
    ToldLock,
    TooManyActiveRentals,
    UpstreamAuthFailed,
    UpstreamMaintenance,
)

Meaning = tuple[re.Pattern[str], type[GatewayError]]


@dataclass(frozen=True, slots=True)
class Subject:
    """The patterns for one kind of call; the first match counts.

    `missing` is the error for a 404 without a message (live: seen for rentals); None: unknown.
    """

    sure: tuple[Meaning, ...] = ()
    loose: tuple[Meaning, ...] = ()
    missing: type[GatewayError] | None = None


def meaning(message: str, subject: Subject, *, loosely: bool) -> type[GatewayError] | None:
    """The error of a message, or None for an unknown one. `loosely`: apply loose patterns."""
    meanings = (*_ALWAYS, *subject.sure, *(subject.loose if loosely else ()))
    return next((error for pattern, error in meanings if pattern.search(message)), None)


def _means(pattern: str, error: type[GatewayError]) -> Meaning:
    return re.compile(pattern, re.IGNORECASE), error


_ALWAYS = (
    _means("auth is not presented|wrong api.?key|user is restricted", UpstreamAuthFailed),  # page
    _means("maintenance", UpstreamMaintenance),  # page
)

_TOO_MANY = _means("maximum number of active rentals", TooManyActiveRentals)  # client
_MANY = _means("active rentals|maximum.* rentals", TooManyActiveRentals)  # guess
_OUT_OF_STOCK = _means("out of stock", OutOfStock)  # client
_NO_NUMBERS = _means(r"\bno numbers?\b", OutOfStock)  # guess
_INSUFFICIENT = _means("insufficient (fund|balance)", InsufficientFunds)  # client
_FUNDS = _means(r"insufficient|balance|(?<!re)fund", InsufficientFunds)  # client
_HIGHEST_PRICE = _means("max(imum)?[ _]price", PriceTooHigh)  # client
_PRICE = _means("price", PriceTooHigh)  # client
_AVAILABLE = _means("available", OutOfStock)  # client

_ABSENT = "not found|does not exist"  # page
_HIDDEN = f"permission|{_ABSENT}"  # live: another account's, even with HTTP 200
_NO_SERVICE = _means(_ABSENT, ServiceNotFound)
_NO_RENTAL = _means(_HIDDEN, RentalNotFound)
_NO_LONG_RENTAL = _means(_HIDDEN, LongRentalNotFound)
_HAS_CODE = _means(  # guess
    "already (has|have|received)|(?<!no )code (was |has |is |been |already )*received",
    CodeAlreadyReceived,
)
_TOO_EARLY = _means(r"\bwait|\bminutes?\b|\bearly\b|\blocked", CancelTooEarly)  # client
_ENDED = _means(  # guess
    r"not active|no longer active|already (been )?(cancell?ed|completed|expired|ended|closed)"
    r"|(has|is|was) (been )?(cancell?ed|completed|expired|ended|closed)\b",
    RentalEnded,
)

_AMOUNT = re.compile(  # client
    r"\b(\d{1,4})[ -]*(?:more *)?(m|s)(?:in(?:ute)?s?|ec(?:ond)?s?)?\b", re.IGNORECASE
)
_FROM_NOW = re.compile(
    r"\bmore\b|\banother\b|\bleft\b|\bremain|\bagain in\b", re.IGNORECASE
)  # guess


def told_lock(message: str) -> ToldLock | None:
    """For how long the provider says that a rental cannot be cancelled yet."""
    amounts = {unit.lower(): int(number) for number, unit in reversed(_AMOUNT.findall(message))}
    seconds = 60 * amounts.get("m", 0) + amounts.get("s", 0)
    return ToldLock(seconds, bool(_FROM_NOW.search(message))) if seconds else None


_BUYING = (_TOO_MANY, _OUT_OF_STOCK, _INSUFFICIENT)
_BUYING_LOOSELY = (_MANY, _HIGHEST_PRICE, _FUNDS, _NO_NUMBERS)

ACCOUNT = Subject()
RENT = Subject(
    sure=(*_BUYING, _means("service not found", ServiceNotFound)),
    loose=(*_BUYING_LOOSELY, _NO_SERVICE, _PRICE, _AVAILABLE),
)
SPECIFIC_RENT = Subject(
    sure=RENT.sure,
    loose=(_means(f"number.*({_ABSENT})", OutOfStock), *RENT.loose),  # guess
)
RENT_AGAIN = Subject(
    sure=(*_BUYING, _means("rental not found", RentalNotFound)),
    loose=(*_BUYING_LOOSELY, _NO_RENTAL, _PRICE, _AVAILABLE),
    missing=RentalNotFound,
)
RENTAL = Subject(loose=(_NO_RENTAL,), missing=RentalNotFound)
CANCEL = Subject(
    sure=(_HAS_CODE,),
    loose=(_NO_RENTAL, _ENDED, _TOO_EARLY),
    missing=RentalNotFound,
)
COMPLETE = Subject(loose=(_NO_RENTAL, _ENDED), missing=RentalNotFound)

LONG_RENT = Subject(sure=_BUYING, loose=(_MANY, _FUNDS, _NO_NUMBERS, _AVAILABLE))
LONG_RENTAL = Subject(loose=(_NO_LONG_RENTAL, _ENDED), missing=LongRentalNotFound)
LONG_RENEWAL = Subject(
    sure=(_INSUFFICIENT,),
    loose=(_FUNDS, _NO_LONG_RENTAL, _ENDED),
    missing=LongRentalNotFound,
)
