"""Shared value types: exact money, aware instants, E.164 numbers, identifiers."""

import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
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
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticUseDefault

MAX_ID = 2**63 - 1
MAX_PAGE = 1000
AMOUNT_PATTERN = r"^([1-9][0-9]{0,3}(\.[0-9]{1,4})?|0\.[0-9]{0,3}[1-9]0{0,3}|10000(\.0{1,4})?)?$"
"""Every amount in an input as text: above 0, at most 10000; or "", which is none."""

_CENT = Decimal("0.01")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MICROS = 16**13 - 1  # in the year 2112: as much as a ledger id holds
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_AMOUNT = re.compile(
    r"\$? ?([+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?)(?: ?USD)?", re.IGNORECASE
).fullmatch


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


def amount_of(micros: int) -> Decimal:
    """The amount in so many millionths of a dollar: two decimals, or as many as it needs."""
    cents, finer = divmod(micros, 10_000)
    return Decimal(micros).scaleb(-6).normalize() if finer else Decimal(cents).scaleb(-2)


@lru_cache(5000)
def instant_text(moment: datetime) -> str:
    """RFC 3339 in UTC, with milliseconds only where there are any."""
    precision = "milliseconds" if moment.microsecond >= 1000 else "seconds"
    return moment.astimezone(UTC).isoformat(timespec=precision).removesuffix("+00:00") + "Z"


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def amount_in(text: str) -> Decimal | None:
    """The amount that a text says, such as 0.55, $0.55 or 0.55 USD; None where it says none."""
    found = _AMOUNT(text.strip())
    return Decimal(found[1]) if found else None


def amount_asked(raw: object) -> object:
    """Convert a JSON number or text to an exact decimal; reject booleans, ints in Python."""
    if isinstance(raw, float):
        raw = Decimal(str(raw))
    elif isinstance(raw, str) and (amount := amount_in(raw)) is not None:
        raw = amount
    elif isinstance(raw, bool) or not isinstance(raw, int | Decimal):
        raise ValueError("must be an amount of dollars, such as 0.55")
    if not Decimal(raw).is_nan() and raw <= 0:
        raise ValueError("must be more than 0; for no limit leave it out, where it is optional")
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


def digits_or_default(raw: object) -> object:
    """A whole number, for which 0 stands for the default."""
    number = _digits_asked(raw)
    if number == 0:
        raise PydanticUseDefault
    return number


def text_asked(raw: object) -> object:
    """Convert a JSON integer to text of digits; pydantic rejects other types."""
    if isinstance(raw, bool | float) or (isinstance(raw, int) and raw < 0):
        raise ValueError("must be text, or a whole number that is not negative")
    return str(raw) if isinstance(raw, int) else raw


def line_asked(raw: object) -> object:
    """Text on one line, trimmed, without control characters; a blank one is as good as none."""
    text = text_asked(raw)
    if not isinstance(text, str):
        return text
    if not (text := _CONTROL.sub(" ", text).strip()):
        raise PydanticUseDefault
    if any("\ud800" <= each <= "\udfff" for each in text):
        raise ValueError("must be Unicode text")
    return text


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
    BeforeValidator(amount_asked),
    Field(gt=0, le=10_000, max_digits=12, decimal_places=4, allow_inf_nan=False),
    WithJsonSchema({"type": "string", "pattern": AMOUNT_PATTERN, "examples": ["0.55"]}),
]
"""An amount in an input: text, or a JSON number."""

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

IdFilter = Annotated[
    int,
    BeforeValidator(digits_or_default),
    Field(gt=0, le=MAX_ID),
    WithJsonSchema({"type": "integer", "format": "int64", "minimum": 0}),
]
"""An identifier that narrows a list; 0 stands for any."""

CountAsked = Annotated[int, BeforeValidator(_digits_asked)]
"""An integer in an input: a JSON integer, or text of digits."""

LimitAsked = Annotated[
    int,
    BeforeValidator(digits_or_default),
    Field(ge=1, le=MAX_PAGE),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MAX_PAGE}),
]
"""How many rows of a list are asked for; 0 stands for the default."""

OrDigits = BeforeValidator(text_asked)
"""Lets text in an input also be a JSON integer: its digits."""

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

_BLANKS = r"\x00-\x20\x7f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
# With no space of any kind at its beginning, for one around it is stripped.
LINE_PATTERN = rf"[^{_BLANKS}][^\x00-\x1f\x7f]*"
"""A text on one line that is not blank, in an input."""

ServiceAsked = Annotated[
    str,
    StringConstraints(strip_whitespace=True),
    Field(
        min_length=1,
        max_length=100,
        pattern=f"^{LINE_PATTERN}$",
        examples=["whatsapp"],
    ),
]
"""A service in an input of a rent, by its code or its name."""

Reference = Annotated[
    str,
    Field(max_length=100, examples=["customer 17"]),
    BeforeValidator(line_asked),
]
"""The caller's own name for what a purchase is about. It is kept as long as the purchase."""

KeyName = Annotated[str, Field(max_length=100), BeforeValidator(line_asked)]
"""The id or name of a gateway key in an input."""

MAX_REQUEST_ID = 255
RequestId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_REQUEST_ID,
        pattern=r"^[\x20-\x7e]+$",
    ),
    OrDigits,
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


def without_blanks(given: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs without null and the empty text: platforms send them for what is left out."""
    return {name: value for name, value in given.items() if value is not None and value != ""}


def new_ledger_id(at: datetime) -> str:
    """A ledger id: time in microseconds, then random; sorts by time as text."""
    return f"{first_ledger_id(at)}{secrets.token_hex(6)}"


def first_ledger_id(at: datetime) -> str:
    """What is not above any ledger id made at that moment or later, and above all earlier ones."""
    micros = (at - _EPOCH) // timedelta(microseconds=1)
    return f"{min(max(0, micros), _LAST_MICROS):013x}"


def ledger_id_time(ledger_id: str) -> datetime:
    """When a ledger id was made."""
    return datetime.fromtimestamp(int(ledger_id[:13], 16) / 1_000_000, UTC)
