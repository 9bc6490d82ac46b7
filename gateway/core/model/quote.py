"""What a purchase may cost, told before it is made."""

from dataclasses import dataclass
from decimal import Decimal

_ONE = Decimal(1)
_EITHER, _BOTH = Decimal("1.2"), Decimal("1.4")  # page: surcharges where carrier, area matched
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Quote:
    """What a purchase may cost at the most, in USD; None where nobody can tell before."""

    at_most: Decimal | None
    service_code: str | None = None
    ttl_minutes: int | None = None


def with_surcharges(price: Decimal, *, carrier: bool, area: bool) -> Decimal:
    """The price where everything that is asked for is matched, rounded up to the cent."""
    factor = _BOTH if carrier and area else _EITHER if carrier or area else _ONE
    return (price * factor).quantize(_CENT, rounding="ROUND_CEILING")
