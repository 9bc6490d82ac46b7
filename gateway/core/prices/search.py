"""Search in a price list: filters, sort order and cursors."""

import base64
import binascii
import json
from collections.abc import Sequence

from gateway.core.model.errors import InvalidRequest
from gateway.core.model.prices import ListPrices, Price, close_to_it
from gateway.core.model.values import money_text
from gateway.core.prices.service_names import candidates

Place = list[str | int]


def select(prices: list[Price], asked: ListPrices) -> tuple[list[Price], str | None]:
    """One page of the matching prices, and the cursor of the next page if there is one."""
    found = sorted((p for p in prices if _fits(p, asked)), key=lambda p: _place(p, asked.sort))
    if asked.cursor is not None:
        after = _read_cursor(asked.cursor, asked.sort)
        found = [p for p in found if _place(p, asked.sort) > after]
    page = found[: asked.limit]
    more = len(found) > len(page)
    return page, _cursor(page[-1], asked.sort) if more else None


def why_empty(prices: list[Price], asked: ListPrices, withheld: Sequence[Price] = ()) -> str:
    """Which filter of a search has left nothing, and what comes close.

    `withheld`: services that are left out, because the provider has refused their prices.
    """
    if asked.cursor is not None:
        return "No price comes after this cursor."
    if not prices and not withheld:
        return "The provider's price list is empty."
    named = [price for price in prices if _is_named(price, asked)]
    if not named and any(_is_named(price, asked) for price in withheld):
        return "The provider refuses the price that it lists for this. Try again in some seconds."
    if not named:
        return _no_such_name(prices, asked)
    left = [price for price in named if not (asked.in_stock and price.stock == 0)]
    fit = "1 service fits" if len(named) == 1 else f"{len(named)} services fit"
    if not left:
        return f"{fit}, and {'is' if len(named) == 1 else 'all are'} out of stock."
    lowest = money_text(min(price.price for price in left))
    cheapest = "at" if len(left) == 1 else "the cheapest at"
    in_stock = " and in stock" if len(left) < len(named) else ""
    return f"{fit}, {cheapest} {lowest} USD{in_stock}, above max_price."


def _no_such_name(prices: list[Price], asked: ListPrices) -> str:
    wanted = asked.query or asked.service_code or ""
    if asked.query is None:
        happened = f"No service has the code '{wanted}'."
    elif asked.service_code is None:
        happened = f"No service's name or code holds '{wanted}'."
    else:
        happened = f"No service has the code '{asked.service_code}' and '{wanted}' in its name."
    return " ".join(filter(None, (happened, close_to_it(candidates(prices, wanted)))))


def _fits(price: Price, asked: ListPrices) -> bool:
    if asked.max_price is not None and price.price > asked.max_price:
        return False
    if asked.in_stock and price.stock == 0:
        return False
    return _is_named(price, asked)


def _is_named(price: Price, asked: ListPrices) -> bool:
    if asked.service_code is not None and price.service_code != asked.service_code:
        return False
    wanted = (asked.query or "").casefold()
    return wanted in price.service_name.casefold() or wanted in price.service_code.casefold()


def _place(price: Price, sort: str) -> Place:
    """The sort key of a price; ends with the service code, which makes it unique."""
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
