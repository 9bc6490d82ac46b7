"""Whatever comes in, only our values or our errors come out.

`pytest tests/adapters/getatext -k properties --hypothesis-profile=many` looks at 100,000 each.
"""

import json
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.getatext import account, long_rentals, rentals, scalars
from adapters.getatext.endpoint import AnyEndpoint
from adapters.getatext.reply import Reply, read_answer
from adapters.getatext.rows import Rows
from adapters.getatext.webhook import Webhook, read_webhook
from gateway.core.model.errors import GatewayError, OutcomeUnknown
from gateway.core.model.long_rentals import CreateLongRental, LongRentalStatus, Period
from gateway.core.model.provider_errors import UpstreamBadResponse, UpstreamError
from gateway.core.model.rentals import Rental
from gateway.core.model.values import Frozen
from tests.adapters.getatext.tables import NEW_YORK, NOW

ASKED = CreateLongRental(period=Period.ONE_YEAR)

READERS: list[tuple[AnyEndpoint, Any]] = [
    (account.PRICES, account.read_prices),
    (account.BALANCE, account.read_balance),
    (
        rentals.RENT,
        lambda f: rentals.read_new_rental(f, service_code="x", now=NOW, zone=NEW_YORK),
    ),
    (rentals.STATUS, lambda f: rentals.read_rental(f, 5, NEW_YORK)),
    (rentals.CANCEL, lambda f: rentals.read_cancelled(f, 5, NEW_YORK)),
    (rentals.COMPLETE, lambda f: rentals.read_completed(f, 5, NEW_YORK)),
    (long_rentals.LIST, long_rentals.read_long_rentals),
    (long_rentals.CREATE, lambda f: long_rentals.read_new_long_rental(f, ASKED)),
    (long_rentals.RENEW, lambda f: long_rentals.read_changed(f, 5, LongRentalStatus.ACTIVE)),
    (long_rentals.MESSAGES, lambda f: long_rentals.read_messages(f, NEW_YORK)),
]
readers = pytest.mark.parametrize(("call", "read"), READERS, ids=[call.name for call, _ in READERS])

scalar = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(1, 10**20)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        ["null", "success", "active", "0.55", "1e999999", "1_000", "2025-07-06 15:43:37",
         "2025-07-06", "1234567890", "5", "out of stock", "not found", "balance", "\ud83d"]
    )
)  # fmt: skip
keys = st.sampled_from(
    ["id", "status", "code", "errors", "error", "message", "end_time", "number", "service_name",
     "price", "cost", "new_balance", "balance", "rental", "long_rental", "prices", "api_name",
     "long_rentals", "messages", "multiple_sms", "ttl", "stock", "period", "auto_renew",
     "rented_at", "sender", "received_at", "x"]
)  # fmt: skip
value = st.recursive(
    scalar,
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(keys, inside, max_size=8),
    max_leaves=25,
)
status = st.sampled_from([200, 200, 200, 201, 204, 302, 400, 401, 403, 404, 429, 500, 503])
header = st.none() | st.text(max_size=10) | st.sampled_from(["1", "0", "NaN", "-1"])


def readable(answer: object) -> bool:
    """Whether an answer is made of our values, and every face can write it."""
    values = answer.values if isinstance(answer, Rows) else [answer]
    return all(isinstance(one, Frozen) and one.model_dump_json() for one in values)


def outcome(reply: Reply, call: AnyEndpoint, read: Any) -> object:
    """What is read, or the error that is raised."""
    try:
        return read_answer(reply, call, read)
    except GatewayError as error:
        return error


@readers
@given(status=status, body=value, header=header)
def test_any_json_gives_our_values_or_our_errors(
    call: AnyEndpoint, read: Any, status: int, body: object, header: str | None
) -> None:
    came = outcome(Reply(status, json.dumps(body).encode(), header), call, read)

    if not isinstance(came, GatewayError):
        assert readable(came)
        return
    assert not (call.spends and isinstance(came, UpstreamBadResponse | UpstreamError))
    assert came.upstream is None or "\x00" not in came.upstream.message


@readers
@given(status=status, body=st.binary(max_size=300))
def test_any_bytes_give_our_values_or_our_errors(
    call: AnyEndpoint, read: Any, status: int, body: bytes
) -> None:
    came = outcome(Reply(status, body), call, read)

    assert isinstance(came, GatewayError) or readable(came)


@given(fields=st.dictionaries(keys, value, max_size=12))
def test_a_purchase_is_read_with_its_id_or_has_an_unknown_outcome(fields: dict[str, Any]) -> None:
    body = json.dumps(fields | {"errors": None, "error": None, "message": None}).encode()
    came = outcome(Reply(201, body), *READERS[2])

    if isinstance(came, GatewayError):
        assert isinstance(came, OutcomeUnknown) or fields.get("detail")
        return
    assert isinstance(came, Rental)
    assert came.id


@given(body=value)
def test_any_webhook_in_json_is_read_or_refused(body: object) -> None:
    try:
        webhook = read_webhook(json.dumps(body).encode(), NEW_YORK)
    except GatewayError:
        return

    assert isinstance(webhook, Webhook)


@given(body=st.binary(max_size=300))
def test_any_bytes_of_a_webhook_are_read_or_refused(body: bytes) -> None:
    try:
        webhook = read_webhook(body, NEW_YORK)
    except GatewayError:
        return

    assert isinstance(webhook, Webhook)


@given(raw=value)
def test_every_scalar_reader_takes_anything(raw: object) -> None:
    amount = scalars.money(raw, signed=True)
    moment = scalars.instant(raw, NEW_YORK)
    texts = [scalars.code(raw), scalars.text(raw), scalars.sms(raw), scalars.word(raw)]
    scalars.flag(raw), scalars.day(raw), scalars.number(raw)

    assert amount is None or (abs(amount) < 1_000_000 and amount == round(amount, 6))
    assert moment is None or moment.tzinfo is UTC
    assert all(text is None or "\x00" not in text for text in texts)
    assert all(text is None or text.encode() is not None for text in texts)
    assert 0 < (scalars.ident(raw) or 1) < 2**63
