"""Services by name: exact but for case, and candidates where nothing is meant by a text."""

from collections.abc import Callable
from unicodedata import normalize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.model.prices import Price
from gateway.core.prices.service_names import candidates, closest, not_found, services_called
from tests.support.core import price

ROWS = [
    price("whatsapp", "0.55", service_name="Whatsapp", stock=120),
    price("google_voice", "1.20", service_name="Google Voice", stock=None),
    price("instagram/threads", "0.60", service_name="Instagram/Threads", stock=0),
    price("at&t", "0.30", service_name="AT&T", stock=3),
    price("x", "0.70", service_name="Twitter", stock=4),
    price("twitter_old", "0.20", service_name="X", stock=4),
    price("mail1", "0.40", service_name="Mail", stock=0),
    price("mail2", "0.50", service_name="mail", stock=7),
    price("cafe", "0.90", service_name="Caf\u00e9", stock=1),
    price("strasse", "0.80", service_name="STRASSE", stock=1),
]
CALLED = [
    ("whatsapp", ["whatsapp"]),
    ("WhatsApp", ["whatsapp"]),
    (" WHATSAPP ", ["whatsapp"]),
    ("google voice", ["google_voice"]),
    ("Google_Voice", ["google_voice"]),
    ("Instagram/Threads", ["instagram/threads"]),
    ("At&T", ["at&t"]),
    ("stra\u00dfe", ["strasse"]),
    ("x", ["x"]),  # a code, as it is given, goes before any name
    ("X", ["x", "twitter_old"]),
    ("Mail", ["mail1", "mail2"]),
    ("Google\u00a0 Voice", ["google_voice"]),
    ("cafe\u0301", ["cafe"]),
    ("whatsap", []),
    ("whats app", []),
    ("googlevoice", []),
    ("", []),
]


def codes(rows: list[Price]) -> list[str]:
    return [row.service_code for row in rows]


@pytest.mark.parametrize(("asked", "expected"), CALLED)
def test_a_service_is_called_by_its_code_or_name(asked: str, expected: list[str]) -> None:
    assert codes(services_called(ROWS, asked)) == expected


CLOSE = [
    ("whatsap", ["whatsapp"]),
    ("Whats App", ["whatsapp"]),
    ("whatsapp messenger", ["whatsapp"]),
    ("googlevoice", ["google_voice"]),
    ("threads", ["instagram/threads"]),
    ("Instgram threds", ["instagram/threads"]),
    ("twiter", ["x", "twitter_old"]),
    ("mails", ["mail2", "mail1"]),  # in stock first
    ("nothing like it", []),
    ("???", []),
    ("\u200b", []),
]


@pytest.mark.parametrize(("asked", "expected"), CLOSE)
def test_candidates_are_alike_and_those_in_stock_come_first(
    asked: str, expected: list[str]
) -> None:
    found = candidates(ROWS, asked)

    assert [each.service_code for each in found] == expected


def test_candidates_are_five_at_the_most_and_the_closest() -> None:
    rows = [price(f"whatsapp{n}", f"0.{n}5") for n in range(1, 9)]
    found = candidates([*rows, price("whatsapp", "9.00")], "whatsap")

    assert len(found) == 5
    assert found[0].service_code == "whatsapp"


def test_what_was_asked_for_is_no_candidate_of_itself() -> None:
    assert codes(closest(ROWS, "whatsapp")) == []


def test_a_miss_names_candidates_with_prices_and_stock() -> None:
    error = not_found(ROWS, "mails")

    assert error.detail == (
        "There is no such service. Nothing was charged. "
        "Close: mail2 0.50, mail1 0.40 (out of stock). Take a service_code from list_prices."
    )


def test_a_name_of_several_services_is_a_miss_that_names_them() -> None:
    error = not_found(ROWS, "Mail", services_called(ROWS, "Mail"))

    assert error.detail.startswith("2 services have this name. Nothing was charged. Close: mail2")
    assert [each.service_code for each in error.candidates] == ["mail2", "mail1"]


def test_only_what_the_caller_may_rent_is_a_candidate() -> None:
    assert not_found(ROWS, "mails", among={"mail1"}).candidates == candidates(ROWS[6:7], "mails")
    assert not_found(ROWS, "Mail", services_called(ROWS, "Mail"), {"mail2"}).candidates == (
        candidates(ROWS[7:8], "mails")
    )
    assert "Close" not in not_found(ROWS, "mails", among=()).detail


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(
    lambda name: name.strip() == name
)
LISTS = st.lists(
    st.builds(price, NAMES, st.just("0.55"), service_name=NAMES),
    unique_by=lambda row: row.service_code,
    min_size=1,
    max_size=20,
)
SPELLINGS: list[Callable[[str], str]] = [str, str.upper, str.lower, str.swapcase, str.casefold]


def plain_text(text: str) -> str:
    """As people read it: `³` is `3`, however many spaces stand in it."""
    return " ".join(normalize("NFKC", text).casefold().split())


@settings(deadline=None)
@given(st.data(), LISTS)
def test_any_spelling_leads_to_the_service_itself_or_to_none(
    data: st.DataObject, rows: list[Price]
) -> None:
    row = data.draw(st.sampled_from(rows))
    plain = data.draw(st.sampled_from([row.service_code, row.service_name]))
    spelled = (
        f"{data.draw(st.sampled_from(SPELLINGS))(plain)}{data.draw(st.sampled_from(['', ' ']))}"
    )
    called = services_called(rows, spelled)
    others = [
        other
        for other in rows
        if plain_text(spelled) in map(plain_text, (other.service_code, other.service_name))
    ]

    assert all(found in others or found.service_code == spelled for found in called)
    if spelled in [other.service_code for other in rows]:
        assert codes(called) == [spelled]
    elif spelled.strip().casefold() == plain.casefold():
        assert row in called


@settings(deadline=None)
@given(LISTS, st.text(max_size=100))
def test_whatever_is_asked_candidates_are_listed_services(rows: list[Price], asked: str) -> None:
    found = candidates(rows, asked)
    stocks = [each.stock == 0 for each in found]

    assert len(found) <= 5
    assert {each.service_code for each in found} <= set(codes(rows)) - {asked}
    assert stocks == sorted(stocks)
