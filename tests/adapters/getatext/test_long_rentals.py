import json
from datetime import UTC, date, datetime
from decimal import Decimal

from adapters.getatext import long_rentals
from adapters.getatext.endpoint import Fields
from adapters.getatext.long_rentals import (
    read_changed,
    read_long_rentals,
    read_messages,
    read_new_long_rental,
)
from adapters.getatext.reply import Reply
from adapters.getatext.rows import Rows
from gateway.core.model.errors import OutcomeUnknown
from gateway.core.model.long_rentals import (
    CreateLongRental,
    LongRental,
    LongRentalStatus,
    Message,
    Period,
)
from gateway.core.model.provider_errors import InsufficientFunds, UpstreamBadResponse
from tests.adapters.getatext.tables import NEW_YORK, Row, answer, table

ROW = {
    "id": 1,
    "number": "1234567890",
    "end_time": "2025-07-06",
    "rented_at": "2025-07-01",
    "price": "10.55",
    "status": "Active",
    "period": "1 Week",
    "auto_renew": True,
}
LONG = LongRental(
    id=1,
    status=LongRentalStatus.ACTIVE,
    number="+11234567890",
    price=Decimal("10.55"),
    period=Period.ONE_WEEK,
    auto_renew=True,
    rented_on=date(2025, 7, 1),
    ends_on=date(2025, 7, 6),
)
CANCELLED = LONG.model_copy(update={"status": LongRentalStatus.CANCELLED})
ASKED = CreateLongRental(period=Period.ONE_WEEK, auto_renew=True)


def row(**fields: object) -> dict[str, object]:
    """The sample row with other fields; ... leaves one out."""
    return {name: value for name, value in (ROW | fields).items() if value != ...}


def reply(**fields: object) -> Reply:
    return Reply(200, json.dumps({"status": "success", "errors": "null"} | fields).encode())


def listed(**fields: object) -> Rows[LongRental]:
    return Rows([LONG.model_copy(update=fields)])


LISTS: list[Row] = [
    ("the sample", "page", reply(long_rentals=[ROW]), listed()),
    ("none", "page", reply(long_rentals=[]), Rows[LongRental]([])),
    ("bare rows", "guess", Reply(200, json.dumps([ROW]).encode()), listed()),
    ("cancelled", "page", reply(long_rentals=[row(status="Cancelled")]),
     listed(status=LongRentalStatus.CANCELLED)),
    ("expired", "page", reply(long_rentals=[row(status="Expired")]),
     listed(status=LongRentalStatus.EXPIRED)),
    ("a status nobody has seen", "guess", reply(long_rentals=[row(status="Paused")]),
     listed(status=LongRentalStatus.UNKNOWN)),
    ("two weeks", "guess", reply(long_rentals=[row(period="2 Weeks")]),
     listed(period=Period.TWO_WEEKS)),
    ("the period as it is asked for", "guess", reply(long_rentals=[row(period="1m")]),
     listed(period=Period.ONE_MONTH)),
    ("a period nobody has seen", "guess", reply(long_rentals=[row(period="A while")]),
     listed(period=None)),
    ("a flag in text", "guess", reply(long_rentals=[row(auto_renew="false")]),
     listed(auto_renew=False)),
    ("whole times", "guess", reply(long_rentals=[row(end_time="2025-07-06 10:00:00")]), listed()),
    ("a row without an id", "guess", reply(long_rentals=[row(id=None), ROW]), Rows([LONG], 1)),
    ("no row that can be read", "guess", reply(long_rentals=[7]), UpstreamBadResponse),
    ("no list", "guess", reply(), UpstreamBadResponse),
]  # fmt: skip


@table(LISTS)
def test_long_rentals_are_read(reply: Reply, expected: object) -> None:
    assert answer(reply, long_rentals.LIST, read_long_rentals) == expected


CREATED: list[Row] = [
    ("the sample", "page", reply(long_rental=ROW), LONG),
    ("flat", "page", Reply(200, json.dumps(row(status="success", errors="null")).encode()), LONG),
    ("with 201", "guess", Reply(201, json.dumps({"long_rental": ROW}).encode()), LONG),
    (
        "what was asked for is lost",
        "guess",
        reply(long_rental=row(period=None, auto_renew=...)),
        LONG,
    ),
    ("no id", "guess", reply(long_rental=row(id=None)), OutcomeUnknown),
    ("no more than a success", "guess", reply(), OutcomeUnknown),
    ("refused", "guess", Reply(400, b'{"errors": "Insufficient funds"}'), InsufficientFunds),
]


@table(CREATED)
def test_a_new_long_rental_is_read(reply: Reply, expected: object) -> None:
    def read(fields: Fields) -> LongRental:
        return read_new_long_rental(fields, ASKED)

    assert answer(reply, long_rentals.CREATE, read) == expected


BARE = LongRental(id=1, status=LongRentalStatus.CANCELLED)

CHANGED: list[Row] = [
    ("nested", "guess", reply(long_rental=row(status="Cancelled")), CANCELLED),
    ("flat", "guess", Reply(200, json.dumps(row(status="success")).encode()), CANCELLED),
    ("nested, without a status", "guess", reply(long_rental=row(status=...)), CANCELLED),
    ("it stays active until its end", "guess", reply(long_rental=ROW), LONG),
    ("no more than a success", "guess", reply(message="Updated."), BARE),
    ("no more than a message", "guess", Reply(200, b'{"message": "Success"}'), BARE),
    ("another id", "guess", reply(long_rental=row(id=2)), UpstreamBadResponse),
    ("nothing", "guess", Reply(200, b'{"errors": null}'), UpstreamBadResponse),
]


@table(CHANGED)
def test_a_changed_long_rental_is_read(reply: Reply, expected: object) -> None:
    def read(fields: Fields) -> LongRental:
        return read_changed(fields, 1, LongRentalStatus.CANCELLED)

    assert answer(reply, long_rentals.CANCEL, read) == expected


RENEWED: list[Row] = [
    ("no more than a success", "guess", reply(), LongRental(id=1, status=LongRentalStatus.ACTIVE)),
    ("nothing", "guess", Reply(200, b"{}"), OutcomeUnknown),
    ("another id", "guess", reply(long_rental=row(id=2)), OutcomeUnknown),
]


@table(RENEWED)
def test_a_renewal_is_read_as_a_purchase(reply: Reply, expected: object) -> None:
    def read(fields: Fields) -> LongRental:
        return read_changed(fields, 1, LongRentalStatus.ACTIVE)

    assert answer(reply, long_rentals.RENEW, read) == expected


TEXT = {
    "message": "This is a example message",
    "number": "1234567890",
    "rented_at": "2025-07-28T12:39:32-04:00",
    "sender": "8888",
}
MESSAGE = Message(
    text="This is a example message",
    sender="8888",
    number="+11234567890",
    received_at=datetime(2025, 7, 28, 16, 39, 32, tzinfo=UTC),
)


def message(**fields: object) -> Rows[Message]:
    return Rows([MESSAGE.model_copy(update=fields)])


MESSAGES: list[Row] = [
    ("the sample", "page", reply(messages=[TEXT]), message()),
    ("none", "page", reply(messages=[]), Rows[Message]([])),
    ("a naive time", "guess", reply(messages=[TEXT | {"rented_at": "2025-07-28 12:39:32"}]),
     message()),
    ("an integer for the sender", "guess", reply(messages=[TEXT | {"sender": 8888}]), message()),
    ("an SMS that says null", "guess", reply(messages=[TEXT | {"message": "null"}]),
     message(text="null")),
    ("lines", "guess", reply(messages=[TEXT | {"message": "Code:\n1234"}]),
     message(text="Code:\n1234")),
    ("nothing but the text", "guess", reply(messages=[{"message": "Hi"}]),
     message(text="Hi", sender=None, number=None, received_at=None)),
    ("one without a text", "guess", reply(messages=[{"sender": "1"}, TEXT]), Rows([MESSAGE], 1)),
    ("no list", "guess", reply(), UpstreamBadResponse),
]  # fmt: skip


@table(MESSAGES)
def test_messages_are_read(reply: Reply, expected: object) -> None:
    read = answer(reply, long_rentals.MESSAGES, lambda fields: read_messages(fields, NEW_YORK))

    assert read == expected
