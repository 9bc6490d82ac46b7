"""Validation of an operation's inputs, with error sentences that name the fields."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from gateway.core.model.callers import Caller
from gateway.core.model.errors import InvalidRequest
from gateway.core.model.redact import holds_key, redacted
from gateway.core.model.values import without_blanks
from gateway.core.operations.call import Call

In = TypeVar("In", bound=BaseModel)

_FORMS = {  # in words, of inputs whose form only a pattern tells
    "service_code": "must be a service's code on one line, such as whatsapp",
    "request_id": "must be letters, digits and signs of ASCII, such as order-17",
    "webhook_id": "must be the id of a webhook, as list_webhooks tells it",
    "key_id": "must be the id of a key, as list_keys tells it",
    "name": "must be a name on one line, such as n8n",
    "cursor": "is not the next_cursor of a page of this list; leave it out for the first page",
}


def validate(takes: type[In], given: Mapping[str, Any]) -> In:
    """The validated input. Raises InvalidRequest that names up to five invalid fields."""
    try:
        return takes.model_validate(without_blanks(given))
    except ValidationError as error:
        raise InvalidRequest(_sentence(error, takes)) from None


def expect_once(pairs: Sequence[tuple[str, object]]) -> None:
    """Raise InvalidRequest where a name stands twice: which value is meant cannot be told."""
    names: set[str] = set()
    for name, _ in pairs:
        if name in names:
            raise InvalidRequest(f"{redacted(name)}: is given more than once.")
        names.add(name)


check_names = json.JSONDecoder(object_pairs_hook=expect_once, parse_int=str, parse_float=str).decode
"""Raises InvalidRequest where an object in a JSON text has a name twice, ValueError for no JSON."""


def _sentence(error: ValidationError, takes: type[BaseModel]) -> str:
    faults = []
    for fault in error.errors(include_url=False, include_context=False)[:5]:
        name = redacted(str(fault["loc"][0])) if fault["loc"] else "input"
        faults.append(f"{name}: {_fault_text(name, fault['type'], fault['msg'], takes)}")
    return "; ".join(faults) + "."


def _fault_text(name: str, kind: str, message: str, takes: type[BaseModel]) -> str:
    if kind == "string_pattern_mismatch":
        return _FORMS.get(name, "is not written as it must be")
    if kind == "string_too_short":
        return "is blank"
    if kind == "missing":
        return "is required"
    if kind == "extra_forbidden":
        known = ", ".join(takes.model_fields) or "none"
        return f"is not an input of this operation (inputs: {known})"
    message = message.removeprefix("Value error, ").replace("Input should", "must").rstrip(".")
    return message[:1].lower() + message[1:]


def request_id_of(call: Call, asked: BaseModel) -> str | None:
    """The request id of the call or of the input. Raises InvalidRequest where they differ."""
    inside: str | None = getattr(asked, "request_id", None)
    if inside is not None and call.request_id is not None and inside != call.request_id:
        raise InvalidRequest("request_id: differs from the header Idempotency-Key.")
    return inside or call.request_id


def check_no_key(given: Mapping[str, Any], caller: Caller) -> None:
    """Raise InvalidRequest where an input of a purchase, which is stored, contains a key."""
    for name, value in given.items():
        if isinstance(value, str) and holds_key(value, caller.account.key):
            raise InvalidRequest(f"{name}: holds a key. Keys belong in the header X-API-Key.")
