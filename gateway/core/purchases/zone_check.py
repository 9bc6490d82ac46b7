"""Checks the zone of the provider's times: they carry none, so the setting is a guess."""

from collections.abc import Iterable
from datetime import timedelta

from gateway.core.model.prices import Price
from gateway.core.model.rentals import Rental

_STEP = timedelta(minutes=15)  # zones differ by multiples of it, and by two of them at least
_NEAR = timedelta(minutes=20)
_EXACT = timedelta(minutes=5)  # so much longer or shorter than it should a rental may live


def zone_offset(rental: Rental, prices: Iterable[Price]) -> timedelta | None:
    """How far a fresh rental's end lies from now and its service's time to live.

    A multiple of a quarter of an hour, as zones differ; None where it cannot be told: the end or
    the time to live is unknown, or the difference is none that a zone would make.
    """
    minutes = next((p.ttl_minutes for p in prices if p.service_code == rental.service_code), None)
    if minutes is None or rental.ends_at is None or rental.created_at is None:
        return None
    off = rental.ends_at - rental.created_at - timedelta(minutes=minutes)
    if abs(off) < _NEAR:
        return timedelta(0)
    zones = round(off / _STEP) * _STEP
    return zones if abs(off - zones) <= _EXACT else None
