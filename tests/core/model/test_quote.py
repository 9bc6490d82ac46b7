"""What a purchase may cost, before it is made."""

from decimal import Decimal
from typing import Any

import pytest

from gateway.core.model.prices import Price
from gateway.core.model.quote import Quote, again_quote, rent_quote
from gateway.core.model.rentals import Rental, RentalStatus, RentNumber

MAIL = Price(service_code="mail", service_name="Mail", price=Decimal("0.33"), ttl_minutes=15)


@pytest.mark.parametrize(
    ("wishes", "most"),
    [
        ({}, "0.33"),
        ({"number": "2125550123"}, "0.33"),
        ({"carrier": "tmobile"}, "0.40"),
        ({"area_codes": "212"}, "0.40"),
        ({"carrier": "tmobile", "area_codes": "212"}, "0.47"),
    ],
    ids=str,
)
def test_a_rental_costs_its_price_and_what_its_wishes_add(
    wishes: dict[str, Any], most: str
) -> None:
    asked = RentNumber(service_code="mail", **wishes)

    assert rent_quote(asked, MAIL) == Quote(Decimal(most), "mail", 15)


@pytest.mark.parametrize(
    ("before", "now", "most"),
    [
        ("0.30", MAIL, "0.33"),
        ("1.70", MAIL, "1.70"),
        (None, MAIL, "0.33"),
        ("1.70", None, "1.70"),
        (None, None, None),
    ],
)
def test_renting_again_costs_the_higher_of_the_prices_that_are_known(
    before: str | None, now: Price | None, most: str | None
) -> None:
    earlier = Rental(
        id=1,
        status=RentalStatus.COMPLETED,
        service_code="mail",
        price=None if before is None else Decimal(before),
    )
    quote = again_quote(earlier, now)

    assert quote.at_most == (None if most is None else Decimal(most))
    assert quote.service_code == "mail"
    assert quote.ttl_minutes == (now and now.ttl_minutes)
