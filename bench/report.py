"""What a bench returns: rows, each with its ratio or value, and whether that is good enough."""

from dataclasses import dataclass
from typing import Literal

from bench.measure import Ratio

Sign = Literal["<", "≤", "≥"]


@dataclass(frozen=True, slots=True)
class Target:
    """What a median must keep to."""

    sign: Sign
    limit: float

    def met(self, value: float) -> bool:
        if self.sign == "≥":
            return value >= self.limit
        return value <= self.limit if self.sign == "≤" else value < self.limit


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; without a target it is for information."""

    what: str
    measure: str
    value: Ratio
    target: Target | None = None
    unit: str = "x"
    absolute: str = ""
