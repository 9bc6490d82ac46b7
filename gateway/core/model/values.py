"""Shared value types: exact money, aware instants, E.164 numbers, identifiers."""

import re
import secrets
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

MAX_ID = 2**63 - 1
_CENT = Decimal("0.01")
_AMOUNT = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,15})?").fullmatch


class Frozen(BaseModel):
    """Base of all values: immutable, undeclared fields are rejected."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def money_text(amount: Decimal) -> str:
    """An amount as text: exact, with at least two decimals."""
    text = f"{amount:f}"
    if text[-3:-2] == ".":
        return text
    exponent = amount.as_tuple().exponent
    if isinstance(exponent, int) and exponent > -2:
        amount = amount.quantize(_CENT)
    return f"{amount:f}"


@lru_cache(5000)
def instant_text(moment: datetime) -> str:
    """RFC 3339 in UTC, with milliseconds only where there are any."""
    precision = "milliseconds" if moment.microsecond >= 1000 else "seconds"
    return moment.astimezone(UTC).isoformat(timespec=precision).removesuffix("+00:00") + "Z"


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _amount_asked(raw: object) -> object:
    """Convert a JSON number or text to an exact decimal; pydantic rejects other types."""
    if isinstance(raw, float):
        return Decimal(str(raw))
    if isinstance(raw, str) and _AMOUNT(raw.strip()):
        return Decimal(raw.strip())
    if isinstance(raw, bool | str):
        raise ValueError("must be an amount of dollars, such as 0.55")
    return raw


def _digits_asked(raw: object) -> object:
    """Convert text of digits to an int; reject booleans, which are ints in Python."""
    if isinstance(raw, bool):
        raise ValueError("must be a whole number")
    if isinstance(raw, str):
        text = raw.strip()
        if not (text.isascii() and text.isdigit() and len(text) <= len(str(MAX_ID))):
            raise ValueError("must be a whole number")
        return int(text)
    return raw


def _flag_asked(raw: object) -> object:
    if isinstance(raw, str) and raw.strip().lower() in {"true", "false"}:
        return raw.strip().lower() == "true"
    if not isinstance(raw, bool):
        raise ValueError("must be true or false")
    return raw


Usd = Annotated[
    Decimal,
    PlainSerializer(money_text, return_type=str),
    WithJsonSchema(
        {"type": "string", "pattern": r"^-?[0-9]+\.[0-9]{2,}$", "examples": ["0.55"]},
        mode="serialization",
    ),
]
"""An amount of US dollars: Decimal in Python, text with at least two decimals in JSON."""

UsdAsked = Annotated[
    Decimal,
    BeforeValidator(_amount_asked),
    Field(gt=0, le=10_000, max_digits=12, decimal_places=4, allow_inf_nan=False),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": 10_000}),
]
"""An amount in an input: a JSON number, or text."""

Instant = Annotated[
    AwareDatetime,
    BeforeValidator(lambda raw: _utc(raw) if isinstance(raw, datetime) and raw.tzinfo else raw),
    PlainSerializer(instant_text, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2025-07-06T19:43:37Z"]}),
]
"""A timezone-aware datetime in UTC."""

PhoneNumber = Annotated[str, Field(pattern=r"^\+[1-9][0-9]{6,14}$", examples=["+14104287665"])]
"""A telephone number in E.164 form."""

Id = Annotated[
    int,
    Field(gt=0, le=MAX_ID),
    WithJsonSchema({"type": "integer", "format": "int64", "minimum": 1}),
]
"""An identifier assigned by the provider."""

IdAsked = Annotated[
    int,
    BeforeValidator(_digits_asked),
    Field(gt=0, le=MAX_ID),
    WithJsonSchema({"type": "integer", "format": "int64", "minimum": 1}),
]
"""An identifier in an input: a JSON integer, or text of digits."""

CountAsked = Annotated[int, BeforeValidator(_digits_asked)]
"""An integer in an input: a JSON integer, or text of digits."""

FlagAsked = Annotated[bool, BeforeValidator(_flag_asked)]
"""A boolean in an input: a JSON boolean, or the text true or false."""

ServiceCode = Annotated[
    str,
    Field(
        min_length=1,
        max_length=100,
        pattern=r"^[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$",
        examples=["whatsapp"],
    ),
]
"""The provider's short name of a service (its api_name). It may contain a slash."""

MAX_REQUEST_ID = 255
RequestId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_REQUEST_ID,
        pattern=r"^[\x20-\x7e]+$",
        examples=["order-4711"],
    ),
]
"""The idempotency key of a purchase, chosen by the caller."""

is_request_id = re.compile(rf"[\x20-\x7e]{{1,{MAX_REQUEST_ID}}}").fullmatch
"""The same check for faces that take the request id in a header or parameter."""

Kind = Literal["rental", "long_rental"]

CURRENCY = "USD"
Currency = Annotated[str, WithJsonSchema({"type": "string", "enum": [CURRENCY]})]


class Charged(StrEnum):
    """Whether money moved."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Cacheable(Frozen):
    """A value served from a cache: the same object while it is unchanged."""

    fetched_at: Instant = Field(description="When the provider told this.")
    stale: bool = Field(description="Whether it is older than it should be.")


def blank_to_absent(given: dict[str, Any]) -> dict[str, Any]:
    """Drop empty texts from an input: low-code tools send them for omitted fields."""
    return {name: value for name, value in given.items() if value != ""}


def new_ledger_id(at: datetime) -> str:
    """A ledger id: time in microseconds, then random; sorts by time as text."""
    return f"{int(at.timestamp() * 1_000_000):013x}{secrets.token_hex(6)}"


def ledger_id_time(ledger_id: str) -> datetime:
    """When a ledger id was made."""
    return datetime.fromtimestamp(int(ledger_id[:13], 16) / 1_000_000, UTC)
