from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from adapters.getatext import scalars
from tests.adapters.getatext.tables import NEW_YORK


@pytest.mark.parametrize("raw", [None, "null", "", "NULL", "  "])
def test_every_way_of_writing_nothing_is_absent(raw: object) -> None:
    assert scalars.absent(raw)


@pytest.mark.parametrize("raw", [0, False, [], {}, "none", "0"])
def test_what_is_something_is_not_absent(raw: object) -> None:
    assert not scalars.absent(raw)


@pytest.mark.parametrize(
    ("raw", "amount"),
    [
        ("0.55", "0.55"),
        ("0.1", "0.1"),
        (" 9.90 ", "9.90"),
        ("1000", "1000"),
        (0.55, "0.55"),
        (113.32000000000001, "113.32"),
        (0.1 + 0.2, "0.3"),
        (0.00001, "0.00001"),
        (3, "3"),
        (0, "0"),
        ("0.00", "0.00"),
        (-0.0, "0"),
        ("999999.999999", "999999.999999"),
        (999999.999999, "999999.999999"),
        ("7.1000000000", "7.1000000000"),
        (7.1000000000000005, "7.1"),
        (sum([0.1] * 1000), "100"),
        (0.000001, "0.000001"),
    ],
)
def test_money_is_read_exactly(raw: object, amount: str) -> None:
    assert str(scalars.money(raw)) == amount


@pytest.mark.parametrize(
    "raw",
    [
        None,
        "null",
        "",
        True,
        False,
        "free",
        "1_000",
        "1e999999",
        "1e5",
        "NaN",
        "Infinity",
        float("nan"),
        float("inf"),
        1e300,
        5e-324,
        10**400,
        "1234567890123.456",
        "0.1234567890123456",
        "1000000",
        1_000_000,
        999999.9999999999,
        "1000000.00",
        "123456789012.345",
        10.0**14,
        "0.0000001",
        "0.5500001000000",
        0.1234567,
        999999.1234567,
        1e-7,
        "9" * 5000,
        "-0.55",
        -1,
        "٣",
        "1,5",
        [],
        {},
    ],
)
def test_what_is_no_sane_amount_is_no_money(raw: object) -> None:
    assert scalars.money(raw) is None


def test_a_balance_may_lie_below_zero() -> None:
    assert scalars.money("-0.55", signed=True) == Decimal("-0.55")
    assert scalars.money(-0.1 - 0.2, signed=True) == Decimal("-0.3")
    assert scalars.money("-1000000", signed=True) is None


@pytest.mark.parametrize(
    ("raw", "flag"),
    [
        (True, True),
        (False, False),
        ("true", True),
        ("False", False),
        (1, True),
        (0, False),
        ("1", True),
        ("null", None),
        (None, None),
        ("yes", None),
        (2, None),
        ([], None),
    ],
)
def test_flags_are_booleans_or_their_words(raw: object, flag: bool | None) -> None:
    assert scalars.flag(raw) is flag


@pytest.mark.parametrize(
    ("raw", "moment"),
    [
        ("2025-07-06 15:43:37", "2025-07-06T19:43:37"),  # summer time
        ("2025-12-06 15:43:37", "2025-12-06T20:43:37"),  # winter time
        ("2025-11-02 01:30:00", "2025-11-02T05:30:00"),  # shown twice: the first
        ("2025-03-09 02:30:00", "2025-03-09T07:30:00"),  # skipped by the clock
        ("2025-07-28T12:39:32-04:00", "2025-07-28T16:39:32"),
        ("2025-07-28T12:39:32Z", "2025-07-28T12:39:32"),
        (" 2025-07-06 15:43 ", "2025-07-06T19:43:00"),
    ],
)
def test_times_are_moments_in_utc(raw: str, moment: str) -> None:
    assert scalars.instant(raw, NEW_YORK) == datetime.fromisoformat(moment).replace(tzinfo=UTC)


def test_the_zone_of_naive_times_is_a_setting() -> None:
    moment = scalars.instant("2025-07-06 15:43:37", ZoneInfo("UTC"))

    assert moment == datetime(2025, 7, 6, 15, 43, 37, tzinfo=UTC)


@pytest.mark.parametrize(
    "raw",
    [
        None,
        "",
        "null",
        "soon",
        "2025-07-06",
        "0000-00-00 00:00:00",
        "0001-01-01 00:00:00",
        "9999-12-31 23:59:59",
        "2025-02-30 00:00:00",
        "2025-07-06 25:00:00",
        1751831017,
        True,
        "2025-07-06 15:43:37" + " " * 50,
    ],
)
def test_what_is_no_time_is_no_moment(raw: object) -> None:
    assert scalars.instant(raw, timezone(timedelta(hours=-4))) is None


@pytest.mark.parametrize(
    ("raw", "day"),
    [
        ("2025-07-06", date(2025, 7, 6)),
        ("2025-07-06 15:43:37", date(2025, 7, 6)),
        ("2025-07-28T12:39:32-04:00", date(2025, 7, 28)),
        ("0000-00-00", None),
        ("06/07/2025", None),
        ("null", None),
        (20250706, None),
    ],
)
def test_days_are_dates(raw: object, day: date | None) -> None:
    assert scalars.day(raw) == day


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (12345, 12345),
        ("12345", 12345),
        (2**63 - 1, 2**63 - 1),
        (2**63, None),
        (str(2**63), None),
        (10**400, None),
        ("9" * 5000, None),
        (0, None),
        (-1, None),
        (True, None),
        (1.0, None),
        ("1_0", None),
        ("١٢", None),
        ("", None),
        (None, None),
    ],
)
def test_ids_are_whole_numbers_that_a_store_can_hold(raw: object, found: int | None) -> None:
    assert scalars.ident(raw) == found


@pytest.mark.parametrize(
    ("raw", "found"), [(120, 120), ("5", 5), (0, 0), (None, None), (-1, None), (2**31, None)]
)
def test_counts_are_never_negative(raw: object, found: int | None) -> None:
    assert scalars.count(raw) == found


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        ("1234567890", "+11234567890"),
        ("4104287665", "+14104287665"),
        ("14104287665", "+14104287665"),
        ("+1 (410) 428-7665", "+14104287665"),
        ("410.428.7665", "+14104287665"),
        (4104287665, "+14104287665"),
        (14104287665, "+14104287665"),
        ("24104287665", None),
        ("410428766", None),
        ("", None),
        (None, None),
        (True, None),
        (10**400, None),
        ("41042876٦5", None),
        ("410428766x", None),
    ],
)
def test_numbers_become_e164(raw: object, number: str | None) -> None:
    assert scalars.number(raw) == number


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("012345", "012345"),
        (654321, "654321"),
        ("G-123 456", "G-123 456"),
        (" 1234\n", "1234"),
        (None, None),
        ("null", None),
        ("", None),
        (0, None),
        (False, None),
        (True, None),
        ([], None),
        (12.5, None),
    ],
)
def test_codes_are_text_and_keep_their_zeros(raw: object, code: str | None) -> None:
    assert scalars.code(raw) == code


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("WhatsApp", "WhatsApp"),
        ("a\x00b\n  c", "ab c"),
        ("Ünï 😀", "Ünï 😀"),
        ("\ud83d", None),
        ("null", None),
        (5, None),
        ("x" * 300, "x" * 200),
    ],
)
def test_texts_are_one_clean_line_of_bounded_length(raw: object, text: str | None) -> None:
    assert scalars.text(raw) == text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("Your code\nis 1", "Your code\nis 1"),
        ("null", "null"),
        ("", ""),
        ("a\x00\ud83d", "a"),
        ("x" * 6000, "x" * 5000),
        (None, None),
        (7, None),
    ],
)
def test_an_sms_is_kept_as_it_came(raw: object, text: str | None) -> None:
    assert scalars.sms(raw) == text


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        ("instagram/threads", "instagram/threads"),
        ("a\nb", None),
        ("x" * 101, None),
        ("null", None),
        (5, None),
    ],
)
def test_a_name_to_send_back_is_exact_or_nothing(raw: object, word: str | None) -> None:
    assert scalars.word(raw) == word
