from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from gateway.core.model.prices import Price
from gateway.core.model.rentals import Rental, RentalStatus
from gateway.core.purchases.zone_check import zone_offset

NOON = datetime(2025, 7, 6, 12, 0, tzinfo=UTC)
FIVE = [Price(service_code="whatsapp", service_name="W", price=Decimal("0.55"), ttl_minutes=5)]


def rented(minutes: float | None, service: str = "whatsapp") -> Rental:
    ends = None if minutes is None else NOON + timedelta(minutes=minutes)
    return Rental(
        id=1, status=RentalStatus.ACTIVE, service_code=service, created_at=NOON, ends_at=ends
    )


@pytest.mark.parametrize(
    ("ends_after", "off"),
    [
        (5, 0), (4.5, 0), (6, 0), (15, 0),  # the zone is right; some live longer
        (5 + 240, 240), (5 - 240, -240), (5 - 242, -240),  # UTC taken for New York in summer
        (5 + 330, 330),  # zones differ by half hours too
    ],
)  # fmt: skip
def test_a_zone_that_is_wrong_shows_in_every_rental(ends_after: float, off: float) -> None:
    assert zone_offset(rented(ends_after), FIVE) == timedelta(minutes=off)


@pytest.mark.parametrize(
    "rental", [rented(None), rented(5, "telegram"), rented(5 + 37)], ids=["no end", "no ttl", "odd"]
)
def test_where_it_cannot_be_told_nothing_is_said(rental: Rental) -> None:
    assert zone_offset(rental, FIVE) is None
