"""Prices of numbers by service: values and inputs."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr

from gateway.core.model.values import (
    CURRENCY,
    Cacheable,
    Currency,
    FlagAsked,
    Frozen,
    LimitAsked,
    ServiceCode,
    Usd,
    UsdAsked,
    money_text,
)

UNKNOWN_TTL = timedelta(hours=1)  # of a rental whose service's duration is not known


class Price(Frozen):
    """What a number for one service costs."""

    service_code: ServiceCode = Field(
        description="The service's short name: what rent_number takes."
    )
    service_name: str = Field(description="The service's name for people.")
    price: Usd = Field(description="The price of one rental, without surcharges.")
    currency: Currency = Field(CURRENCY, description="The currency of the price.")
    stock: Annotated[int, Field(ge=0)] | None = Field(
        None, description="How many numbers there are; null where the provider does not tell."
    )
    ttl_minutes: Annotated[int, Field(ge=0)] | None = Field(
        None, description="How many minutes a rental lasts."
    )
    multiple_sms: bool = Field(False, description="Whether more than one code can come.")


class Candidate(Frozen):
    """A service that was perhaps meant."""

    service_code: ServiceCode = Field(description="What rent_number takes.")
    service_name: str = Field(description="The service's name for people.")
    price: Usd = Field(description="The price of one rental, without surcharges, in USD.")
    stock: Annotated[int, Field(ge=0)] | None = Field(
        None, description="How many numbers there are; absent where not known."
    )

    @classmethod
    def of(cls, listed: Price) -> "Candidate":
        """The candidate that a listed service is."""
        return cls(
            service_code=listed.service_code,
            service_name=listed.service_name,
            price=listed.price,
            stock=listed.stock,
        )


def close_to_it(candidates: Iterable[Candidate]) -> str:
    """The sentence that names candidates with their prices; empty where there is none."""
    said = (
        f"{each.service_code} {money_text(each.price)}{' (out of stock)' * (each.stock == 0)}"
        for each in candidates
    )
    return f"Close: {listed}." if (listed := ", ".join(said)) else ""


class PricePage(Cacheable):
    """Prices, and how old they are."""

    data: list[Price] = Field(description="The prices that fit, in the order asked for.")
    next_cursor: str | None = Field(
        None, description="Pass it as cursor for the next page; null on the last."
    )
    notice: str | None = Field(
        None, description="Why there are no prices, and close names; null where there are some."
    )
    _withheld: tuple[Price, ...] = PrivateAttr(())

    @property
    def withheld(self) -> tuple[Price, ...]:
        """The services of the whole list that are left out, their prices being contradicted."""
        return self._withheld

    def withhold(self, rows: Iterable[Price]) -> None:
        """Set what is left out; it is no part of the page's JSON."""
        self._withheld = tuple(rows)


class ListPrices(Frozen):
    """The input of list_prices: filters, order and page."""

    service_code: ServiceCode | None = Field(None, description="Only this service.")
    query: Annotated[str, Field(max_length=100)] | None = Field(
        None, description="Only services whose name or code holds this text.", examples=["what"]
    )
    max_price: UsdAsked | None = Field(None, description="Only prices up to this, in USD.")
    in_stock: FlagAsked = Field(
        False, description="Only with numbers in stock, or of unknown stock."
    )
    sort: Literal["name", "price", "stock"] = Field(
        "name", description="price: lowest first; stock: highest first."
    )
    limit: LimitAsked = Field(100, description="How many at the most.")
    cursor: Annotated[str, Field(max_length=3000)] | None = Field(
        None, description="The last page's next_cursor."
    )
