"""The types of the settings and how each is validated: seconds, money, whole numbers, enums."""

import math
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, PlainSerializer

NEVER = math.inf
"""A delay after which nothing comes."""

CENT = Decimal("0.01")

STRICT = ConfigDict(strict=True, extra="forbid")
"""For settings: no value is converted silently and an unknown name is an error."""


def to_cents(amount: Decimal) -> Decimal:
    """Rounded half up to the cent, the only rounding there is."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def _read_never(raw: object) -> object:
    return NEVER if raw is None or raw == "never" else raw


def _write_never(seconds: float) -> float | str:
    return "never" if seconds == NEVER else seconds


E = TypeVar("E")
ByValue = Annotated[E, Field(strict=False)]
"""An enum that may also be given as its value."""

Whole = Annotated[int, Field(ge=0)]

Share = Annotated[float, Field(ge=0, le=1)]
"""A part of all, from 0 for none to 1."""

Seconds = Annotated[float, BeforeValidator(_read_never), Field(ge=0), PlainSerializer(_write_never)]
"""A delay. `NEVER` is null or "never" in JSON on the way in and "never" on the way out."""

FiniteSeconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]

Money = Annotated[Decimal, Field(strict=False, ge=0, lt=Decimal("1e20")), AfterValidator(to_cents)]
"""US dollars as a number or text, rounded to the cent."""
