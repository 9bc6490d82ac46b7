import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from adapters.getatext import rentals
from adapters.getatext.endpoint import Fields
from adapters.getatext.rentals import read_cancelled, read_completed, read_new_rental, read_rental
from adapters.getatext.reply import Reply
from gateway.core.model.errors import OutcomeUnknown
from gateway.core.model.provider_errors import UpstreamBadResponse
from gateway.core.model.rentals import Rental, RentalStatus
from tests.adapters.getatext.tables import ENDS, NEW_YORK, NOW, Row, answer, table

RENTED = (
    b'{"id":12345,"status":"success","message":"Number rented successfully.","errors":null,'
    b'"end_time":"2025-07-06 15:43:37","number":"1234567890","service_name":"Whatsapp",'
    b'"price":"0.55","new_balance":"113.32"}'
)
STATUS = (
    b'{"id":12345,"status":"active","code":null,"errors":null,"end_time":"2025-07-06 15:43:37",'
    b'"number":"1234567890","service_name":"Whatsapp","cost":"0.55","balance":"113.32"}'
)
CANCELLED = (
    b'{"id":12345,"status":"cancelled","code":null,"errors":null,'
    b'"end_time":"2025-07-06 15:43:37","number":"1234567890","service_name":"Whatsapp",'
    b'"cost":"0.55","balance":"113.87"}'
)
COMPLETED = (
    b'{"status":"success","message":"Rental marked as completed successfully.","errors":"null",'
    b'"rental":{"id":12345,"end_time":"2025-08-12 00:19:30","number":"1234567890",'
    b'"service_name":"Whatsapp","price":"0.1","new_balance":"9.9"}}'
)

ACTIVE = Rental(
    id=12345,
    status=RentalStatus.ACTIVE,
    service_name="Whatsapp",
    number="+11234567890",
    price=Decimal("0.55"),
    balance=Decimal("113.32"),
    ends_at=ENDS,
)
FRESH = ACTIVE.model_copy(update={"service_code": "whatsapp", "created_at": NOW})


def changed(body: bytes, **fields: object) -> bytes:
    """The body with other fields; ... leaves one out."""
    merged = json.loads(body) | fields
    return json.dumps({name: value for name, value in merged.items() if value != ...}).encode()


def but(rental: Rental, **fields: object) -> Rental:
    """The rental with other fields, and the reason of its end that follows from them."""
    known = {name: value for name, value in rental if name != "ended_reason"}
    return Rental.model_validate(known | fields)


def new(fields: Fields) -> Rental:
    return read_new_rental(fields, service_code="whatsapp", now=NOW, zone=NEW_YORK)


def status(fields: Fields) -> Rental:
    return read_rental(fields, 12345, NEW_YORK)


NEW: list[Row] = [
    ("the sample", "page", Reply(201, RENTED), FRESH),
    ("with 200", "guess", Reply(200, RENTED), FRESH),
    ("no errors at all", "page", Reply(201, changed(RENTED, errors=...)), FRESH),
    ("the text null", "page", Reply(201, changed(RENTED, errors="null")), FRESH),
    ("an id in text", "guess", Reply(201, changed(RENTED, id="12345")), FRESH),
    ("another case of success", "guess", Reply(201, changed(RENTED, status="Success")), FRESH),
    ("eleven digits", "client", Reply(201, changed(RENTED, number="11234567890")), FRESH),
    (
        "amounts by their other names",
        "client",
        Reply(201, changed(RENTED, price=..., cost=0.55, new_balance=..., balance=113.32)),
        FRESH,
    ),
    ("nested", "guess", Reply(201, b'{"status":"success","rental":%s}' % RENTED), FRESH),
    ("unknown fields", "guess", Reply(201, changed(RENTED, carrier="at&t", extra=[1])), FRESH),
    (
        "every field lost but the id",
        "guess",
        Reply(
            201,
            changed(
                RENTED, end_time="soon", number=[], service_name=7, price="free", new_balance={}
            ),
        ),
        but(FRESH, ends_at=None, number=None, service_name=None, price=None, balance=None),
    ),
    ("nothing but the id", "guess", Reply(201, b'{"id": 12345}'), but(
        FRESH, ends_at=None, number=None, service_name=None, price=None, balance=None)),
    ("no id", "guess", Reply(201, changed(RENTED, id=...)), OutcomeUnknown),
    ("the id null", "guess", Reply(201, changed(RENTED, id=None)), OutcomeUnknown),
    ("an id of true", "guess", Reply(201, changed(RENTED, id=True)), OutcomeUnknown),
    ("an id that no store holds", "guess", Reply(201, changed(RENTED, id=10**23)), OutcomeUnknown),
    ("created without a body", "guess", Reply(201, b""), OutcomeUnknown),
    ("no content", "guess", Reply(204, b""), OutcomeUnknown),
]  # fmt: skip


@table(NEW)
def test_a_new_rental_is_read(reply: Reply, expected: object) -> None:
    assert answer(reply, rentals.RENT, new) == expected


CAME: dict[str, Any] = {"code": "012345", "status": RentalStatus.CODE_RECEIVED}

STATUSES: list[Row] = [
    ("the sample", "page", Reply(200, STATUS), ACTIVE),
    ("another case", "client", Reply(200, changed(STATUS, status="ACTIVE")), ACTIVE),
    ("a code", "page", Reply(200, changed(STATUS, code="012345")), but(ACTIVE, **CAME)),
    ("a code and no status", "guess", Reply(200, changed(STATUS, status=None, code="012345")),
     but(ACTIVE, **CAME)),
    ("a code and an odd status", "client",
     Reply(200, changed(STATUS, status="received", code="012345")), but(ACTIVE, **CAME)),
    ("an integer for a code", "client", Reply(200, changed(STATUS, code=654321)),
     but(ACTIVE, code="654321", status=RentalStatus.CODE_RECEIVED)),
    ("the text null for a code", "client", Reply(200, changed(STATUS, code="null")), ACTIVE),
    ("an empty code", "client", Reply(200, changed(STATUS, code="")), ACTIVE),
    ("completed with its code", "client",
     Reply(200, changed(STATUS, status="completed", code="012345")),
     but(ACTIVE, code="012345", status=RentalStatus.COMPLETED)),
    ("an end in capitals, with its code", "client",
     Reply(200, changed(STATUS, status="Expired", code="012345")),
     but(ACTIVE, code="012345", status=RentalStatus.EXPIRED)),
    ("canceled", "client", Reply(200, changed(STATUS, status="canceled")),
     but(ACTIVE, status=RentalStatus.CANCELLED)),
    ("timeout", "client", Reply(200, changed(STATUS, status="timeout")),
     but(ACTIVE, status=RentalStatus.EXPIRED)),
    ("closed", "client", Reply(200, changed(STATUS, status="closed")),
     but(ACTIVE, status=RentalStatus.EXPIRED)),
    ("a status nobody has seen", "guess", Reply(200, changed(STATUS, status="paused")),
     but(ACTIVE, status=RentalStatus.UNKNOWN)),
    ("a status of the request only", "guess", Reply(200, changed(STATUS, status="success")),
     but(ACTIVE, status=RentalStatus.UNKNOWN)),
    ("a status that is no text", "guess", Reply(200, changed(STATUS, status=[7])),
     but(ACTIVE, status=RentalStatus.UNKNOWN)),
    ("price for cost", "client", Reply(200, changed(STATUS, cost=..., price="0.55")), ACTIVE),
    ("nested", "guess", Reply(200, b'{"status":"success","rental":%s}' % STATUS), ACTIVE),
    ("no id", "guess", Reply(200, changed(STATUS, id=...)), ACTIVE),
    ("another id", "guess", Reply(200, changed(STATUS, id=999)), UpstreamBadResponse),
    ("all null", "guess", Reply(200, b'{"id":null,"status":null,"code":null,"errors":null}'),
     UpstreamBadResponse),
    ("an empty object", "guess", Reply(200, b"{}"), UpstreamBadResponse),
]  # fmt: skip


@table(STATUSES)
def test_a_status_is_read(reply: Reply, expected: object) -> None:
    assert answer(reply, rentals.STATUS, status) == expected


GONE = but(ACTIVE, status=RentalStatus.CANCELLED, balance=Decimal("113.87"))

CANCELS: list[Row] = [
    ("the sample", "page", Reply(200, CANCELLED), GONE),
    ("success for a status", "guess", Reply(200, changed(CANCELLED, status="success")), GONE),
    ("still active", "guess", Reply(200, changed(CANCELLED, status="active")),
     but(GONE, status=RentalStatus.ACTIVE)),
    ("another id", "guess", Reply(200, changed(CANCELLED, id=1)), UpstreamBadResponse),
    ("no more than a message", "guess", Reply(200, b'{"message": "Cancelled successfully"}'),
     Rental(id=12345, status=RentalStatus.CANCELLED)),
    ("all null", "guess", Reply(200, b'{"id":null,"errors":null}'), UpstreamBadResponse),
]  # fmt: skip


@table(CANCELS)
def test_a_cancellation_is_read(reply: Reply, expected: object) -> None:
    read = answer(reply, rentals.CANCEL, lambda fields: read_cancelled(fields, 12345, NEW_YORK))

    assert read == expected


DONE = Rental(
    id=12345,
    status=RentalStatus.COMPLETED,
    service_name="Whatsapp",
    number="+11234567890",
    price=Decimal("0.1"),
    balance=Decimal("9.9"),
    ends_at=datetime(2025, 8, 12, 4, 19, 30, tzinfo=UTC),
)

COMPLETIONS: list[Row] = [
    ("the sample", "page", Reply(200, COMPLETED), DONE),
    (
        "flat",
        "guess",
        Reply(200, json.dumps(json.loads(COMPLETED)["rental"]).encode()),
        DONE,
    ),
    (
        "a code beside it",
        "guess",
        Reply(200, COMPLETED.replace(b'"rental":{', b'"rental":{"code":"0123",')),
        but(DONE, code="0123"),
    ),
    ("an empty object", "guess", Reply(200, b"{}"), UpstreamBadResponse),
]


@table(COMPLETIONS)
def test_a_completion_is_read(reply: Reply, expected: object) -> None:
    read = answer(reply, rentals.COMPLETE, lambda fields: read_completed(fields, 12345, NEW_YORK))

    assert read == expected


def test_a_number_rented_again_has_a_new_id_and_no_service_code() -> None:
    reply = Reply(201, changed(RENTED, id=12346))

    read = answer(
        reply,
        rentals.RENT_AGAIN,
        lambda fields: read_new_rental(fields, service_code=None, now=NOW, zone=NEW_YORK),
    )

    assert read == but(FRESH, id=12346, service_code=None)


@pytest.mark.parametrize("zone_name", ["UTC", "America/New_York"])
def test_the_end_follows_the_zone(zone_name: str) -> None:
    zone = ZoneInfo(zone_name)
    read = read_rental(json.loads(STATUS), 12345, zone)

    assert read.ends_at == datetime(2025, 7, 6, 15, 43, 37, tzinfo=zone)
