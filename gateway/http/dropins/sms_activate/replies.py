"""The protocol's replies about one activation: a rental in, a text or a JSON object out."""

import re
from datetime import datetime, tzinfo
from decimal import ROUND_FLOOR, Decimal

from gateway.core.model.account import Balance
from gateway.core.model.rentals import Rental, RentalStatus
from gateway.http.dropins.common import naive_text

Json = dict[str, object]
Body = str | Json

USA = "187"
DOLLARS = 840  # ISO 4217
ANY_OPERATOR = "any"
WAITING = "STATUS_WAIT_CODE"
CANCELLED = "STATUS_CANCEL"
RECEIVED = "STATUS_OK:"

_BARE = re.compile(r"[A-Za-z0-9-]+")
_RUN_OF_DIGITS = re.compile(r"(?<!\d)\d(?:[ -]?\d){3,9}(?!\d)")
_ALIVE = (RentalStatus.ACTIVE, RentalStatus.CODE_RECEIVED, RentalStatus.UNKNOWN)


def balance(held: Balance) -> str:
    """The balance with two decimals, rounded down."""
    return f"ACCESS_BALANCE:{held.balance.quantize(Decimal('0.01'), ROUND_FLOOR):f}"


def number(rental: Rental) -> str:
    """A number just bought."""
    return f"ACCESS_NUMBER:{rental.id}:{phone(rental)}"


def number_v2(rental: Rental, *, country: str, again: bool, zone: tzinfo) -> Json:
    """A number just bought, with price, country and time."""
    return {
        "activationId": rental.id,
        "phoneNumber": phone(rental),
        "activationCost": _cost(rental.price),
        "currency": DOLLARS,
        "countryCode": country,
        "canGetAnotherSms": _flag(again),
        "activationTime": _time(rental.created_at, zone),
        "activationOperator": ANY_OPERATOR,
    }


def status(rental: Rental, retried: str | None) -> str:
    """An activation's state; `retried` is the code after which another was requested."""
    code = bare_code(rental.code)
    if code is None:
        return WAITING if rental.status in _ALIVE else CANCELLED
    if waits_again(rental, retried):
        return f"STATUS_WAIT_RETRY:{code}"
    return f"{RECEIVED}{code}"


def status_v2(rental: Rental | None, retried: str | None, seen_at: str) -> Body:
    """An activation's state, with its code as an SMS; None for one that could not be read."""
    code = bare_code(rental.code) if rental else None
    if rental and code is None and rental.status not in _ALIVE:
        return CANCELLED
    waiting = rental is None or code is None or waits_again(rental, retried)
    sms = None if waiting else {"dateTime": seen_at, "code": code, "text": code}
    return {"verificationType": 0, "sms": sms, "call": None}


def full_sms(rental: Rental) -> str:
    """The code alone, because the provider does not pass on the text of the SMS."""
    code = bare_code(rental.code)
    return status(rental, None) if code is None else f"FULL_SMS:{code}"


def all_sms(rental: Rental | None, zone: tzinfo) -> Json:
    """Every code of an activation, newest first; None for one that could not be read."""
    codes = (rental.codes if rental else None) or ()
    rows = (
        {"code": code, "text": code, "date": _time(each.received_at, zone)}
        for each in codes
        if (code := bare_code(each.code))
    )
    return {"status": "success", "data": list(rows)}


def active_activation(
    rental: Rental, *, code: str, again: bool, retried: str | None, zone: tzinfo
) -> Json:
    """One row of the active activations, or of all; `code` is the service's."""
    sms = bare_code(rental.code)
    return {
        "activationId": str(rental.id),
        "serviceCode": code,
        "phoneNumber": phone(rental),
        "activationCost": _cost(rental.price),
        "activationStatus": activation_status(rental, retried),
        "smsCode": sms,
        "smsText": sms,
        "activationTime": _time(rental.created_at, zone),
        "discount": "0.00",
        "repeated": "0",
        "countryCode": USA,
        "countryName": "USA",
        "canGetAnotherSms": _flag(again),
        "currency": DOLLARS,
    }


def activation_status(rental: Rental, retried: str | None) -> str:
    """The status number: 4 waiting, 2 received, 3 waiting for another, 6 done, 8 cancelled."""
    if rental.status is RentalStatus.COMPLETED:
        return "6"
    if rental.code is not None:
        return "3" if waits_again(rental, retried) else "2"
    return "4" if rental.status in _ALIVE else "8"


def waits_again(rental: Rental, retried: str | None) -> bool:
    """Whether another code was requested, has not come yet and still can."""
    return retried is not None and retried == rental.code and rental.status in _ALIVE


def phone(rental: Rental) -> str:
    """The number as digits with the country code, without the plus."""
    return (rental.number or "").removeprefix("+")


def bare_code(code: str | None) -> str | None:
    """The code alone: clients cut the answer at colons and look for words in it."""
    if code is None or _BARE.fullmatch(code):
        return code
    if found := _RUN_OF_DIGITS.search(code):
        return re.sub(r"\D", "", found[0])
    return "".join(_BARE.findall(code)) or None


def _cost(price: Decimal | None) -> float:
    return float(price or 0)


def _flag(value: bool) -> str:
    return "1" if value else "0"


def _time(moment: datetime | None, zone: tzinfo) -> str:
    return "" if moment is None else naive_text(moment, zone)
