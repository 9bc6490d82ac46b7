"""Moments in inputs: dates, and times with or without a zone."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from gateway.core.model.values import instant_text

# A space before the offset is the "+" that a query did not escape.
_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ]([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?)([Zz]|[+ -][0-9]{2}:?[0-9]{2})?)?"
).fullmatch


def moment_asked(raw: object) -> object:
    """Convert a date or a time to an instant; one without a zone is in UTC. Raises ValueError."""
    if isinstance(raw, datetime):
        return raw if raw.tzinfo else raw.replace(tzinfo=UTC)
    if not isinstance(raw, str) or (found := _MOMENT(raw.strip())) is None:
        raise ValueError("must be a date or a time, such as 2026-11-29 or 2026-11-29T14:30:00Z")
    day, time, zone = found.groups(default="")
    text = f"{day}T{time or '00:00'}{zone.replace(' ', '+').upper() or 'Z'}"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("must be a date and a time that there is") from None
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # in UTC it is in the year 0 or 10000
        return moment.replace(tzinfo=UTC)


InstantAsked = Annotated[
    datetime,
    BeforeValidator(moment_asked),
    PlainSerializer(instant_text, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-29T00:00:00Z"]}),
]
"""An instant in an input: a date, which is its first moment, or a time; in UTC without a zone."""
