"""Searching the price list: filters, orders, and pages that lose and repeat nothing."""

from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.invocation.validation import validate
from gateway.core.model.errors import InvalidRequest
from gateway.core.model.prices import ListPrices, Price
from gateway.core.prices.search import select, why_empty
from tests.support.core import price

Sort = Literal["name", "price", "stock"]

ROWS = [
    price("whatsapp", "0.55", service_name="Whatsapp", stock=120),
    price("instagram/threads", "0.60", service_name="Instagram", stock=0),
    price("google", "1.20", service_name="Google", stock=None),
    price("tinder", "0.55", service_name="Tinder", stock=9),
]
FOUND: list[tuple[str, dict[str, Any], list[str]]] = [
    ("by name", {}, ["google", "instagram/threads", "tinder", "whatsapp"]),
    ("by price", {"sort": "price"}, ["tinder", "whatsapp", "instagram/threads", "google"]),
    ("by stock", {"sort": "stock"}, ["whatsapp", "tinder", "instagram/threads", "google"]),
    ("one service", {"service_code": "instagram/threads"}, ["instagram/threads"]),
    ("no such service", {"service_code": "nowhere"}, []),
    ("service code is exact", {"service_code": "Whatsapp"}, []),
    ("query in the name, any case", {"query": "iNSTA"}, ["instagram/threads"]),
    ("query in the code", {"query": "threads"}, ["instagram/threads"]),
    ("up to a price, that price too", {"max_price": "0.55"}, ["tinder", "whatsapp"]),
    ("up to a price, a number", {"max_price": 0.6}, ["instagram/threads", "tinder", "whatsapp"]),
    ("in stock, unknown too", {"in_stock": "true"}, ["google", "tinder", "whatsapp"]),
    ("limit", {"limit": "2"}, ["google", "instagram/threads"]),
    ("all at once", {"in_stock": True, "max_price": 1, "query": "t"}, ["tinder", "whatsapp"]),
    ("nothing means absent", {"query": "", "max_price": ""}, [r.service_code for r in ROWS]),
]


def codes(rows: list[Price]) -> list[str]:
    return [row.service_code for row in rows]


@pytest.mark.parametrize(("given", "expected"), [r[1:] for r in FOUND], ids=[r[0] for r in FOUND])
def test_search_finds(given: dict[str, Any], expected: list[str]) -> None:
    page, _ = select(ROWS, validate(ListPrices, given))

    assert sorted(codes(page)) == sorted(expected)
    if "query" not in given:
        assert codes(page) == expected


WHY = [
    ({"query": "whatsap"}, "1 service fits, at 0.55 USD, above max_price.", {"max_price": "0.5"}),
    ({"query": "i"}, "2 services fit, the cheapest at 0.55 USD, above max_price.",
     {"max_price": "0.5"}),
    ({"query": "i", "in_stock": True},
     "2 services fit, at 0.55 USD and in stock, above max_price.", {"max_price": "0.5"}),
    ({"query": "insta"}, "1 service fits, and is out of stock.", {"in_stock": True}),
    ({"service_code": "Whatsapp"}, "No service has the code 'Whatsapp'. Close: whatsapp 0.55.", {}),
    ({"query": "whatsupp"},
     "No service's name or code holds 'whatsupp'. Close: whatsapp 0.55.", {}),
    ({"query": "instgram"},
     "No service's name or code holds 'instgram'. "
     "Close: instagram/threads 0.60 (out of stock).", {}),
    ({"query": "qqqq"}, "No service's name or code holds 'qqqq'.", {}),
    ({"service_code": "google", "query": "tindr"},
     "No service has the code 'google' and 'tindr' in its name. Close: tinder 0.55.", {}),
]  # fmt: skip


@pytest.mark.parametrize(("filters", "why", "more"), WHY)
def test_an_empty_list_says_which_filter_left_nothing(
    filters: dict[str, Any], why: str, more: dict[str, Any]
) -> None:
    asked = validate(ListPrices, filters | more)

    assert select(ROWS, asked) == ([], None)
    assert why_empty(ROWS, asked) == why


def test_other_empty_lists_say_why_too() -> None:
    rows = [price("mail1", "0.4", stock=0), price("mail2", "0.5", stock=0)]
    _, cursor = select(rows, ListPrices(limit=1))

    assert why_empty([], ListPrices(query="x")) == "The provider's price list is empty."
    assert why_empty(rows, ListPrices(in_stock=True)) == "2 services fit, and all are out of stock."
    assert why_empty(rows[:1], ListPrices(cursor=cursor)) == "No price comes after this cursor."


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
CODES = NAMES.filter(lambda code: code[0] != " ")
PRICES = st.builds(
    price,
    CODES,
    st.decimals("0", "10000", places=4).map(str),
    service_name=NAMES,
    stock=st.none() | st.integers(0, 5),
)


def read_pages(rows: list[Price], sort: Sort, limit: int) -> list[list[Price]]:
    """Page by page as a caller does it: each cursor goes through the check of inputs."""
    pages: list[list[Price]] = []
    cursor: str | None = ""
    while cursor is not None:
        asked = validate(ListPrices, {"sort": sort, "limit": limit, "cursor": cursor})
        page, cursor = select(rows, asked)
        pages.append(page)
    return pages


LONGEST = ["\u00df" * 200, "\U0001f600" * 200]


@pytest.mark.parametrize("name", LONGEST)
def test_the_longest_names_have_a_cursor_too(name: str) -> None:
    rows = [price(name[:99] + end, service_name=name) for end in "abc"]

    assert len(read_pages(rows, "name", 1)) == 3


@settings(max_examples=150, deadline=None)
@given(
    st.lists(PRICES, unique_by=lambda row: row.service_code, max_size=25),
    st.sampled_from(["name", "price", "stock"]),
    st.integers(1, 7),
)
def test_pages_put_together_are_the_whole(rows: list[Price], sort: Sort, limit: int) -> None:
    whole, nothing_more = select(rows, ListPrices(sort=sort, limit=1000))
    pages = read_pages(rows, sort, limit)

    assert nothing_more is None
    assert [row for page in pages for row in page] == whole
    assert sorted(codes(whole)) == sorted(codes(rows))
    assert all(len(page) == limit for page in pages[:-1])


@settings(max_examples=100, deadline=None)
@given(st.lists(PRICES, unique_by=lambda row: row.service_code, max_size=25))
def test_orders_are_what_they_say(rows: list[Price]) -> None:
    by_price, _ = select(rows, ListPrices(sort="price", limit=1000))
    by_stock, _ = select(rows, ListPrices(sort="stock", limit=1000))
    stocks = [row.stock for row in by_stock]
    known = [stock for stock in stocks if stock is not None]

    assert [row.price for row in by_price] == sorted(row.price for row in rows)
    assert known == sorted(known, reverse=True)
    assert stocks == [*known, *[None] * (len(stocks) - len(known))]


def test_a_row_that_comes_between_two_pages_moves_nothing_else() -> None:
    page, cursor = select(ROWS, ListPrices(limit=2))
    later = [*ROWS, price("aaa", service_name="Aaa")]
    rest, _ = select(later, ListPrices(limit=10, cursor=cursor))

    assert codes(page) + codes(rest) == ["google", "instagram/threads", "tinder", "whatsapp"]


BAD_CURSORS = [
    "nonsense!", "e30", "W10", "bnVsbA", "=", "WyJuYW1lIl0", "\u00e9", "WyJwcmljZSIsMSwiYSJd",
    "WyJuYW1lIiwxLCJhIl0", "WyJuYW1lIiwiYSIsMV0", "WyJuYW1lIiwidyIsImEiLCJiIl0", "////", "A" * 400,
    "W1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tb", "////____",
]  # fmt: skip


@pytest.mark.parametrize("cursor", BAD_CURSORS)
def test_a_cursor_that_is_none_is_an_invalid_request(cursor: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        select(ROWS, ListPrices(cursor=cursor))

    assert refused.value.detail.startswith("cursor: ")
    assert "without cursor" in refused.value.detail


@pytest.mark.parametrize("other", ["price", "stock"])
def test_a_cursor_of_another_order_is_an_invalid_request(other: Sort) -> None:
    _, cursor = select(ROWS, ListPrices(limit=1))

    with pytest.raises(InvalidRequest):
        select(ROWS, ListPrices(limit=1, sort=other, cursor=cursor))


@given(st.text(max_size=400))
def test_whatever_is_sent_as_cursor_is_answered(cursor: str) -> None:
    try:
        select(ROWS, ListPrices(cursor=cursor))
    except InvalidRequest:
        return


def test_prices_compare_as_amounts_not_as_text() -> None:
    rows = [price("a", "10.00"), price("b", "9.00"), price("c", "0.10"), price("d", "100")]

    assert codes(select(rows, ListPrices(sort="price"))[0]) == ["c", "b", "a", "d"]


def test_a_service_whose_price_is_withheld_is_not_called_unknown() -> None:
    (left_out, *others) = ROWS
    named = ListPrices(query="what")

    assert why_empty(others, named, [left_out]) == why_empty([], named, [left_out])
    assert why_empty(others, named, [left_out]).startswith("The provider refuses the price")
    assert why_empty(others, ListPrices(query="zap"), [left_out]).startswith("No service's name")
