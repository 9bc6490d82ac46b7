"""What numbers cost: the values, the search among them, and the operation."""

import base64
import binascii
import json
from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema

from gateway.core.desk import Desk
from gateway.core.errors import InvalidRequest
from gateway.core.operation import Effect, Operation, Rest
from gateway.core.values import (
    CURRENCY,
    CountAsked,
    Currency,
    FlagAsked,
    Frozen,
    Kept,
    ServiceCode,
    Usd,
    UsdAsked,
)

MAX_PAGE = 1000


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


class PricePage(Kept):
    """Prices, and how old they are."""

    data: list[Price] = Field(description="The prices that fit, in the order asked for.")
    next_cursor: str | None = Field(
        None, description="Pass it as cursor for the next page; null on the last."
    )


class ListPrices(Frozen):
    """Which prices, in what order."""

    service_code: ServiceCode | None = Field(None, description="Only this service.")
    query: Annotated[str, Field(max_length=100)] | None = Field(
        None, description="Only services whose name or code holds this text.", examples=["what"]
    )
    max_price: UsdAsked | None = Field(None, description="Only prices up to this, in USD.")
    in_stock: FlagAsked = Field(
        False, description="Only services with numbers; an unknown stock counts as some."
    )
    sort: Literal["name", "price", "stock"] = Field(
        "name", description="By name, by price (lowest first) or by stock (highest first)."
    )
    limit: Annotated[
        CountAsked,
        Field(ge=1, le=MAX_PAGE),
        WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MAX_PAGE}),
    ] = Field(100, description="How many prices at the most.")
    cursor: Annotated[str, Field(max_length=3000)] | None = Field(
        None, description="The next_cursor of the page before; keep the other inputs the same."
    )


Place = list[str | int]


def select(prices: list[Price], asked: ListPrices) -> tuple[list[Price], str | None]:
    """The prices that fit, one page of them, and the cursor of the next page."""
    found = sorted((p for p in prices if _fits(p, asked)), key=lambda p: _place(p, asked.sort))
    if asked.cursor is not None:
        after = _read_cursor(asked.cursor, asked.sort)
        found = [p for p in found if _place(p, asked.sort) > after]
    page = found[: asked.limit]
    more = len(found) > len(page)
    return page, _cursor(page[-1], asked.sort) if more else None


def _fits(price: Price, asked: ListPrices) -> bool:
    if asked.service_code is not None and price.service_code != asked.service_code:
        return False
    if asked.max_price is not None and price.price > asked.max_price:
        return False
    if asked.in_stock and price.stock == 0:
        return False
    wanted = (asked.query or "").casefold()
    return wanted in price.service_name.casefold() or wanted in price.service_code.casefold()


def _place(price: Price, sort: str) -> Place:
    """Where a price stands in an order; ends with the code, so that no two are equal."""
    if sort == "price":
        return [f"{price.price:020.6f}", price.service_code]
    if sort == "stock":
        return [1 if price.stock is None else -price.stock, price.service_code]
    return [price.service_name.casefold(), price.service_code]


def _cursor(last: Price, sort: str) -> str:
    place = json.dumps([sort, *_place(last, sort)], separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _read_cursor(cursor: str, sort: str) -> Place:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        match json.loads(base64.b64decode(padded, altchars=b"-_", validate=True)):
            case [str(made_for), str() | int() as first, str(code)] if made_for == sort and (
                isinstance(first, int) == (sort == "stock")
            ):
                return [first, code]
    except (binascii.Error, ValueError, RecursionError):
        pass
    raise InvalidRequest(
        "cursor: is not the next_cursor of a page with this sort.",
        advice="Repeat the call without cursor to start over.",
    )


async def _list_prices(desk: Desk, asked: ListPrices) -> PricePage:
    return await desk.helpers.price_book.page(desk, asked)


LIST_PRICES = Operation(
    name="list_prices",
    summary="List what a number costs for each service, with its stock",
    description=(
        "Answers the provider's price list, kept for a minute: fetched_at says from when it is, "
        "stale that it is older than it should be. Narrow it by service_code, query, max_price "
        "or in_stock. Prices are without the surcharges for carrier and area code."
    ),
    takes=ListPrices,
    gives=PricePage,
    effect=Effect.READ,
    rest=Rest("GET", "/v1/prices"),
    run=_list_prices,
    toolset="account",
)

OPERATIONS = (LIST_PRICES,)
