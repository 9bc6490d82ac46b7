"""Converts between the core's values and what the columns hold."""

import json
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from adapters.store.sql.statement import Row, Value
from gateway.core.model.callers import TEST_ACCOUNT_ID, GatewayKey, Limits
from gateway.core.model.events import Event, EventDetails, EventType
from gateway.core.model.long_rentals import LongRental, LongRentalStatus, Period
from gateway.core.model.purchases import AnyRental, RefundReason, Spend, SpendState, StoredAnswer
from gateway.core.model.rentals import (
    CancelReason,
    ReceivedCode,
    Rental,
    RentalStatus,
    reason_of_end,
)
from gateway.core.model.values import amount_of

TOTAL = "total"  # the period that never ends
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
DAY = timedelta(days=1) // _MICROSECOND
_SNAPSHOT = (
    "provider_id", "ledger_id", "status", "service_code", "service_name", "number", "code",
    "code_at", "price", "refunded", "created_at", "ends_at", "cancel_requested_at",
    "cancel_available_at", "cancel_reason", "replaces", "replaced_by", "reference",
)  # fmt: skip
_AMOUNTS = ("max_price", "budget_day", "budget_total", "confirm_above")
NO_FACTS: dict[str, Value] = dict.fromkeys(
    (
        *("service_code", "service_name", "code", "created_at", "ends_at"),
        *("period", "auto_renew", "rented_on", "ends_on", "refunded", "given_up"),
    )
)
"""The columns that only rentals or only long rentals have, as NULL."""
NO_COURSE: dict[str, Value] = dict.fromkeys(
    (
        *("replaced_by", "cancel_requested_at", "cancel_available_at"),
        *("cancel_reason", "cancel_due_at"),
    )
)
"""The columns that tell what is wanted of a rental after its purchase, as NULL."""
_NOT_TOLD = {**NO_COURSE, "refunded": None, "caller_id": None, "replaces": None, "reference": None}
"""What the events of earlier versions do not hold."""


def to_micros(amount: Decimal | None) -> int | None:
    """Millionths of a dollar; what is finer is rounded half up."""
    if amount is None:
        return None
    return int((amount * 1_000_000).to_integral_value(ROUND_HALF_UP))


def from_micros(micros: int | None) -> Decimal | None:
    """The amount with two decimals, or as many as it needs."""
    return None if micros is None else amount_of(micros)


def to_instant(moment: datetime) -> int:
    """Microseconds since 1970 in UTC."""
    return (moment - _EPOCH) // _MICROSECOND


def from_instant(micros: int) -> datetime:
    """The moment at so many microseconds since 1970, in UTC."""
    return _EPOCH + timedelta(microseconds=micros)


def day_of(micros: int) -> str:
    """The UTC day of an instant, as the periods of totals are written."""
    return from_instant(micros).date().isoformat()


def start_of_day(micros: int) -> int:
    """The first instant of the UTC day of an instant."""
    return micros - micros % DAY


def storable(text: str | None) -> str | None:
    """The provider's text as a column holds it: a purchase must not be lost over a stray byte.

    A NUL and half a surrogate pair are replaced.
    """
    if text is None or (text.isascii() and "\0" not in text):
        return text
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()


def facts(rental: AnyRental) -> dict[str, Value]:
    """What the provider said of a rental, by column; None where it was silent."""
    said = _rental_facts(rental) if isinstance(rental, Rental) else _long_rental_facts(rental)
    return {
        **NO_FACTS,
        "status": rental.status.value,
        "number": storable(rental.number),
        "price": to_micros(rental.price),
        **said,
    }


def _rental_facts(rental: Rental) -> dict[str, Value]:
    created, ends = rental.created_at, rental.ends_at
    return {
        "service_code": storable(rental.service_code),
        "service_name": storable(rental.service_name),
        "code": storable(rental.code),
        "created_at": None if created is None else to_instant(created),
        "ends_at": None if ends is None else to_instant(ends),
    }


def _long_rental_facts(rental: LongRental) -> dict[str, Value]:
    rented, ends = rental.rented_on, rental.ends_on
    return {
        "period": rental.period and rental.period.value,
        "auto_renew": None if rental.auto_renew is None else int(rental.auto_renew),
        "rented_on": None if rented is None else rented.isoformat(),
        "ends_on": None if ends is None else ends.isoformat(),
    }


def any_rental(row: Row) -> AnyRental:
    """The rental or long rental in a row, not validated again."""
    return _long_rental(row) if row["kind"] == "long_rental" else rental(row)


def rental(
    row: Row, codes: tuple[ReceivedCode, ...] | None = None, balance: Decimal | None = None
) -> Rental:
    """The rental in a row, not validated again; codes and balance are not in it."""
    status, cancel = RentalStatus(row["status"]), row["cancel_reason"]
    if row["cancel_requested_at"] is None:  # not wanted any more when it ended
        cancel = None
    return Rental.model_construct(
        id=row["provider_id"],
        ledger_id=row["ledger_id"],
        status=status,
        service_code=row["service_code"],
        service_name=row["service_name"],
        number=row["number"],
        code=row["code"],
        code_received_at=_moment(row["code_at"]),
        codes=codes,
        price=from_micros(row["price"]),
        refunded=refunded(row),
        balance=balance,
        created_at=_moment(row["created_at"]),
        ends_at=_moment(row["ends_at"]),
        ended_reason=reason_of_end(status, cancel and CancelReason(cancel)),
        cancel_requested_at=_moment(row["cancel_requested_at"]),
        cancel_available_at=_moment(row["cancel_available_at"]),
        replaces=row["replaces"],
        replaced_by=row["replaced_by"],
        reference=row["reference"],
        test=row["account_id"] == TEST_ACCOUNT_ID,
        notice=None,
    )


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else from_instant(micros)


def received_code(row: Row) -> ReceivedCode:
    """The code in a row, not validated again."""
    return ReceivedCode.model_construct(
        code=row["code"],
        received_at=from_instant(row["received_at"]),
        provisional=bool(row["provisional"]),
    )


def refunded(row: Row) -> Decimal | None:
    """What came back of a rental's price; None where nothing did, or nobody told how much."""
    back: int | None = row["refunded"]
    if back is None and row["status"] == "cancelled" and row["caller_id"] is not None:
        back = row["price"]  # by a version that did not write it down
    return from_micros(back or None)


def _long_rental(row: Row) -> LongRental:
    period, renews, rented, ends = (
        row[name] for name in ("period", "auto_renew", "rented_on", "ends_on")
    )
    return LongRental.model_construct(
        id=row["provider_id"],
        status=LongRentalStatus(row["status"]),
        number=row["number"],
        price=from_micros(row["price"]),
        period=period and Period(period),
        auto_renew=None if renews is None else bool(renews),
        rented_on=rented and date.fromisoformat(rented),
        ends_on=ends and date.fromisoformat(ends),
        reference=row["reference"],
        test=row["account_id"] == TEST_ACCOUNT_ID,
    )


def to_snapshot(row: Row) -> str:
    """A rental's columns as JSON, as an event stores them."""
    return json.dumps({name: row[name] for name in _SNAPSHOT})


def snapshot_of(rental_id: int) -> str:
    """A pattern of LIKE for the snapshots of one rental."""
    return f'{{"provider_id": {rental_id},%'


def event(row: Row) -> Event:
    """The event in a row, not validated again."""
    then = json.loads(row["rental"])  # null in those that are about no rental
    details = row["details"]
    return Event.model_construct(
        id=row["id"],
        type=EventType(row["kind"]),
        timestamp=from_instant(row["at"]),
        data=then and rental({**_NOT_TOLD, **then, "account_id": row["account_id"]}),
        details=details and EventDetails.model_validate_json(details),
        test=row["account_id"] == TEST_ACCOUNT_ID,
    )


def spend(row: Row) -> Spend:
    """The purchase in a row."""
    status, refunded_at, reason = (
        row[name] for name in ("answer_status", "refunded_at", "refund_reason")
    )
    if row["refunded"] and reason is None:  # by a version that did not write it down
        refunded_at, reason = row["at"], RefundReason.CANCELLED
    return Spend(
        ledger_id=row["ledger_id"],
        operation=row["operation"],
        kind=row["kind"],
        account_id=row["account_id"],
        caller_id=row["caller_id"],
        request_id=row["request_id"],
        fingerprint=row["fingerprint"],
        subject_id=row["subject_id"],
        service_code=row["service_code"],
        state=SpendState(row["state"]),
        reserved=from_micros(row["reserved"]),
        charged=from_micros(row["charged"]),
        refunded=amount_of(row["refunded"]),
        at=from_instant(row["at"]),
        answer=None if status is None else StoredAnswer(status, bytes(row["answer_body"])),
        sees_account=bool(row["sees_account"]),
        refunded_at=None if refunded_at is None else from_instant(refunded_at),
        refund_reason=None if reason is None else RefundReason(reason),
        reference=row["reference"],
        wishes=row["wishes"],
    )


_UNLIMITED = Limits()


def to_limits(limits: Limits) -> str:
    """Limits as JSON, without those that are not set: versions before do not know them all."""
    given = {
        name: value for name, value in asdict(limits).items() if value != getattr(_UNLIMITED, name)
    }
    given |= {name: str(given[name]) for name in _AMOUNTS if name in given}
    if limits.services is not None:
        given["services"] = sorted(limits.services)
    if limits.expires_at is not None:
        given["expires_at"] = to_instant(limits.expires_at)
    return json.dumps(given)


def from_limits(text: str) -> Limits:
    """The limits in JSON."""
    given: dict[str, Any] = json.loads(text)
    given |= {name: Decimal(given[name]) for name in _AMOUNTS if name in given}
    if "services" in given:
        given["services"] = frozenset(given["services"])
    if "expires_at" in given:
        given["expires_at"] = from_instant(given["expires_at"])
    return Limits(**given)


def gateway_key(row: Row) -> GatewayKey:
    """The key in a row."""
    return GatewayKey(
        id=row["id"],
        name=row["name"],
        hashed=row["hashed"],
        limits=from_limits(row["limits"]),
        created_at=from_instant(row["created_at"]),
        revoked_at=_moment(row["revoked_at"]),
        previous_hashed=row["previous_hashed"],
        previous_until=_moment(row["previous_until"]),
        parent_id=row["parent_id"],
        test=bool(row["test"]),
    )
