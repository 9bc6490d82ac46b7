"""Validation of an operation's inputs, with error sentences that name the fields."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from gateway.core.model.errors import InvalidRequest
from gateway.core.model.redact import redacted
from gateway.core.model.values import without_blanks

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
