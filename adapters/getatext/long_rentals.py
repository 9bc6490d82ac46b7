"""Readers of long rentals and their messages."""

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

from adapters.getatext import scalars
from adapters.getatext.rentals import flat, same_id
from adapters.getatext.reply import Fields
from adapters.getatext.rows import Rows, read_rows
from gateway.core.model.long_rentals import (
    CreateLongRental,
    LongRental,
    LongRentalStatus,
    Message,
    Period,
)
from gateway.core.model.provider_errors import UpstreamBadResponse

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
    """Every long rental of the account; one without a readable id is skipped."""
    return read_rows(fields.get("long_rentals"), _listed)


def read_new_long_rental(fields: Fields, asked: CreateLongRental) -> LongRental:
    """A long rental just bought. Its id must be readable; what else is lost was asked for."""
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
    """A long rental after an update, whose answer no page shows: often no more than a success.

    `plain` is the status that a success means.
    """
    inner = flat(fields, "long_rental")
    if all(scalars.absent(inner.get(name)) for name in ("id", "status", "number", "message")):
        raise UpstreamBadResponse("The provider's answer tells nothing of the long rental.")
    return _long_rental(inner, same_id(inner.get("id"), long_rental_id), plain)


def read_messages(fields: Fields, zone: tzinfo) -> Rows[Message]:
    """The messages of a long rental; one without a text is skipped."""
    return read_rows(fields.get("messages"), lambda row: _message(row, zone))


def _message(row: Mapping[str, Any], zone: tzinfo) -> Message | None:
    sms = scalars.sms(row.get("message"))
    if sms is None:
        return None
    return Message(
        text=sms,
        # A number or a name, as it came; an integer is text (guess).
        sender=scalars.code(row.get("sender")),
        number=scalars.number(row.get("number")),
        # Named like the day of renting, it is when the message came (page, by its sample).
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
    """Where it stands. Flattened, `status` says "success" of the request, not of the rental."""
    word = (scalars.text(raw) or "") if raw is None or isinstance(raw, str) else "?"
    if word.lower() in ("", "success"):
        return plain
    return _STATUSES.get(word.lower(), LongRentalStatus.UNKNOWN)
