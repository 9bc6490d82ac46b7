"""Every text of the provider, said in a call where it means something."""

import json

import pytest

from adapters.getatext import account, long_rentals, rentals
from adapters.getatext.endpoint import AnyEndpoint, Fields
from adapters.getatext.refusals import told_lock
from adapters.getatext.reply import Reply, read_answer
from gateway.core.model.errors import (
    GatewayError,
    LongRentalNotFound,
    OutcomeUnknown,
    RentalNotFound,
    ServiceNotFound,
    Upstream,
)
from gateway.core.model.provider_errors import (
    CancelTooEarly,
    CodeAlreadyReceived,
    InsufficientFunds,
    OutOfStock,
    PriceTooHigh,
    RentalEnded,
    ToldLock,
    TooManyActiveRentals,
    UpstreamAuthFailed,
    UpstreamError,
    UpstreamMaintenance,
    UpstreamRefused,
)
from gateway.core.model.values import Charged

SAID: list[tuple[str, AnyEndpoint, int, str, type[GatewayError]]] = [
    ("page", account.BALANCE, 403, "Auth is not presented on the request", UpstreamAuthFailed),
    ("page", rentals.RENT, 403, "Wrong Api Key or User is restricted", UpstreamAuthFailed),
    ("page", rentals.STATUS, 403, "WRONG API KEY OR USER IS RESTRICTED", UpstreamAuthFailed),
    ("page", rentals.RENT, 503, "Service is under maintenance", UpstreamMaintenance),
    ("page", account.PRICES, 503, "service is under MAINTENANCE", UpstreamMaintenance),
    ("guess", rentals.RENT, 200, "Service is under maintenance", UpstreamMaintenance),
    ("client", rentals.RENT, 400, "Service is out of stock", OutOfStock),
    ("client", rentals.RENT, 400, "This service is not available right now", OutOfStock),
    ("client", rentals.RENT, 400, "Service unavailable for this carrier", OutOfStock),
    ("guess", rentals.RENT, 400, "No numbers left", OutOfStock),
    ("guess", rentals.RENT, 500, "Service is out of stock", OutOfStock),
    ("client", rentals.RENT, 400, "You have insufficient funds", InsufficientFunds),
    ("client", rentals.RENT, 400, "Not enough balance", InsufficientFunds),
    ("guess", rentals.RENT, 200, "Low balance", InsufficientFunds),
    ("guess", rentals.RENT, 400, "Your balance is lower than the price", InsufficientFunds),
    ("guess", rentals.RENT, 400, "Please add funds", InsufficientFunds),
    ("client", rentals.RENT, 400, "Price is above your maximum price", PriceTooHigh),
    ("client", rentals.RENT, 400, "The price has changed", PriceTooHigh),
    ("guess", rentals.RENT, 400, "No numbers available for your max_price", PriceTooHigh),
    (
        "client",
        rentals.RENT,
        400,
        "You have reached the maximum number of active rentals",
        TooManyActiveRentals,
    ),
    ("guess", rentals.RENT, 400, "Maximum active rentals reached", TooManyActiveRentals),
    ("page", rentals.RENT, 404, "Service not found", ServiceNotFound),
    ("page", rentals.RENT, 404, "The service does not exist", ServiceNotFound),
    ("guess", rentals.RENT_SPECIFIC, 400, "Number is not available", OutOfStock),
    ("guess", rentals.RENT_SPECIFIC, 404, "Number not found", OutOfStock),
    ("page", rentals.RENT_SPECIFIC, 404, "Service not found", ServiceNotFound),
    ("page", rentals.RENT_AGAIN, 404, "Rental not found", RentalNotFound),
    ("client", rentals.RENT_AGAIN, 400, "Insufficient funds", InsufficientFunds),
    ("client", rentals.RENT_AGAIN, 400, "Number is not available", OutOfStock),
    ("live", rentals.RENT_AGAIN, 200, "You do not have permission", RentalNotFound),
    ("page", rentals.STATUS, 404, "Rental not found", RentalNotFound),
    ("live", rentals.STATUS, 200, "You do not have permission to access this", RentalNotFound),
    ("page", rentals.CANCEL, 404, "Rental not found", RentalNotFound),
    ("client", rentals.CANCEL, 400, "You need to wait 5 minutes before cancelling", CancelTooEarly),
    ("client", rentals.CANCEL, 400, "Too early to cancel", CancelTooEarly),
    ("client", rentals.CANCEL, 400, "Rental is locked", CancelTooEarly),
    ("guess", rentals.CANCEL, 400, "Can be cancelled after 1 minute", CancelTooEarly),
    ("guess", rentals.CANCEL, 400, "No code received yet, wait 5 minutes", CancelTooEarly),
    ("guess", rentals.CANCEL, 400, "Rental already has a code", CodeAlreadyReceived),
    ("guess", rentals.CANCEL, 400, "A code was already received", CodeAlreadyReceived),
    ("guess", rentals.CANCEL, 400, "Rental is not active", RentalEnded),
    ("guess", rentals.CANCEL, 400, "Rental was cancelled 5 minutes ago", RentalEnded),
    ("guess", rentals.CANCEL, 400, "Already completed", RentalEnded),
    ("guess", rentals.COMPLETE, 400, "Rental is not active", RentalEnded),
    ("page", rentals.COMPLETE, 404, "Rental not found", RentalNotFound),
    ("guess", long_rentals.CREATE, 400, "Insufficient balance", InsufficientFunds),
    ("guess", long_rentals.CREATE, 400, "No numbers available", OutOfStock),
    ("guess", long_rentals.RENEW, 400, "Not enough funds", InsufficientFunds),
    ("guess", long_rentals.RENEW, 404, "Long rental not found", LongRentalNotFound),
    ("guess", long_rentals.CANCEL, 404, "Long rental does not exist", LongRentalNotFound),
    ("guess", long_rentals.CANCEL, 400, "Long rental is not active", RentalEnded),
    ("guess", long_rentals.AUTO_RENEW, 200, "You have no permission", LongRentalNotFound),
    ("guess", long_rentals.MESSAGES, 404, "Rental not found", LongRentalNotFound),
    # The same words where they mean nothing known.
    ("guess", rentals.STATUS, 400, "Please wait a minute", UpstreamRefused),
    ("guess", account.BALANCE, 400, "Balance is not available", UpstreamRefused),
    ("guess", rentals.RENT, 400, "Try again early next week", UpstreamRefused),
    ("guess", rentals.RENT, 400, "This number was refunded", UpstreamRefused),
    ("guess", account.PRICES, 403, "Premium access is required", UpstreamRefused),
    ("guess", rentals.RENT, 200, "The carrier field is invalid", UpstreamRefused),
    # Loose words of a server that fails are no refusal.
    ("guess", rentals.STATUS, 503, "Service Unavailable", UpstreamError),
    ("guess", rentals.RENT, 503, "Service Unavailable", OutcomeUnknown),
    ("guess", rentals.RENT, 500, "Error while updating the balance", OutcomeUnknown),
    ("guess", rentals.RENT, 500, "Insufficient memory", OutcomeUnknown),
    ("guess", rentals.CANCEL, 500, "Please wait a minute", UpstreamError),
]


def unread(fields: Fields) -> object:
    raise AssertionError(fields)


@pytest.mark.parametrize(
    ("call", "status", "words", "expected"),
    [row[1:] for row in SAID],
    ids=[f"{call.name} {status} {words} ({source})" for source, call, status, words, _ in SAID],
)
def test_words_mean_what_they_mean_in_their_call(
    call: AnyEndpoint, status: int, words: str, expected: type[GatewayError]
) -> None:
    reply = Reply(status, json.dumps({"errors": words}).encode())

    with pytest.raises(GatewayError) as raised:
        read_answer(reply, call, unread)

    assert type(raised.value) is expected
    assert raised.value.upstream == Upstream(status, words)
    unknown = expected is OutcomeUnknown
    assert raised.value.charged is (Charged.UNKNOWN if unknown else Charged.NO)


@pytest.mark.parametrize(
    ("source", "message", "expected"),
    [
        ("client", "You need to wait 5 minutes before cancelling", ToldLock(300, more=False)),
        ("guess", "Please wait 3 more minutes and 20 seconds", ToldLock(200, more=True)),
        ("guess", "2m 5s left", ToldLock(125, more=True)),
        ("guess", "Can be cancelled after 1 minute", ToldLock(60, more=False)),
        ("guess", "Locked for another 90 seconds", ToldLock(90, more=True)),
        ("guess", "Too early to cancel rental 12345", None),
    ],
)
def test_a_lock_is_read_from_the_words(
    source: str, message: str, expected: ToldLock | None
) -> None:
    assert told_lock(message) == expected
