"""The endpoints of rentals: renting, status, cancellation, completion."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any

from adapters.getatext import refusals, scalars
from adapters.getatext.endpoint import AnyEndpoint, Endpoint, Fields, Terms, json_text
from gateway.core.model.provider_errors import UpstreamBadResponse
from gateway.core.model.rentals import (
    OneRental,
    RentAgain,
    Rental,
    RentalStatus,
    RentNumber,
    ended_reason,
)
from gateway.core.operations import ending, rentals
from gateway.core.upstream import calls

_STATUSES = {
    "active": RentalStatus.ACTIVE,  # page
    "completed": RentalStatus.COMPLETED,  # client
    "cancelled": RentalStatus.CANCELLED,  # page
    "canceled": RentalStatus.CANCELLED,  # client
    "expired": RentalStatus.EXPIRED,  # client
    "timeout": RentalStatus.EXPIRED,  # client
    "closed": RentalStatus.EXPIRED,  # client
}
_MEANINGFUL = ("id", "status", "code", "number", "message")
_ENDED = frozenset({RentalStatus.COMPLETED, RentalStatus.CANCELLED, RentalStatus.EXPIRED})


def read_new_rental(
    fields: Fields, *, service_code: str | None, now: datetime, zone: tzinfo
) -> Rental:
    """A new rental. Raises UpstreamBadResponse without a readable id; other fields may be missing.

    Here `status` is about the request ("success", page), so a new rental is active.
    """
    inner = flat(fields, "rental")
    rental_id = scalars.ident(inner.get("id"))
    if rental_id is None:
        raise UpstreamBadResponse("The provider's answer to a purchase has no readable id.")
    rental = _rental(inner, rental_id, RentalStatus.ACTIVE, zone)
    return rental.model_copy(update={"service_code": service_code, "created_at": now})


def read_rental(fields: Fields, rental_id: int, zone: tzinfo) -> Rental:
    """A rental from a status response; a code stays readable after the end."""
    return _rental(_rental_fields(fields), rental_id, RentalStatus.UNKNOWN, zone)


def read_cancelled(fields: Fields, rental_id: int, zone: tzinfo) -> Rental:
    """A rental after its cancellation. Its `cost` is most likely the refund (guess)."""
    return _rental(_rental_fields(fields), rental_id, RentalStatus.CANCELLED, zone)


def read_completed(fields: Fields, rental_id: int, zone: tzinfo) -> Rental:
    """A rental after its completion: the fields are nested in `rental` (page)."""
    return _rental(_rental_fields(fields), rental_id, RentalStatus.COMPLETED, zone)


def flat(fields: Fields, noun: str) -> Fields:
    """The fields of a noun, whether nested under its name or flat (page)."""
    inner = fields.get(noun)
    return {**fields, **inner} if isinstance(inner, Mapping) else fields


def status_of(raw: object, code: str | None, plain: RentalStatus) -> RentalStatus:
    """The status of a rental. The provider has none for a received code: a code implies it.

    `plain` is for a missing status, and for "success", which is about the request.
    """
    word = raw.strip().lower() if isinstance(raw, str) else "" if raw is None else "?"
    status = plain if word in ("", "null", "success") else _STATUSES.get(word, RentalStatus.UNKNOWN)
    return RentalStatus.CODE_RECEIVED if code is not None and status not in _ENDED else status


def same_id(answered: object, asked: int) -> int:
    """The requested id. Raises UpstreamBadResponse where the response has another one."""
    if scalars.ident(answered) not in (None, asked):
        raise UpstreamBadResponse("The provider's answer is about another id than was asked for.")
    return asked


def _rental_fields(fields: Fields) -> Fields:
    inner = flat(fields, "rental")
    if all(scalars.absent(inner.get(name)) for name in _MEANINGFUL):
        raise UpstreamBadResponse("The provider's answer tells nothing of the rental.")
    return inner


def _rental(inner: Fields, rental_id: int, plain: RentalStatus, zone: tzinfo) -> Rental:
    get: Any = inner.get
    code = scalars.code(get("code"))
    status = status_of(get("status"), code, plain)
    return Rental(
        id=same_id(get("id"), rental_id),
        status=status,
        service_name=scalars.text(get("service_name")),
        number=scalars.number(get("number")),
        code=code,
        price=scalars.first_money(inner, "price", "cost"),
        balance=scalars.first_money(inner, "new_balance", "balance", signed=True),
        ends_at=scalars.instant(get("end_time"), zone),
        ended_reason=ended_reason(status),
    )


def rent_body(asked: RentNumber) -> bytes:
    """The JSON body of a rent, with the given inputs only. The number has ten digits (page)."""
    body: dict[str, object] = {"service": asked.service_code}
    if asked.max_price is not None:
        body["max_price"] = float(asked.max_price)
    if asked.number is not None:
        return json_text({"number": asked.number[-10:], **body}).encode()
    if asked.carrier != "any":
        body["carrier"] = asked.carrier
    if asked.area_codes is not None:
        body["area_codes"] = asked.area_codes.replace(" ", "")
    for name in ("keep_carrier", "lock_area_code"):
        if getattr(asked, name):
            body[name] = True
    return json_text(body).encode()


def _rented(fields: Fields, asked: RentNumber, terms: Terms) -> Rental:
    return read_new_rental(
        fields, service_code=asked.service_code, now=terms.now(), zone=terms.zone
    )


def _rented_again(fields: Fields, asked: RentAgain, terms: Terms) -> Rental:
    """The response has no service."""
    return read_new_rental(fields, service_code=None, now=terms.now(), zone=terms.zone)


def _cancelled(fields: Fields, asked: OneRental, terms: Terms) -> Rental:
    return read_cancelled(fields, asked.rental_id, terms.zone)


def _completed(fields: Fields, asked: OneRental, terms: Terms) -> Rental:
    return read_completed(fields, asked.rental_id, terms.zone)


RENT = Endpoint(
    rentals.RENT,
    "rent-a-number",
    "/api/v1/rent-a-number",
    refusals.RENT,
    _rented,
    body=rent_body,
    premium=True,
)
RENT_SPECIFIC = Endpoint(
    rentals.RENT_SPECIFIC,
    "rent-specific-number",
    "/api/v1/rent-specific-number",
    refusals.SPECIFIC_RENT,
    _rented,
    body=rent_body,
)
RENT_AGAIN = Endpoint(
    rentals.RENT_AGAIN_CALL,
    "re-rent",
    "/api/v1/re-rent",
    refusals.RENT_AGAIN,
    _rented_again,
    body=lambda asked: b'{"rental_id":%d}' % asked.rental_id,
)
STATUS = Endpoint(
    calls.RENTAL_STATUS,
    "rental-status",
    "/api/v1/rental-status",
    refusals.RENTAL,
    lambda fields, rental_id, terms: read_rental(fields, rental_id, terms.zone),
    body=lambda rental_id: b'{"id":%d}' % rental_id,
    premium=True,
    unchanged=True,
)
CANCEL = Endpoint(
    calls.CANCEL,
    "cancel-rental",
    "/api/v1/cancel-rental",
    refusals.CANCEL,
    _cancelled,
    body=lambda asked: b'{"id":%d}' % asked.rental_id,
    premium=True,
)
COMPLETE = Endpoint(
    ending.COMPLETE,
    "completed",
    "/api/v1/rental-status/{id}/completed",
    refusals.COMPLETE,
    _completed,
    about=lambda asked: asked.rental_id,
)

ENDPOINTS: tuple[AnyEndpoint, ...] = (RENT, RENT_SPECIFIC, RENT_AGAIN, STATUS, CANCEL, COMPLETE)
