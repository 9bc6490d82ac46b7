"""Long rentals: as they are sold, and as they stand on a day, by the ledger's row."""

from datetime import UTC, date, datetime, time

from adapters.sandbox import numbers
from adapters.sandbox.catalogue import LONG_PRICES, PERIODS
from gateway.core.model.long_rentals import (
    CreateLongRental,
    LongRental,
    LongRentalStatus,
    Message,
    Period,
)
from gateway.core.model.provider_errors import RentalEnded


def sold(identity: int, asked: CreateLongRental, today: date) -> LongRental:
    """A new long rental, from that day on."""
    return LongRental(
        id=identity,
        status=LongRentalStatus.ACTIVE,
        number=numbers.number(identity),
        price=LONG_PRICES[asked.period],
        period=asked.period,
        auto_renew=asked.auto_renew,
        rented_on=today,
        ends_on=today + PERIODS[asked.period],
        test=True,
    )


def stands(held: LongRental, today: date) -> LongRental:
    """A long rental of the ledger as it stands on that day."""
    ends = held.ends_on
    if held.status is not LongRentalStatus.ACTIVE or ends is None or today < ends:
        return held
    if not held.auto_renew:
        return held.model_copy(update={"status": LongRentalStatus.EXPIRED})
    period = PERIODS[held.period or Period.ONE_WEEK]
    return held.model_copy(update={"ends_on": ends + period * ((today - ends) // period + 1)})


def renewed(held: LongRental, today: date) -> LongRental:
    """It after a renewal. Raises RentalEnded."""
    stood = _living(held, today)
    ends = (stood.ends_on or today) + PERIODS[stood.period or Period.ONE_WEEK]
    return stood.model_copy(update={"ends_on": ends})


def cancelled(held: LongRental, today: date) -> LongRental:
    """It after a cancel. Raises RentalEnded."""
    return _living(held, today).model_copy(update={"status": LongRentalStatus.CANCELLED})


def switched(held: LongRental, today: date, *, auto_renew: bool) -> LongRental:
    """It with its automatic renewal on or off. Raises RentalEnded."""
    return _living(held, today).model_copy(update={"auto_renew": auto_renew})


def messages(held: LongRental) -> list[Message]:
    """The one message that each receives, as its first day begins."""
    if held.id is None or held.rented_on is None:
        return []
    return [
        Message(
            text=f"Your test code is {numbers.code(held.id, 0)}.",
            sender="TEST",
            number=held.number,
            received_at=datetime.combine(held.rented_on, time(), UTC),
        )
    ]


def _living(held: LongRental, today: date) -> LongRental:
    stood = stands(held, today)
    if stood.status is not LongRentalStatus.ACTIVE:
        raise RentalEnded
    return stood
