"""Upper bounds for the cost of a purchase, computed from known prices before it is made."""

from dataclasses import dataclass, replace
from decimal import Decimal

from gateway.core.model.preferences import ANY
from gateway.core.model.prices import Price
from gateway.core.model.rentals import Rental, RentNumber
from gateway.core.model.replacement import ReplaceRental

_ONE = Decimal(1)
_EITHER, _BOTH = Decimal("1.2"), Decimal("1.4")  # page: surcharges where carrier, area matched
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Quote:
    """The most a purchase may cost, in USD; `at_most` None: not known in advance."""

    at_most: Decimal | None
    service_code: str | None = None
    ttl_minutes: int | None = None


def with_surcharges(price: Decimal, *, carrier: bool, area: bool) -> Decimal:
    """The price with the surcharges of all requested preferences, rounded up to the cent."""
    factor = _BOTH if carrier and area else _EITHER if carrier or area else _ONE
    return (price * factor).quantize(_CENT, rounding="ROUND_CEILING")


def lowest_max_price(price: Decimal, *, carrier: bool, area: bool) -> Decimal:
    """The lowest max_price that is enough at a listed price, with the surcharges."""
    return with_surcharges(price, carrier=carrier, area=area) if carrier or area else price


def price_needed(asked: RentNumber, listed: Price) -> Decimal:
    """The lowest max_price that is enough for a rent."""
    return lowest_max_price(
        listed.price, carrier=asked.carrier != "any", area=asked.area_codes is not None
    )


def rent_quote(asked: RentNumber, listed: Price) -> Quote:
    """The quote of a rent: the listed price with the surcharges of the input's preferences."""
    most = with_surcharges(
        listed.price, carrier=asked.carrier != "any", area=asked.area_codes is not None
    )
    return Quote(most, asked.service_code, listed.ttl_minutes)


def again_quote(earlier: Rental, listed: Price | None) -> Quote:
    """The quote of a re-rent: the earlier price or the listed one, whichever is higher.

    The provider's re-rent takes no max_price. `listed` None: the price is not known.
    """
    now = listed.price if listed else None
    known = [price for price in (earlier.price, now) if price is not None]
    ttl_minutes = listed.ttl_minutes if listed else None
    return Quote(max(known, default=None), earlier.service_code, ttl_minutes)


def replacement_quote(asked: ReplaceRental, earlier: Rental, listed: Price | None) -> Quote:
    """The quote of a replacement: as again_quote, or the listed price with what is asked for anew.

    What was asked for the first number is told by its price alone.
    """
    quote = again_quote(earlier, listed)
    if listed is None or quote.at_most is None:
        return quote
    anew = with_surcharges(
        listed.price,
        carrier=asked.carrier not in ("same", ANY),
        area=asked.area_codes not in (None, ANY),
    )
    return replace(quote, at_most=max(quote.at_most, anew))
