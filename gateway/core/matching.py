"""Whether a rental that turns up is the one a lost purchase bought."""

from collections.abc import Iterable
from datetime import timedelta

from gateway.core.ledger import Spend
from gateway.core.prices import Price
from gateway.core.rentals import Rental

_CLOSE = timedelta(minutes=2)


def named(rental: Rental, prices: Iterable[Price]) -> Rental:
    """The rental with its service_code, where the price list tells it: a status does not."""
    if rental.service_code is not None or rental.service_name is None:
        return rental
    codes = [price.service_code for price in prices if price.service_name == rental.service_name]
    return rental.model_copy(update={"service_code": codes[0]}) if len(codes) == 1 else rental


def priced(rental: Rental, prices: Iterable[Price]) -> bool:
    """Whether the price list has the rental's service: without it, nothing can be said to fit."""
    return any(price.service_code == rental.service_code for price in prices)


def all_fitting(rental: Rental, sent: Iterable[Spend], prices: Iterable[Price]) -> list[Spend]:
    """Those purchases that the rental fits in service and time."""
    minutes = {price.service_code: price.ttl_minutes for price in prices}
    return [spend for spend in sent if _fits(rental, spend, minutes)]


def _fits(rental: Rental, spend: Spend, minutes: dict[str, int | None]) -> bool:
    service = spend.service_code
    if spend.kind != "rental" or service is None or rental.service_code != service:
        return False
    ttl = minutes.get(service)
    if ttl is None or rental.ends_at is None:
        return False
    # The zone of ends_at is a guess: where it is wrong nothing fits, and an operator decides.
    return abs(rental.ends_at - timedelta(minutes=ttl) - spend.at) <= _CLOSE
