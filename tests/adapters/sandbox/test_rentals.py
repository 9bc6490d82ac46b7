"""A test rental by its row and the time alone: each moment of it, and what may be done then."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from adapters.sandbox import long_rentals, rentals
from adapters.sandbox.catalogue import CODES_AFTER, LOCKED_FOR, SERVICES
from adapters.sandbox.numbers import FIRST_ID, code, number
from gateway.core.model.long_rentals import CreateLongRental, LongRentalStatus, Period
from gateway.core.model.provider_errors import CancelTooEarly, CodeAlreadyReceived, RentalEnded
from gateway.core.model.rentals import Rental, RentalStatus, RentNumber
from gateway.core.prices.code_tables import daisysms, sms_activate

START = datetime(2026, 11, 30, 12, tzinfo=UTC)
ID = FIRST_ID + 17
FIRST, SECOND = code(ID, 0), code(ID, 1)
ACTIVE, RECEIVED = RentalStatus.ACTIVE, RentalStatus.CODE_RECEIVED
CANCELLED, EXPIRED = RentalStatus.CANCELLED, RentalStatus.EXPIRED


def held(service: str, **known: Any) -> Rental:
    """The ledger's row of a rental."""
    sold = rentals.sold(ID, RentNumber(service_code=service), Decimal("0.50"), START)
    return sold.model_copy(update={"ledger_id": "1", **known})


@pytest.mark.parametrize(
    ("service", "seconds", "status", "newest"),
    [
        ("whatsapp", 0, ACTIVE, None),
        ("whatsapp", 4.999, ACTIVE, None),
        ("whatsapp", 5, RECEIVED, FIRST),
        ("whatsapp", 299.999, RECEIVED, FIRST),
        ("whatsapp", 300, EXPIRED, FIRST),
        ("google", 19.999, RECEIVED, FIRST),
        ("google", 20, RECEIVED, SECOND),
        ("google", 86_400, EXPIRED, SECOND),
        ("test_silent", 119.999, ACTIVE, None),
        ("test_silent", 120, EXPIRED, None),
        ("test_lost_answer", 5, RECEIVED, FIRST),
    ],
)
def test_it_stands_by_its_age(
    service: str, seconds: float, status: RentalStatus, newest: str | None
) -> None:
    now = START + timedelta(seconds=seconds)
    told = [rentals.stands(held(service), now) for _ in range(2)]

    assert told[0] == told[1]
    assert (told[0].status, told[0].code, told[0].test) == (status, newest, True)


@pytest.mark.parametrize("status", [CANCELLED, EXPIRED, RentalStatus.COMPLETED])
def test_what_is_over_in_the_ledger_stays_as_it_is(status: RentalStatus) -> None:
    told = rentals.stands(held("google", status=status, code=None), START + timedelta(hours=1))

    assert (told.status, told.code) == (status, None)


def test_a_cancel_is_too_early_until_the_lock_ends_and_never_takes_a_code() -> None:
    silent, lock = held("test_silent"), LOCKED_FOR.total_seconds()
    with pytest.raises(CancelTooEarly) as early:
        rentals.cancelled(silent, START + timedelta(seconds=lock - 0.001))
    done = rentals.cancelled(silent, START + LOCKED_FOR)
    with pytest.raises(CodeAlreadyReceived):
        rentals.cancelled(held("whatsapp"), START + LOCKED_FOR)
    with pytest.raises(RentalEnded):
        rentals.cancelled(silent, START + timedelta(minutes=2))

    assert early.value.lock == (lock, False)
    assert done.status is CANCELLED
    assert CODES_AFTER[0] < LOCKED_FOR


def test_what_was_cancelled_is_so_again_and_cannot_be_completed() -> None:
    row = held("test_silent", status=CANCELLED)
    with pytest.raises(RentalEnded):
        rentals.completed(row, START)

    assert rentals.cancelled(row, START).status is CANCELLED


def test_ids_make_numbers_for_fiction_and_codes_that_differ_in_turn() -> None:
    ids = range(FIRST_ID, FIRST_ID + 2000)

    assert len({number(each) for each in ids}) == 2000
    assert all(number(each)[5:10] == "55501" for each in ids)
    assert number(FIRST_ID, " 646, 212") == "+164655501" + "00"
    assert all(code(each, 0) != code(each, 1) and len(code(each, 0)) == 6 for each in ids)
    assert len({code(each, 0) for each in ids}) > 1990
    assert any(code(each, 0).startswith("0") for each in ids)
    assert FIRST_ID + 10**12 < 2**53


def test_old_tools_know_its_services_by_short_codes() -> None:
    tables = str(vars(sms_activate)) + str(vars(daisysms))

    assert all(name in tables for name in SERVICES if not name.startswith("test_"))


def test_a_long_rental_ends_or_renews_itself_by_the_date() -> None:
    asked = CreateLongRental(period=Period.ONE_WEEK)
    sold = long_rentals.sold(ID, asked, date(2026, 11, 30))
    renewing = sold.model_copy(update={"auto_renew": True})

    def ends(day: int, row: Any) -> Any:
        return long_rentals.stands(row, date(2026, 12, day)).ends_on

    assert sold.ends_on == date(2026, 12, 7)
    assert long_rentals.stands(sold, date(2026, 12, 6)).status is LongRentalStatus.ACTIVE
    assert long_rentals.stands(sold, date(2026, 12, 7)).status is LongRentalStatus.EXPIRED
    assert [ends(day, renewing) for day in (6, 7, 13, 14)] == [
        date(2026, 12, 7),
        date(2026, 12, 14),
        date(2026, 12, 14),
        date(2026, 12, 21),
    ]
    with pytest.raises(RentalEnded):
        long_rentals.renewed(sold, date(2026, 12, 7))
