"""Money, moments, and what is asked: exact, or refused with the name of the field."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.invocation.validation import validate
from gateway.core.model.errors import InvalidRequest
from gateway.core.model.long_rentals import CreateLongRental, SetAutoRenew
from gateway.core.model.prices import ListPrices
from gateway.core.model.rentals import ListRentals, OneRental, RentNumber
from gateway.core.model.values import MAX_ID, instant_text, money_text

MONEY = [
    ("0.55", "0.55"), ("0.1", "0.10"), ("9", "9.00"), ("1E+2", "100.00"), ("113.320", "113.320"),
    ("0.0015", "0.0015"), ("0", "0.00"), ("-3.5", "-3.50"), ("1E-7", "0.0000001"),
]  # fmt: skip


@pytest.mark.parametrize(("amount", "text"), MONEY)
def test_money_is_written_exactly_and_with_two_decimals_at_least(amount: str, text: str) -> None:
    assert money_text(Decimal(amount)) == text


@given(st.decimals("-1e9", "1e9", allow_nan=False, places=4))
def test_money_written_is_the_same_amount(amount: Decimal) -> None:
    assert Decimal(money_text(amount)) == amount


EASTERN = timezone(timedelta(hours=-4))
MOMENTS = [
    (datetime(2025, 7, 6, 15, 43, 37, tzinfo=EASTERN), "2025-07-06T19:43:37Z"),
    (datetime(2025, 7, 6, 19, 43, 37, 120_000, tzinfo=UTC), "2025-07-06T19:43:37.120Z"),
    # As when it is read from its own text: a moment has one text.
    (datetime(2025, 7, 6, 19, 43, 37, 400, tzinfo=UTC), "2025-07-06T19:43:37Z"),
]


@pytest.mark.parametrize(("moment", "text"), MOMENTS)
def test_moments_are_written_in_utc(moment: datetime, text: str) -> None:
    assert instant_text(moment) == text


RENT = {"service_code": "whatsapp"}
NUMBERS = [
    "(410) 428-7665", "410-428-7665", "410.428.7665", "+1 410 428 7665", "1-410-428-7665",
    " +1 (410) 428 \u2013 7665 ", "410/4287665",
]  # fmt: skip
KEPT = {**RENT, "carrier": "verizon"}
TAKEN: list[tuple[str, Any, dict[str, Any], str, Any]] = [
    # name, input model, given, field, value
    ("an amount as a number", RentNumber, {**RENT, "max_price": 0.55}, "max_price", "0.55"),
    ("an amount as text", RentNumber, {**RENT, "max_price": "0.55"}, "max_price", "0.55"),
    ("the highest amount", RentNumber, {**RENT, "max_price": "10000"}, "max_price", "10000"),
    ("the lowest amount", RentNumber, {**RENT, "max_price": "0.0001"}, "max_price", "0.0001"),
    ("an amount with spaces", RentNumber, {**RENT, "max_price": " 2 "}, "max_price", "2"),
    ("a whole amount", RentNumber, {**RENT, "max_price": 2}, "max_price", "2"),
    ("an amount in dollars", RentNumber, {**RENT, "max_price": "$1.50"}, "max_price", "1.50"),
    ("with a space", RentNumber, {**RENT, "max_price": "$ 2"}, "max_price", "2"),
    ("an amount in USD", RentNumber, {**RENT, "max_price": "0.55 usd"}, "max_price", "0.55"),
    ("nothing", RentNumber, {**RENT, "max_price": ""}, "max_price", None),
    ("no carrier", RentNumber, {**RENT, "carrier": ""}, "carrier", "any"),
    ("a flag", RentNumber, {**KEPT, "keep_carrier": True}, "keep_carrier", True),
    ("a flag as text", RentNumber, {**KEPT, "keep_carrier": "True"}, "keep_carrier", True),
    ("no flag", RentNumber, {**RENT, "keep_carrier": ""}, "keep_carrier", False),
    ("area codes", RentNumber, {**RENT, "area_codes": "212, 646"}, "area_codes", "212, 646"),
    ("ten digits", RentNumber, {**RENT, "number": "4104287665"}, "number", "4104287665"),
    ("E.164", RentNumber, {**RENT, "number": "+14104287665"}, "number", "+14104287665"),
    *((n, RentNumber, {**RENT, "number": n}, "number", "+14104287665") for n in NUMBERS),
    ("a slash", RentNumber, {"service_code": "instagram/threads"}, "service_code",
     "instagram/threads"),
    ("an id", OneRental, {"rental_id": 12345}, "rental_id", 12345),
    ("an id as digits", OneRental, {"rental_id": "012345"}, "rental_id", 12345),
    ("the highest id", OneRental, {"rental_id": str(MAX_ID)}, "rental_id", MAX_ID),
    ("a period", CreateLongRental, {"period": "1w"}, "period", "1w"),
    ("a limit as digits", ListPrices, {"limit": "1000"}, "limit", 1000),
    ("a limit of 0", ListPrices, {"limit": 0}, "limit", 100),
    ("a limit of 0 as digits", ListRentals, {"limit": "0"}, "limit", 100),
    ("null as a carrier", RentNumber, {**RENT, "carrier": None}, "carrier", "any"),
    ("null as a flag", RentNumber, {**RENT, "keep_carrier": None}, "keep_carrier", False),
    ("null as a limit", ListPrices, {"limit": None}, "limit", 100),
    ("an area code as a number", RentNumber, {**RENT, "area_codes": 212}, "area_codes", "212"),
    ("a number as a number", RentNumber, {**RENT, "number": 14104287665}, "number", "14104287665"),
    ("a request id as a number", RentNumber, {**RENT, "request_id": 4711}, "request_id", "4711"),
    ("a large one", RentNumber, {**RENT, "request_id": 10**254}, "request_id", f"1{'0' * 254}"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "given", "field", "value"), [r[1:] for r in TAKEN], ids=[r[0] for r in TAKEN]
)
def test_is_taken(model: Any, given: dict[str, Any], field: str, value: Any) -> None:
    taken = getattr(validate(model, given), field)

    assert (str(taken) if isinstance(taken, Decimal) else taken) == value


NO_LIMIT = "max_price: must be more than 0; for no limit leave it out"
REFUSED: list[tuple[str, Any, dict[str, Any], str]] = [
    ("missing", RentNumber, {}, "service_code: is required"),
    ("missing as nothing", RentNumber, {"service_code": ""}, "service_code: is required"),
    ("missing as null", RentNumber, {"service_code": None}, "service_code: is required"),
    (
        "no flag as null",
        SetAutoRenew,
        {"long_rental_id": 1, "auto_renew": None},
        "auto_renew: is required",
    ),
    ("unknown", RentNumber, {**RENT, "colour": 1}, "colour: is not an input of this operation"),
    ("a number as service", RentNumber, {"service_code": 5}, "service_code: "),
    ("a line end", RentNumber, {"service_code": "a\nb"}, "service_code: "),
    ("NUL", RentNumber, {"service_code": "a\0b"}, "service_code: "),
    ("too long", RentNumber, {"service_code": "a" * 101}, "service_code: "),
    ("zero", RentNumber, {**RENT, "max_price": 0}, NO_LIMIT),
    ("zero as a fraction", RentNumber, {**RENT, "max_price": 0.0}, NO_LIMIT),
    ("negative zero", RentNumber, {**RENT, "max_price": -0.0}, NO_LIMIT),
    ("zero as text", RentNumber, {**RENT, "max_price": "0"}, NO_LIMIT),
    ("zero with decimals", RentNumber, {**RENT, "max_price": "0.00"}, NO_LIMIT),
    ("negative zero as text", ListPrices, {"max_price": " -0.000 "}, NO_LIMIT),
    ("negative", RentNumber, {**RENT, "max_price": -1}, NO_LIMIT),
    ("endless below", RentNumber, {**RENT, "max_price": float("-inf")}, NO_LIMIT),
    ("endless above", RentNumber, {**RENT, "max_price": float("inf")}, "max_price: "),
    ("no number at all", RentNumber, {**RENT, "max_price": float("nan")}, "max_price: "),
    ("true as an amount", RentNumber, {**RENT, "max_price": True}, "max_price: "),
    ("not a number", RentNumber, {**RENT, "max_price": "NaN"}, "max_price: "),
    ("endless", RentNumber, {**RENT, "max_price": "Infinity"}, "max_price: "),
    ("huge exponent", RentNumber, {**RENT, "max_price": "1e999999"}, "max_price: "),
    ("tiny exponent", RentNumber, {**RENT, "max_price": "1e-999999"}, "max_price: "),
    ("words", RentNumber, {**RENT, "max_price": "cheap"}, "max_price: "),
    ("a list", RentNumber, {**RENT, "max_price": ["1"]}, "max_price: must be an amount of d"),
    ("an object", RentNumber, {**RENT, "max_price": {}}, "max_price: must be an amount of d"),
    ("a comma", RentNumber, {**RENT, "max_price": "1,00"}, "max_price: must be an amount of d"),
    ("thousands", RentNumber, {**RENT, "max_price": "$1,000"}, "max_price: must be an amount of d"),
    (
        "other money",
        RentNumber,
        {**RENT, "max_price": "1 EUR"},
        "max_price: must be an amount of d",
    ),
    ("zero dollars", RentNumber, {**RENT, "max_price": "$0"}, NO_LIMIT),
    ("too much", RentNumber, {**RENT, "max_price": 10_000.01}, "max_price: "),
    ("unknown carrier", RentNumber, {**RENT, "carrier": "sprint"}, "carrier: "),
    ("1 as a flag", RentNumber, {**RENT, "keep_carrier": 1}, "keep_carrier: "),
    ("yes as a flag", RentNumber, {**RENT, "keep_carrier": "yes"}, "keep_carrier: "),
    ("an area code below 2", RentNumber, {**RENT, "area_codes": "112"}, "area_codes: "),
    ("a short number", RentNumber, {**RENT, "number": "410428766"}, "number: "),
    (
        "nine digits in groups",
        RentNumber,
        {**RENT, "number": "(410) 428-766"},
        "number: must be a U",
    ),
    ("eleven digits", RentNumber, {**RENT, "number": "2410-428-7665"}, "number: must be a US num"),
    ("text around", RentNumber, {**RENT, "number": "tel 4104287665"}, "number: must be a US num"),
    ("an area code of 1", RentNumber, {**RENT, "number": "(110) 428-7665"}, "number: must be a US"),
    ("a foreign number", RentNumber, {**RENT, "number": "+442071838750"}, "number: "),
    ("zero", OneRental, {"rental_id": 0}, "rental_id: "),
    ("negative", OneRental, {"rental_id": "-1"}, "rental_id: "),
    ("true", OneRental, {"rental_id": True}, "rental_id: "),
    ("null", OneRental, {"rental_id": None}, "rental_id: is required"),
    ("a part", OneRental, {"rental_id": 1.5}, "rental_id: "),
    ("beyond 2^63", OneRental, {"rental_id": MAX_ID + 1}, "rental_id: "),
    ("beyond 2^63 as text", OneRental, {"rental_id": str(MAX_ID + 1)}, "rental_id: "),
    ("endless digits", OneRental, {"rental_id": "9" * 5000}, "rental_id: "),
    ("underscores", OneRental, {"rental_id": "1_000"}, "rental_id: "),
    ("words", OneRental, {"rental_id": "first"}, "rental_id: "),
    ("an object", OneRental, {"rental_id": {}}, "rental_id: "),
    ("unknown period", CreateLongRental, {"period": "1 week"}, "period: "),
    ("no flag", SetAutoRenew, {"long_rental_id": 1}, "auto_renew: is required"),
    ("false as a limit", ListPrices, {"limit": False}, "limit: must be a whole number"),
    ("a negative limit", ListPrices, {"limit": -1}, "limit: "),
    (
        "true as a request id",
        RentNumber,
        {**RENT, "request_id": True},
        "request_id: must be text, or a whole number that is not negative",
    ),
    (
        "a fraction as a request id",
        RentNumber,
        {**RENT, "request_id": 4711.0},
        "request_id: must be text, or a whole number that is not negative",
    ),
    (
        "a negative request id",
        RentNumber,
        {**RENT, "request_id": -1},
        "request_id: must be text, or a whole number that is not negative",
    ),
    (
        "endless digits as a request id",
        RentNumber,
        {**RENT, "request_id": 10**4000},
        "request_id: string should have at most 255 characters",
    ),
    ("a list as a request id", RentNumber, {**RENT, "request_id": [1]}, "request_id: "),
    ("a fraction as an area code", RentNumber, {**RENT, "area_codes": 212.5}, "area_codes: must"),
    ("two area codes as one number", RentNumber, {**RENT, "area_codes": 212646}, "area_codes: "),
    ("a negative number", RentNumber, {**RENT, "number": -4104287665}, "number: must be text"),
    ("too long a page", ListPrices, {"limit": 1001}, "limit: "),
    ("unknown order", ListPrices, {"sort": "colour"}, "sort: "),
]


TAKEN_BY_MISTAKE: list[tuple[str, Any, dict[str, Any], str]] = [
    ("underscores", RentNumber, {**RENT, "max_price": "1_000"}, "max_price: "),
    ("foreign digits", RentNumber, {**RENT, "max_price": "\uff11\uff12"}, "max_price: "),
    ("foreign area code", RentNumber, {**RENT, "area_codes": "2\u0663\u0663"}, "area_codes: "),
    ("foreign digits in a number", RentNumber, {**RENT, "number": "2" + "\u0663" * 9}, "number: "),
]


@pytest.mark.parametrize(
    ("model", "given", "words"),
    [r[1:] for r in TAKEN_BY_MISTAKE],
    ids=[r[0] for r in TAKEN_BY_MISTAKE],
)
def test_should_be_refused(model: Any, given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        validate(model, given)

    assert refused.value.detail.startswith(words)


@pytest.mark.parametrize(
    ("model", "given", "words"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_is_refused(model: Any, given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        validate(model, given)

    assert refused.value.detail.startswith(words)
    assert "Nothing was charged." in refused.value.detail
    assert len(refused.value.detail) < 400


def test_every_wrong_field_is_named_up_to_five() -> None:
    wrong = {f"wrong{n}": n for n in range(9)}

    with pytest.raises(InvalidRequest) as refused:
        validate(RentNumber, {"max_price": -1, **wrong})

    assert refused.value.detail.count(":") >= 5
    assert "service_code: is required" in refused.value.detail


def test_a_refusal_does_not_repeat_what_was_sent() -> None:
    with pytest.raises(InvalidRequest) as refused:
        validate(RentNumber, {"service_code": "whatsapp", "max_price": "sk_secret"})

    assert "sk_secret" not in refused.value.detail
