"""Response bodies in the provider's own shapes, as its existing clients read them.

Unlike the provider's, their types are uniform: no error is null, amounts are text with at least
two decimals, flags and counts have one type each.
"""

from datetime import date, datetime, tzinfo
from decimal import Decimal

from pydantic_core import to_json

from gateway.core.model.account import Balance
from gateway.core.model.long_rentals import (
    LongRental,
    LongRentals,
    LongRentalStatus,
    Messages,
    Period,
)
from gateway.core.model.prices import Price
from gateway.core.model.rentals import Rental, RentalStatus
from gateway.core.model.values import money_text
from gateway.http.dropins.common import naive_text, ten_digits

Json = dict[str, object]

RENT_KEYS = (
    "id", "status", "message", "errors", "end_time", "number", "service_name", "price",
    "new_balance",
)  # fmt: skip
STATUS_KEYS = (
    "id", "status", "code", "errors", "end_time", "number", "service_name", "cost", "balance",
)  # fmt: skip
DONE_KEYS = ("status", "message", "errors", "rental")
PRICES_KEYS = ("status", "errors", "prices")
BALANCE_KEYS = ("status", "balance", "errors")
LONG_LIST_KEYS = ("status", "long_rentals", "errors")
LONG_KEYS = ("status", "long_rental", "errors")
TEXTS_KEYS = ("status", "messages", "errors")

# The provider has no status for a received code: the field `code` shows it.
_STATUSES = {RentalStatus.CODE_RECEIVED: "active"}
_PERIODS = {
    Period.ONE_WEEK: "1 Week",
    Period.TWO_WEEKS: "2 Weeks",
    Period.ONE_MONTH: "1 Month",
    Period.ONE_YEAR: "1 Year",
}


def rented(rental: Rental, zone: tzinfo) -> Json:
    """The body of a rent or re-rent."""
    return {
        "id": rental.id,
        "status": "success",
        "message": "Number rented successfully.",
        "errors": None,
        "end_time": _time(rental.ends_at, zone),
        "number": ten_digits(rental.number),
        "service_name": rental.service_name,
        "price": _money(rental.price),
        "new_balance": _money(rental.balance),
    }


def status(rental: Rental, zone: tzinfo) -> Json:
    """The body of a status or a cancel."""
    return {
        "id": rental.id,
        "status": _STATUSES.get(rental.status, rental.status.value),
        "code": rental.code,
        "errors": None,
        "end_time": _time(rental.ends_at, zone),
        "number": ten_digits(rental.number),
        "service_name": rental.service_name,
        "cost": _money(rental.price),
        "balance": _money(rental.balance),
    }


def completed(rental: Rental, zone: tzinfo) -> Json:
    """The body of a completion: nested, unlike the others."""
    return {
        "status": "success",
        "message": "Rental marked as completed successfully.",
        "errors": None,
        "rental": {
            "id": rental.id,
            "end_time": _time(rental.ends_at, zone),
            "number": ten_digits(rental.number),
            "service_name": rental.service_name,
            "price": _money(rental.price),
            "new_balance": _money(rental.balance),
        },
    }


def balance(held: Balance, zone: tzinfo) -> Json:
    """The body with the balance."""
    return {"status": "success", "balance": money_text(held.balance), "errors": None}


def prices(listed: list[Price]) -> bytes:
    """The body of the price list, as bytes: serialised once per list and sent many times."""
    rows = [_price(price) for price in listed]
    return to_json({"status": "success", "errors": None, "prices": rows})


def long_rentals(listed: LongRentals, zone: tzinfo) -> Json:
    """The body with all long rentals."""
    rows = [_long(rental) for rental in listed.data]
    return {"status": "success", "long_rentals": rows, "errors": None}


def long_rental(rental: LongRental, zone: tzinfo) -> Json:
    """The body of a new or changed long rental."""
    return {"status": "success", "long_rental": _long(rental), "errors": None}


def messages(listed: Messages, zone: tzinfo) -> Json:
    """The body with a long rental's messages; their `rented_at` is the time of receipt."""
    rows = [
        {
            "message": message.text,
            "number": ten_digits(message.number),
            "rented_at": _instant(message.received_at, zone),
            "sender": message.sender,
        }
        for message in listed.data
    ]
    return {"status": "success", "messages": rows, "errors": None}


def _price(price: Price) -> Json:
    """A flat row without the unknown fields, which the provider leaves out, too."""
    row: Json = {
        "service_name": price.service_name,
        "api_name": price.service_code,
        "multiple_sms": "true" if price.multiple_sms else "false",
        "price": float(price.price),
        "ttl": price.ttl_minutes,
        "stock": price.stock,
    }
    return {name: value for name, value in row.items() if value is not None}


def _long(rental: LongRental) -> Json:
    return {
        "id": rental.id,
        "number": ten_digits(rental.number),
        "end_time": _day(rental.ends_on),
        "rented_at": _day(rental.rented_on),
        "price": _money(rental.price),
        "status": _long_status(rental.status),
        "period": None if rental.period is None else _PERIODS[rental.period],
        "auto_renew": rental.auto_renew,
    }


def _long_status(found: LongRentalStatus) -> str:
    return found.value.capitalize()


def _money(amount: Decimal | None) -> str | None:
    return None if amount is None else money_text(amount)


def _time(moment: datetime | None, zone: tzinfo) -> str | None:
    return None if moment is None else naive_text(moment, zone)


def _instant(moment: datetime | None, zone: tzinfo) -> str | None:
    return None if moment is None else moment.astimezone(zone).isoformat(timespec="seconds")


def _day(found: date | None) -> str | None:
    return None if found is None else found.isoformat()
