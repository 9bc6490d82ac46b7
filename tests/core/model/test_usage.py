"""Figures of usage, their pages, and moments in inputs."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from gateway.core.invocation.validation import validate
from gateway.core.model.errors import InvalidRequest
from gateway.core.model.rentals import ListRentals, RentNumber
from gateway.core.model.usage import GetUsage, Tally, figures, page_of


def tally(charged: int = 0, refunded: int = 0, reserved: int = 0) -> Tally:
    return Tally(5, charged, refunded, reserved)


def asked(**given: object) -> GetUsage:
    return validate(GetUsage, given)


def test_rate_and_median_are_of_rentals_that_got_a_code_or_ended() -> None:
    found = figures(
        Tally(
            rentals=8,
            cancelled=1,
            expired=1,
            completed=1,
            codes=Counter({10: 2, 30: 1, 500: 1, None: 1}),
        )
    )

    assert (found.codes, found.success_rate, found.median_seconds) == (5, 0.625, 10)


def test_few_rentals_tell_neither_rate_nor_median() -> None:
    few = figures(Tally(rentals=4, codes=Counter({10: 4})))
    young = figures(tally())

    assert (few.codes, few.success_rate, few.median_seconds) == (4, None, None)
    assert (young.success_rate, young.median_seconds) == (None, None)


def test_amounts_are_exact() -> None:
    found = figures(tally(charged=1_234_500, refunded=234_400, reserved=10_000))

    assert found.model_dump(include={"charged", "refunded", "net", "reserved"}, mode="json") == {
        "charged": "1.2345",
        "refunded": "0.2344",
        "net": "1.0001",
        "reserved": "0.01",
    }


def test_pages_hold_every_group_once_the_dearest_first() -> None:
    found = {f"é{number}": tally(charged=number // 3) for number in range(10)}
    found |= {None: tally(charged=2)}  # type: ignore[dict-item]
    seen: list[str | None] = []
    cursor: str | None = ""
    while cursor is not None:
        page, cursor = page_of(found, asked(limit=3, cursor=cursor))  # type: ignore[arg-type]
        seen += [group for group, _ in page]

    assert seen == [*("é9", None, "é6", "é7", "é8"), *("é3", "é4", "é5", "é0", "é1", "é2")]


def test_days_are_newest_first() -> None:
    found = {"2026-01-31": tally(charged=9), "2026-02-01": tally(), "2025-12-31": tally()}

    page, cursor = page_of(found, asked(group_by="day", limit=2))  # type: ignore[arg-type]
    rest, end = page_of(found, asked(group_by="day", cursor=cursor))  # type: ignore[arg-type]

    assert [group for group, _ in page] == ["2026-02-01", "2026-01-31"]
    assert ([group for group, _ in rest], end) == (["2025-12-31"], None)


@pytest.mark.parametrize("cursor", ["x", "1_a", "_", "1_YQ", "1_610"])
def test_a_cursor_that_no_page_gave_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidRequest, match="cursor: "):
        asked(cursor=cursor)


MOMENTS = [
    ("2026-11-29", datetime(2026, 11, 29, tzinfo=UTC)),
    (" 2026-11-29T14:30 ", datetime(2026, 11, 29, 14, 30, tzinfo=UTC)),
    ("2026-11-29T14:30:05Z", datetime(2026, 11, 29, 14, 30, 5, tzinfo=UTC)),
    ("2026-11-29t14:30:05.25z", datetime(2026, 11, 29, 14, 30, 5, 250_000, tzinfo=UTC)),
    ("2026-11-29T14:30:05+02:00", datetime(2026, 11, 29, 12, 30, 5, tzinfo=UTC)),
    ("2026-11-29T14:30:05 02:00", datetime(2026, 11, 29, 12, 30, 5, tzinfo=UTC)),
    ("2026-11-29 14:30:05", datetime(2026, 11, 29, 14, 30, 5, tzinfo=UTC)),
    ("0001-01-01T00:00:00+14:00", datetime(1, 1, 1, tzinfo=UTC)),
]


@pytest.mark.parametrize(("text", "moment"), MOMENTS)
def test_moments_are_taken_with_or_without_a_time_and_a_zone(text: str, moment: datetime) -> None:
    assert validate(ListRentals, {"since": text}).since == moment


@pytest.mark.parametrize("text", ["29.11.2026", "2026-02-30", "now", "1764374400", 1764374400])
def test_what_is_no_moment_is_refused(text: object) -> None:
    with pytest.raises(InvalidRequest, match="since: must be a date"):
        validate(ListRentals, {"since": text})


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (" a b ", "a b"),
        ("a\n\tb", "a b"),
        ("a\0", "a"),
        ("   ", None),
        (17, "17"),
        ("x" * 100, "x" * 100),
    ],
)
def test_a_reference_is_trimmed_and_a_blank_one_is_none(sent: object, kept: str | None) -> None:
    asked = validate(RentNumber, {"service_code": "a", "reference": sent})

    assert asked.reference == kept


@pytest.mark.parametrize("sent", ["x" * 101, "\ud800", True, 1.5])
def test_what_is_no_reference_is_refused(sent: object) -> None:
    with pytest.raises(InvalidRequest, match="reference: "):
        validate(RentNumber, {"service_code": "a", "reference": sent})


def test_how_long_a_reference_may_be_is_said_in_characters() -> None:
    with pytest.raises(InvalidRequest, match="string should have at most 100 characters"):
        validate(RentNumber, {"service_code": "a", "reference": "x" * 101})
