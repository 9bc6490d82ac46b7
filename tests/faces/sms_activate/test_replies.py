"""Values in, the protocol's words out: every row of its table, and its odd corners."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.core.model import errors, provider_errors
from gateway.core.model.account import Balance
from gateway.core.model.errors import GatewayError
from gateway.core.model.rentals import Rental, RentalStatus
from gateway.http.dropins.sms_activate import replies
from gateway.http.dropins.sms_activate.tokens import token_of, wrong_max_price

ZONE = ZoneInfo("America/New_York")
MOMENT = datetime(2025, 7, 6, 19, 43, 37, tzinfo=UTC)
TIME = "2025-07-06 15:43:37"


def rental(status: RentalStatus = RentalStatus.ACTIVE, code: str | None = None) -> Rental:
    return Rental(
        id=635468024,
        status=status,
        number="+12125550123",
        code=code,
        price=Decimal("0.55"),
        created_at=MOMENT,
        service_code="whatsapp",
    )


BALANCES = [
    ("113.32", "113.32"),
    ("113", "113.00"),
    ("0.5", "0.50"),
    ("7.999", "7.99"),
    ("-0.005", "-0.01"),
    ("1E+3", "1000.00"),
]


@pytest.mark.parametrize(("held", "shown"), BALANCES)
def test_a_balance_has_two_decimals_and_promises_no_more_than_there_is(
    held: str, shown: str
) -> None:
    assert replies.balance(Balance(balance=Decimal(held))) == f"ACCESS_BALANCE:{shown}"


def test_a_number_is_bare_digits() -> None:
    assert replies.number(rental()) == "ACCESS_NUMBER:635468024:12125550123"


def test_a_number_v2_is_as_documented() -> None:
    assert replies.number_v2(rental(), country="187", again=True, zone=ZONE) == {
        "activationId": 635468024,
        "phoneNumber": "12125550123",
        "activationCost": 0.55,
        "currency": 840,
        "countryCode": "187",
        "canGetAnotherSms": "1",
        "activationTime": TIME,
        "activationOperator": "any",
    }


S = RentalStatus
STATUSES: list[tuple[RentalStatus, str | None, str | None, str, str]] = [
    # status, code, asked again after, getStatus, activationStatus
    (S.ACTIVE, None, None, "STATUS_WAIT_CODE", "4"),
    (S.UNKNOWN, None, None, "STATUS_WAIT_CODE", "4"),
    (S.CANCELLED, None, None, "STATUS_CANCEL", "8"),
    (S.EXPIRED, None, None, "STATUS_CANCEL", "8"),
    (S.COMPLETED, None, None, "STATUS_CANCEL", "6"),
    (S.CODE_RECEIVED, "012345", None, "STATUS_OK:012345", "2"),
    (S.CODE_RECEIVED, "012345", "111111", "STATUS_OK:012345", "2"),
    (S.CODE_RECEIVED, "012345", "012345", "STATUS_WAIT_RETRY:012345", "3"),
    (S.COMPLETED, "012345", "012345", "STATUS_OK:012345", "6"),
    (S.EXPIRED, "012345", None, "STATUS_OK:012345", "2"),
]


@pytest.mark.parametrize(("status", "code", "retried", "token", "number"), STATUSES)
def test_an_activation_says_how_it_stands(
    status: RentalStatus, code: str | None, retried: str | None, token: str, number: str
) -> None:
    assert replies.status(rental(status, code), retried) == token
    assert replies.activation_status(rental(status, code), retried) == number


@pytest.mark.parametrize(("status", "code", "retried", "token", "number"), STATUSES)
def test_the_second_version_of_a_status_says_the_same(
    status: RentalStatus, code: str | None, retried: str | None, token: str, number: str
) -> None:
    sms: Any = None
    if token.startswith("STATUS_OK"):
        sms = {"dateTime": TIME, "code": code, "text": code}
    expected = {"verificationType": 0, "sms": sms, "call": None}
    found = replies.status_v2(rental(status, code), retried, TIME)

    assert found == ("STATUS_CANCEL" if token == "STATUS_CANCEL" else expected)


def test_an_active_activation_is_as_documented() -> None:
    row = replies.active_activation(rental(), code="wa", again=True, retried=None, zone=ZONE)

    assert row == {
        "activationId": "635468024",
        "serviceCode": "wa",
        "phoneNumber": "12125550123",
        "activationCost": 0.55,
        "activationStatus": "4",
        "smsCode": None,
        "smsText": None,
        "activationTime": TIME,
        "discount": "0.00",
        "repeated": "0",
        "countryCode": "187",
        "countryName": "USA",
        "canGetAnotherSms": "1",
        "currency": 840,
    }


CODES = [
    ("012345", "012345"),
    ("G-123456", "G-123456"),
    ("AB12cd", "AB12cd"),
    ("123 456", "123456"),
    ("123-456", "123-456"),
    ("Your code: 123-456!", "123456"),
    ("Code 4711 for you", "4711"),
    ("12:34", "1234"),
    ("NO_NUMBERS", "NONUMBERS"),
    ("мой", None),
    (None, None),
]


@pytest.mark.parametrize(("code", "bare"), CODES)
def test_a_code_carries_no_colon_and_no_text(code: str | None, bare: str | None) -> None:
    assert replies.bare_code(code) == bare


TOKENS: list[tuple[GatewayError, str]] = [
    (errors.Unauthorized(), "BAD_KEY"),
    (errors.Forbidden(), "BANNED"),
    (errors.BudgetExceeded(), "NO_BALANCE"),
    (errors.ServiceNotAllowed(), "BAD_SERVICE"),
    (errors.ServiceNotFound(), "BAD_SERVICE"),
    (errors.RentalNotFound(), "NO_ACTIVATION"),
    (errors.OutcomeUnknown(), "ERROR_SQL"),
    (errors.RequestIdReused(), "ORDER_ALREADY_EXISTS"),
    (errors.RequestInProgress(), "ERROR_SQL"),
    (errors.RateLimited(), "ERROR_SQL"),
    (errors.InvalidRequest(), "BAD_ACTION"),
    (errors.InternalError(), "ERROR_SQL"),
    (provider_errors.OutOfStock(), "NO_NUMBERS"),
    (provider_errors.PriceTooHigh(), "NO_NUMBERS"),
    (provider_errors.InsufficientFunds(), "NO_BALANCE"),
    (provider_errors.TooManyActiveRentals(), "CHANNELS_LIMIT"),
    (provider_errors.CancelTooEarly(), "EARLY_CANCEL_DENIED"),
    (provider_errors.CodeAlreadyReceived(), "BAD_STATUS"),
    (provider_errors.RentalEnded(), "BAD_STATUS"),
    (provider_errors.UpstreamRefused(), "ERROR_SQL"),
    # The gateway's own key is refused: the operator's fault, not the caller's.
    (provider_errors.UpstreamAuthFailed(), "ERROR_SQL"),
    (provider_errors.UpstreamMaintenance(), "ERROR_SQL"),
    (provider_errors.UpstreamTimeout(), "ERROR_SQL"),
]


@pytest.mark.parametrize(("error", "token"), TOKENS, ids=lambda each: type(each).__name__)
def test_every_error_has_its_token(error: GatewayError, token: str) -> None:
    assert token_of(error) == token


def test_the_lowest_price_is_quoted_with_two_decimals() -> None:
    assert wrong_max_price(Decimal("0.5")) == "WRONG_MAX_PRICE:0.50"
    assert wrong_max_price(Decimal("0.355")) == "WRONG_MAX_PRICE:0.355"
