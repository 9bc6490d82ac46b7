"""The endpoints of long rentals and their messages."""

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

from adapters.getatext import refusals, scalars
from adapters.getatext.endpoint import AnyEndpoint, Endpoint, Fields, Terms, json_text
from adapters.getatext.rentals import flat, same_id
from adapters.getatext.rows import Rows, read_rows, readable
from gateway.core.model.long_rentals import (
    CreateLongRental,
    LongRental,
    LongRentalStatus,
    Message,
    OneLongRental,
    Period,
    RenewLongRental,
    SetAutoRenew,
)
from gateway.core.model.provider_errors import UpstreamBadResponse
from gateway.core.operations import long_rentals

_STATUSES = {
    "active": LongRentalStatus.ACTIVE,  # page
    "cancelled": LongRentalStatus.CANCELLED,  # page
    "canceled": LongRentalStatus.CANCELLED,  # guess
    "expired": LongRentalStatus.EXPIRED,  # page
}
_PERIODS = {
    "1 week": Period.ONE_WEEK,  # page
    "2 weeks": Period.TWO_WEEKS,  # guess, as the next two
    "1 month": Period.ONE_MONTH,
    "1 year": Period.ONE_YEAR,
} | {period.value: period for period in Period}


def read_long_rentals(fields: Fields) -> Rows[LongRental]:
    """All long rentals of the account; those without a readable id are skipped."""
    return read_rows(fields.get("long_rentals"), _listed)


def read_new_long_rental(fields: Fields, asked: CreateLongRental) -> LongRental:
    """A new long rental. Fields that are unreadable are taken from the input.

    Raises UpstreamBadResponse without a readable id.
    """
    inner = flat(fields, "long_rental")
    rental_id = scalars.ident(inner.get("id"))
    if rental_id is None:
        raise UpstreamBadResponse("The provider's answer to a purchase has no readable id.")
    rental = _long_rental(inner, rental_id, LongRentalStatus.ACTIVE)
    return rental.model_copy(
        update={
            "period": rental.period or asked.period,
            "auto_renew": asked.auto_renew if rental.auto_renew is None else rental.auto_renew,
        }
    )


def read_changed(fields: Fields, long_rental_id: int, plain: LongRentalStatus) -> LongRental:
    """A long rental after an update. Its response is undocumented, often a mere success.

    `plain` is the status that a success means. Raises UpstreamBadResponse where every field is
    missing, or the id is another one.
    """
    inner = flat(fields, "long_rental")
    if all(scalars.absent(inner.get(name)) for name in ("id", "status", "number", "message")):
        raise UpstreamBadResponse("The provider's answer tells nothing of the long rental.")
    return _long_rental(inner, same_id(inner.get("id"), long_rental_id), plain)


def read_messages(fields: Fields, zone: tzinfo) -> Rows[Message]:
    """The messages of a long rental; those without a text are skipped."""
    return read_rows(fields.get("messages"), lambda row: _message(row, zone))


def _message(row: Mapping[str, Any], zone: tzinfo) -> Message | None:
    sms = scalars.sms(row.get("message"))
    if sms is None:
        return None
    return Message(
        text=sms,
        # A number or a name; an integer becomes text (guess).
        sender=scalars.code(row.get("sender"), scalars.MAX_SENDER),
        number=scalars.number(row.get("number")),
        # Despite its name the time of the message (page, by its sample).
        received_at=scalars.instant(row.get("rented_at"), zone),
    )


def _listed(row: Mapping[str, Any]) -> LongRental | None:
    rental_id = scalars.ident(row.get("id"))
    if rental_id is None:
        return None
    return _long_rental(row, rental_id, LongRentalStatus.UNKNOWN)


def _long_rental(inner: Fields, rental_id: int, plain: LongRentalStatus) -> LongRental:
    period = scalars.text(inner.get("period")) or ""
    return LongRental(
        id=rental_id,
        status=_status(inner.get("status"), plain),
        number=scalars.number(inner.get("number")),
        price=scalars.first_money(inner, "price", "cost"),
        period=_PERIODS.get(period.lower()),
        auto_renew=scalars.flag(inner.get("auto_renew")),
        rented_on=scalars.day(inner.get("rented_at")),
        ends_on=scalars.day(inner.get("end_time")),
    )


def _status(raw: object, plain: LongRentalStatus) -> LongRentalStatus:
    """The status. In a flat response "success" is about the request, not the rental."""
    word = (scalars.text(raw) or "") if raw is None or isinstance(raw, str) else "?"
    if word.lower() in ("", "success"):
        return plain
    return _STATUSES.get(word.lower(), LongRentalStatus.UNKNOWN)


def _renewed(fields: Fields, asked: RenewLongRental, terms: Terms) -> LongRental:
    return read_changed(fields, asked.long_rental_id, LongRentalStatus.ACTIVE)


def _cancelled(fields: Fields, asked: OneLongRental, terms: Terms) -> LongRental:
    return read_changed(fields, asked.long_rental_id, LongRentalStatus.CANCELLED)


def _switched(fields: Fields, asked: SetAutoRenew, terms: Terms) -> LongRental:
    """A success without `auto_renew` means that it was set as requested."""
    rental = read_changed(fields, asked.long_rental_id, LongRentalStatus.UNKNOWN)
    if rental.auto_renew is not None:
        return rental
    return rental.model_copy(update={"auto_renew": asked.auto_renew})


_PATH = "/api/v1/long-rentals"
_UPDATE = f"{_PATH}/{{id}}/update"

LIST = Endpoint(
    long_rentals.LONG_RENTALS,
    "long-rentals",
    _PATH,
    refusals.ACCOUNT,
    lambda fields, asked, terms: readable("long-rentals", read_long_rentals(fields)),
    method="GET",
    rows="long_rentals",
)
CREATE = Endpoint(
    long_rentals.CREATE,
    "long-rentals-create",
    _PATH,
    refusals.LONG_RENT,
    lambda fields, asked, terms: read_new_long_rental(fields, asked),
    body=lambda asked: json_text(
        {"auto_renew": asked.auto_renew, "rental_time": asked.period.value}
    ).encode(),
)
RENEW = Endpoint(
    long_rentals.RENEW,
    "long-rentals-renew",
    _UPDATE,
    refusals.LONG_RENEWAL,
    _renewed,
    body=lambda asked: json_text({"action": "renew"}).encode(),
    about=lambda asked: asked.long_rental_id,
)
CANCEL = Endpoint(
    long_rentals.CANCEL,
    "long-rentals-cancel",
    _UPDATE,
    refusals.LONG_RENTAL,
    _cancelled,
    body=lambda asked: json_text({"action": "cancel"}).encode(),
    about=lambda asked: asked.long_rental_id,
)
AUTO_RENEW = Endpoint(
    long_rentals.AUTO_RENEW,
    "long-rentals-auto-renew",
    _UPDATE,
    refusals.LONG_RENTAL,
    _switched,
    body=lambda asked: json_text({"action": "auto_renew", "auto_renew": asked.auto_renew}).encode(),
    about=lambda asked: asked.long_rental_id,
)
MESSAGES = Endpoint(
    long_rentals.MESSAGES,
    "long-rentals-messages",
    f"{_PATH}/{{id}}/messages",
    refusals.LONG_RENTAL,
    lambda fields, asked, terms: readable(
        "long-rentals-messages", read_messages(fields, terms.zone)
    ),
    method="GET",
    about=lambda asked: asked.long_rental_id,
    rows="messages",
)

ENDPOINTS: tuple[AnyEndpoint, ...] = (LIST, CREATE, RENEW, CANCEL, AUTO_RENEW, MESSAGES)
