"""What a wrong input is answered with: words, for each input of each operation."""

import re

import pytest

from gateway.core.invocation.validation import validate
from gateway.core.model.errors import InvalidRequest
from gateway.core.operations.catalog import BY_NAME, CATALOG
from gateway.core.operations.operation import AnyOperation

RUBBISH = ["\x00", "\x1b[31m", "é", "?!", " ", "-1", "9" * 30, "x" * 5000, "1,5,", "2026-13-40"]
REQUIRED = {
    "service_code": "whatsapp",
    "period": "1w",
    "auto_renew": True,
    "url": "https://example.com/",
    "events": ["rental.code_received"],
    "webhook_id": f"wh_{'0' * 24}",
    "key_id": "3f2a9c01",
    "name": "n8n",
}
EITHER = {"redeliver_webhook": {"event_id": "evt_71"}, "create_key": {"budget_day": "5.00"}}
NO_WORDS = re.compile(r"pattern|\^|\\|\[|\$$|Value error")


@pytest.mark.parametrize("op", CATALOG, ids=lambda op: op.name)
def test_a_wrong_input_is_answered_in_words(op: AnyOperation) -> None:
    for name in op.takes.model_fields:
        told = [_refusal(op, name, given) for given in RUBBISH]

        assert all(each is None or each.startswith(f"{name}: ") for each in told)
        assert not [each for each in told if each and NO_WORDS.search(each)]


@pytest.mark.parametrize(
    ("operation", "name", "told"),
    [
        ("rent_number", "service_code", "must be a service's code on one line, such as whatsapp."),
        ("rent_number", "request_id", "must be letters, digits and signs of ASCII, such as order-"),
        ("rent_number", "number", "must be a US number of ten digits, such as +14104287665."),
        ("list_rentals", "cursor", "is not the next_cursor of a page of this list; leave it out "),
    ],
)
def test_an_input_whose_form_only_a_pattern_tells_is_told_what_is_wanted(
    operation: str, name: str, told: str
) -> None:
    assert (_refusal(BY_NAME[operation], name, "\x00") or "").startswith(f"{name}: {told}")


def _refusal(op: AnyOperation, name: str, given: object) -> str | None:
    """What is said of one input, where it is refused."""
    fields = op.takes.model_fields
    right = {each: REQUIRED.get(each, 1) for each, field in fields.items() if field.is_required()}
    try:
        validate(op.takes, {**right, **EITHER.get(op.name, {}), name: given})
    except InvalidRequest as error:
        return error.detail
    return None
