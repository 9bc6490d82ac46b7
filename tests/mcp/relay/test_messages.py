"""What a relay reads of messages, and the headers by which a gateway knows them."""

from typing import Any

import pytest
from mcp.shared.inbound import classify_inbound_request, decode_header_value

from mcp_server.relay.messages import (
    Unreadable,
    envelope_headers,
    envelope_version,
    header_value,
    is_answer,
    is_request,
    read_message,
)
from tests.mcp.relay.support import ENVELOPE, call, initialize, request

NAMES = [
    "rent_number",
    "prices://catalog",
    "café",
    " edge ",
    "a\nb",
    "=?base64?eA==?=",
    "",
    "\ud800",
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_gateway_reads_the_same_name_in_the_header(name: str) -> None:
    value = header_value(name)

    assert value.isascii()
    assert value.isprintable()
    assert decode_header_value(value) == name.encode(errors="replace").decode()


@pytest.mark.parametrize(
    "message",
    [
        call(1, "rent_number", {}, modern=True),
        request(2, "tools/list", _meta=ENVELOPE),
        request(3, "resources/read", uri="rental://7", _meta=ENVELOPE),
        request(4, "prompts/get", name="receive_code", _meta=ENVELOPE),
    ],
)
def test_the_headers_of_an_envelope_are_those_that_the_sdk_wants(message: dict[str, Any]) -> None:
    version = envelope_version(message)
    assert version is not None
    headers = {name.lower(): text for name, text in envelope_headers(message, version).items()}

    assert type(classify_inbound_request(message, headers=headers)).__name__ == "InboundModernRoute"


@pytest.mark.parametrize(
    "message",
    [
        initialize(),
        request(1, "initialize", _meta=ENVELOPE),
        request(1, "tools/list", _meta={"progressToken": 1}),
        {"jsonrpc": "2.0", "id": 1, "method": "ping"},
    ],
)
def test_what_has_no_envelope_belongs_to_a_session(message: dict[str, Any]) -> None:
    assert envelope_version(message) is None


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("no json", -32700),
        ("[" * 100_000, -32700),
        ("[]", -32600),
        ('"text"', -32600),
        ('{"method": "x", "params": []}', -32600),
        ('{"method": "x", "id": {}}', -32600),
        ('{"method": "x", "id": 1.5}', -32600),
        ('{"method": "x", "id": 1e400}', -32600),
        ('{"method": "x", "id": true}', -32600),
        ('{"method": "x", "id": NaN}', -32700),
        ('{"method": ["x"], "id": 1}', -32600),
    ],
)
def test_what_is_no_message_is_answered_so(line: str, code: int) -> None:
    with pytest.raises(Unreadable) as caught:
        read_message(line)

    assert caught.value.answer["error"]["code"] == code
    assert caught.value.answer["id"] is None


def test_requests_answers_and_notices_are_told_apart() -> None:
    each_kind: list[dict[str, Any]] = [
        {"id": 0, "method": "x"},
        {"id": 0, "result": {}},
        {"method": "x"},
        {"id": None, "error": {}},
    ]

    assert [is_request(each) for each in each_kind] == [True, False, False, False]
    assert [is_answer(each) for each in each_kind] == [False, True, False, True]
