"""Checks the configured time zone of the provider, whose times have no offset (guess)."""

from collections.abc import Iterable
from datetime import timedelta

from gateway.core.model.prices import Price
from gateway.core.model.rentals import Rental

_STEP = timedelta(minutes=15)  # zones differ by multiples of it, and by at least two
_NEAR = timedelta(minutes=20)
_EXACT = timedelta(minutes=5)  # allowed difference between the real and the expected duration


def zone_offset(rental: Rental, prices: Iterable[Price]) -> timedelta | None:
    """The difference between a new rental's end and the one expected by its service's duration.

    A multiple of 15 minutes, as between zones. None where the end or the duration is unknown, or
    where no difference of zones explains it.
    """
    minutes = next((p.ttl_minutes for p in prices if p.service_code == rental.service_code), None)
    if minutes is None or rental.ends_at is None or rental.created_at is None:
        return None
    off = rental.ends_at - rental.created_at - timedelta(minutes=minutes)
    if abs(off) < _NEAR:
        return timedelta(0)
    zones = round(off / _STEP) * _STEP
    return zones if abs(off - zones) <= _EXACT else None
