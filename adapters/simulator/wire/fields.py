"""Parses the fields of a request as leniently as the provider does."""

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from adapters.simulator.provider.refusals import Refusal

Fields = Mapping[str, object]


def parse(body: bytes) -> object:
    """The JSON value of a body; None for an empty body and for invalid JSON."""
    try:
        return json.loads(body) if body else None
    except (ValueError, RecursionError):
        return None


def as_fields(sent: object) -> Fields:
    """The fields of a JSON object; no fields for any other value."""
    return sent if isinstance(sent, dict) else {}


def text(fields: Fields, name: str) -> str | None:
    """A text; an integer becomes its digits, an empty text None."""
    raw = fields.get(name)
    if isinstance(raw, (str, int)) and not isinstance(raw, bool):
        return str(raw).strip() or None
    return None


def identity(fields: Fields, name: str) -> int | None:
    """An id, given as an integer or as digits; None for anything else."""
    raw = text(fields, name)
    return int(raw) if raw and raw.isascii() and raw.isdigit() and len(raw) < 19 else None


def amount(fields: Fields, name: str) -> Decimal | None:
    """An amount, given as a number or as text. Raises `Refusal`."""
    raw = fields.get(name)
    if raw is None or raw == "":
        return None
    try:
        value = Decimal(str(raw))
    except InvalidOperation:
        raise Refusal.invalid(name.replace("_", " ")) from None
    if not value.is_finite():
        raise Refusal.invalid(name.replace("_", " "))
    return value


def flag(fields: Fields, name: str) -> bool:
    """A boolean, given as a boolean, as `1` or as text."""
    return fields.get(name) in (True, 1, "1", "true", "True")


def listed(fields: Fields, name: str) -> tuple[str, ...]:
    """The items of a comma-separated text like `212,646`."""
    raw = text(fields, name) or ""
    return tuple(part.strip() for part in raw.split(",") if part.strip())
