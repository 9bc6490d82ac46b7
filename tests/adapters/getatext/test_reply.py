"""What every reader shares: where errors stand, and bodies that are none."""

import gzip
import json

import pytest

from adapters.getatext import account, long_rentals, rentals
from adapters.getatext.endpoint import AnyEndpoint, Fields
from adapters.getatext.reply import Reply, read_answer
from gateway.core.model.errors import (
    GatewayError,
    LongRentalNotFound,
    OutcomeUnknown,
    RateLimited,
    RentalNotFound,
)
from gateway.core.model.provider_errors import (
    InsufficientFunds,
    OutOfStock,
    UpstreamAuthFailed,
    UpstreamBadResponse,
    UpstreamError,
    UpstreamMaintenance,
    UpstreamRefused,
)
from tests.adapters.getatext.tables import Row, answer, table

HTML = b"<html><body>502 Bad Gateway</body></html>"
FINE = b'{"id": 12345, "status": "active"}'
ALL_NULL = b'{"id": null, "status": null, "code": null, "errors": null}'
ABSENT_ERRORS: list[object] = [None, "null", "", [], {}, False, 0]


def same(fields: Fields) -> object:
    return dict(fields)


def refused(**body: object) -> bytes:
    return json.dumps(body).encode()


PLACES: list[Row] = [
    ("errors alone", "page", Reply(400, b'{"errors": "Rental not found"}'), RentalNotFound),
    (
        "every key null except errors",
        "client",
        Reply(404, b'{"id": null, "status": null, "errors": "Rental not found"}'),
        RentalNotFound,
    ),
    ("message", "client", Reply(404, b'{"message": "Rental not found"}'), RentalNotFound),
    ("error", "client", Reply(404, b'{"error": "Rental not found"}'), RentalNotFound),
    ("detail", "guess", Reply(404, b'{"detail": "Rental not found"}'), RentalNotFound),
    ("errors with 200", "client", Reply(200, b'{"errors": "Rental not found"}'), RentalNotFound),
    ("message with 200", "client", Reply(200, b'{"message": "No permission"}'), RentalNotFound),
    ("a list", "guess", Reply(400, b'{"errors": ["Rental not found"]}'), RentalNotFound),
    (
        "an object of lists",
        "guess",
        Reply(422, b'{"errors": {"id": ["Rental not found", "x"]}, "message": "Invalid"}'),
        RentalNotFound,
    ),
    ("an object", "guess", Reply(400, b'{"error": {"text": "not found"}}'), RentalNotFound),
    (
        "a failed status",
        "guess",
        Reply(200, b'{"status": "error", "message": "Rental not found"}'),
        RentalNotFound,
    ),
    (
        "success false",
        "guess",
        Reply(200, b'{"success": false, "message": "Oops"}'),
        UpstreamRefused,
    ),
    ("errors null, message", "guess", Reply(400, b'{"errors":"null","message":"Oops"}'),
     UpstreamRefused),
    ("errors is true", "guess", Reply(200, b'{"errors": true}'), UpstreamRefused),
    ("errors is a number", "guess", Reply(200, b'{"errors": 17}'), UpstreamRefused),
    ("unknown words", "guess", Reply(200, b'{"errors": "Never seen"}'), UpstreamRefused),
    ("unknown words of a failure", "guess", Reply(500, b'{"errors": "Never"}'), UpstreamError),
]  # fmt: skip


@table(PLACES)
def test_an_error_is_found_in_every_place(reply: Reply, expected: object) -> None:
    assert answer(reply, rentals.STATUS, same) == expected


@pytest.mark.parametrize("nothing", ABSENT_ERRORS, ids=repr)
def test_no_error_is_no_error_however_it_is_written(nothing: object) -> None:
    body = {"id": 1, "errors": nothing, "error": nothing, "message": "Fine."}

    assert answer(Reply(200, refused(**body)), rentals.STATUS, same) == body


UNREADABLE: list[Row] = [
    ("empty", "client", Reply(200, b""), UpstreamBadResponse),
    ("blank", "guess", Reply(200, b" \n"), UpstreamBadResponse),
    ("HTML", "client", Reply(200, HTML), UpstreamBadResponse),
    ("text", "client", Reply(200, b"upstream error"), UpstreamBadResponse),
    ("cut", "guess", Reply(200, FINE[:-3]), UpstreamBadResponse),
    ("more after the end", "guess", Reply(200, FINE + b"{}"), UpstreamBadResponse),
    ("a list", "guess", Reply(200, b"[1]"), UpstreamBadResponse),
    ("a text of JSON", "guess", Reply(200, b'"active"'), UpstreamBadResponse),
    ("null", "guess", Reply(200, b"null"), UpstreamBadResponse),
    ("deep", "guess", Reply(200, b"[" * 100_000), UpstreamBadResponse),
    ("deep object", "guess", Reply(200, b'{"a":' * 100_000), UpstreamBadResponse),
    ("a huge number", "guess", Reply(200, b'{"id":%s}' % (b"9" * 5000)), UpstreamBadResponse),
    ("NaN", "guess", Reply(200, b'{"id": NaN}'), UpstreamBadResponse),
    ("Infinity", "guess", Reply(200, b'{"id": -Infinity}'), UpstreamBadResponse),
    ("an equal key twice", "guess", Reply(200, b'{"id": 1, "id": 2}'), UpstreamBadResponse),
    ("Latin-1", "guess", Reply(200, b'{"service_name": "\xe9"}'), UpstreamBadResponse),
    ("UTF-16", "guess", Reply(200, FINE.decode().encode("utf-16")), UpstreamBadResponse),
    ("gzip", "guess", Reply(200, gzip.compress(FINE)), UpstreamBadResponse),
    ("not to be read", "guess", Reply(200, None), UpstreamBadResponse),
    ("a redirect", "guess", Reply(302, FINE), UpstreamBadResponse),
    ("a redirect with words", "guess", Reply(307, b'{"errors": "x"}'), UpstreamBadResponse),
    ("not modified", "guess", Reply(304, b""), UpstreamBadResponse),
    ("HTML of a refusal", "client", Reply(403, HTML), UpstreamBadResponse),
    ("400 without words", "guess", Reply(400, b"{}"), UpstreamBadResponse),
    ("HTML of a failure", "client", Reply(502, HTML), UpstreamError),
    ("a failure without a body", "client", Reply(500, b""), UpstreamError),
    ("a failure not to be read", "guess", Reply(500, None), UpstreamError),
    ("a failure that looks fine", "guess", Reply(500, FINE), UpstreamError),
]


@table(UNREADABLE)
def test_what_cannot_be_read_is_a_fault_of_the_provider(reply: Reply, expected: object) -> None:
    assert answer(reply, rentals.STATUS, same) == expected


@table(UNREADABLE)
def test_a_purchase_whose_answer_cannot_be_read_has_an_unknown_outcome(
    reply: Reply, expected: object
) -> None:
    assert answer(reply, rentals.RENT, same) is OutcomeUnknown
    assert expected in (UpstreamBadResponse, UpstreamError)


@pytest.mark.parametrize("body", [b"", b" ", b"{}", ALL_NULL], ids=repr)
def test_a_404_without_words_means_what_was_asked_for(body: bytes) -> None:
    reply = Reply(404, body)

    assert answer(reply, rentals.STATUS, same) is RentalNotFound
    assert answer(reply, rentals.CANCEL, same) is RentalNotFound
    assert answer(reply, rentals.RENT_AGAIN, same) is RentalNotFound
    assert answer(reply, long_rentals.MESSAGES, same) is LongRentalNotFound
    assert answer(reply, long_rentals.RENEW, same) is LongRentalNotFound
    assert answer(reply, account.BALANCE, same) is UpstreamBadResponse


def test_a_404_of_a_proxy_is_no_missing_rental() -> None:
    assert answer(Reply(404, HTML), rentals.STATUS, same) is UpstreamBadResponse


@pytest.mark.parametrize(
    "call", [rentals.STATUS, rentals.RENT, account.PRICES], ids=lambda c: c.name
)
@pytest.mark.parametrize("body", [b"", HTML, b'{"errors": "x"}', None, b"\xff"], ids=repr)
def test_statuses_that_say_it_all_need_no_body(call: AnyEndpoint, body: bytes | None) -> None:
    assert answer(Reply(429, body), call, same) is RateLimited
    assert answer(Reply(401, body), call, same) is UpstreamAuthFailed


def test_a_403_without_words_is_about_the_key() -> None:
    assert answer(Reply(403, b""), rentals.RENT, same) is UpstreamAuthFailed
    assert answer(Reply(403, ALL_NULL), rentals.STATUS, same) is UpstreamAuthFailed


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        (" 1.5 ", 1.5),
        ("0\x1f", 0.0),
        ("300", 300.0),
        ("301", 300.0),
        ("999999999", 300.0),
        ("999999999999999999", 300.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", None),
        ("-1", None),
        ("1e9", None),
        ("nan", None),
        ("٣", None),
    ],
)
def test_retry_after_is_passed_on(header: str | None, seconds: float | None) -> None:
    with pytest.raises(RateLimited) as raised:
        read_answer(Reply(429, b"", header), rentals.STATUS, same)

    assert raised.value.retry_after == seconds


def test_retry_after_is_passed_on_with_a_maintenance() -> None:
    reply = Reply(503, b'{"errors": "Service is under maintenance"}', "60")

    with pytest.raises(UpstreamMaintenance) as raised:
        read_answer(reply, rentals.RENT, same)

    assert raised.value.retry_after == 60


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("a\x00b\n c", "ab c"),
        ("x" * 600, "x" * 500),
        ({"a": ["one", {"b": "two"}], "c": None}, "one; two"),
        (["w"] * 50, "; ".join(["w"] * 10)),
        ([[[["deep"]]]], "deep"),
    ],
)
def test_words_are_kept_clean_and_bounded(said: object, told: str) -> None:
    with pytest.raises(GatewayError) as raised:
        read_answer(Reply(400, refused(errors=said)), rentals.STATUS, same)

    assert raised.value.upstream is not None
    assert raised.value.upstream.message == told


def test_a_byte_order_mark_does_not_matter() -> None:
    assert answer(Reply(200, b"\xef\xbb\xbf" + FINE), rentals.STATUS, same) == json.loads(FINE)


PURCHASES: list[Row] = [
    (
        "bought, with a remark",
        "guess",
        Reply(201, b'{"id": 5, "status": "success", "errors": "Carrier not matched"}'),
        {"id": 5, "status": "success", "errors": "Carrier not matched"},
    ),
    ("an id and an error", "guess", Reply(200, b'{"id":5,"errors":"Oops"}'), OutcomeUnknown),
    (
        "an id and loose words",
        "guess",
        Reply(200, b'{"rental": {"id": 5}, "errors": "Balance updated late"}'),
        OutcomeUnknown,
    ),
    (
        "an id and sure words",
        "guess",
        Reply(200, b'{"id": 5, "errors": "Out of stock"}'),
        OutOfStock,
    ),
    (
        "nothing but words of a success",
        "guess",
        Reply(200, b'{"message": "Rented successfully", "errors": null}'),
        {"message": "Rented successfully", "errors": None},
    ),
    ("nothing but unseen words", "guess", Reply(200, b'{"message":"Done"}'), OutcomeUnknown),
    ("nothing but loose words", "guess", Reply(200, b'{"message":"Balance: 5"}'), OutcomeUnknown),
    ("nothing but sure words", "guess", Reply(200, b'{"message":"Out of stock"}'), OutOfStock),
    (
        "a refusal in two fields",
        "guess",
        Reply(200, b'{"status": "error", "message": "Low balance"}'),
        InsufficientFunds,
    ),
]


@table(PURCHASES)
def test_words_beside_something_bought_are_weighed(reply: Reply, expected: object) -> None:
    assert answer(reply, rentals.RENT, same) == expected
