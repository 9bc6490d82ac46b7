"""Agents name a service as they know it: it is rented, or they are told what is close to it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from adapters.simulator import Service
from mcp_server.tools.results import ERROR_META
from tests.mcp.support import (
    ERAS,
    QUICK,
    Person,
    SimulatedStand,
    bought,
    connected,
    done,
    refused,
    run_mcp,
    text_of,
)

SERVICES = (
    Service("Google Voice", "google_voice", Decimal("2.00"), 5, stock=40),
    Service("Zap\u200b Talk", "zap_talk", Decimal("0.30"), 5, stock=0),
    Service("[x](https://x.io)", "live", Decimal("2.00"), 5, stock=4),
)
NAMED = replace(QUICK, services=SERVICES)
VOICE = {"service_code": "Google Voice", "max_price": 3}


@pytest.fixture
async def stand() -> AsyncIterator[SimulatedStand]:
    async with run_mcp(NAMED) as stand:
        yield stand


def sent(stand: SimulatedStand) -> list[Any]:
    received = stand.sim.journal.received
    return [one.json for one in received if one.call == "rent-a-number"]


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(
    "spelled", ["Google Voice", "google voice", " GOOGLE_VOICE ", "google_voice"]
)
async def test_a_person_is_asked_about_the_service_that_is_meant(
    stand: SimulatedStand, era: str, spelled: str
) -> None:
    person = Person()
    async with connected(stand.mcp, era, person=person) as client:
        rental = await done(client, "rent_number", {**VOICE, "service_code": spelled})

    assert person.asked == [
        "Rent a US number for Google Voice? It costs 2.00 USD, at most 3.00 USD, charged at once."
    ]
    assert (rental["service_code"], rental["price"]) == ("google_voice", "2.00")
    assert [one["service"] for one in sent(stand)] == ["google_voice"]


@pytest.mark.parametrize("era", ERAS)
async def test_a_second_rental_of_the_service_is_known_under_its_other_name(
    stand: SimulatedStand, era: str
) -> None:
    async with connected(stand.mcp, era, person=Person()) as client:
        await done(client, "rent_number", VOICE)
        again = await refused(client, "rent_number", {**VOICE, "service_code": "google_voice"})

    assert again.startswith("duplicate_purchase: ")
    assert bought(stand) == 1


@pytest.mark.parametrize("era", ERAS)
async def test_a_miss_asks_nobody_and_names_candidates(stand: SimulatedStand, era: str) -> None:
    person = Person()
    async with connected(stand.mcp, era, person=person) as client:
        missed = await client.call_tool("rent_number", {**VOICE, "service_code": "googlevoise"})
        sold_out = await client.call_tool("rent_number", {**VOICE, "service_code": "zaptalk"})

    assert text_of(missed).startswith(
        "service_not_found: There is no such service. Nothing was charged. Close: google_voice 2.00"
    )
    assert text_of(missed).endswith("Take a service_code from list_prices.")
    assert missed.meta is not None
    assert missed.meta[ERROR_META]["candidates"][0] == {
        "service_code": "google_voice",
        "service_name": "Google Voice",
        "price": "2.00",
        "stock": 40,
    }
    assert sold_out.meta is not None
    (found,) = sold_out.meta[ERROR_META]["candidates"]
    assert found == {
        "service_code": "zap_talk",
        "service_name": "Zap Talk",  # without what nobody sees
        "price": "0.30",
        "stock": 0,
    }
    assert "zap_talk 0.30 (out of stock)" in text_of(sold_out)
    assert person.asked == sent(stand) == []


EMPTY = [
    ({"query": "googl voise"}, "No service's name or code holds 'googl voise'. Close: google_v"),
    ({"query": "google voice", "max_price": 1}, "1 service fits, at 2.00 USD, above max_price."),
    ({"query": "zap", "in_stock": True}, "1 service fits, and is out of stock."),
]


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(("given", "why"), EMPTY)
async def test_an_empty_list_of_prices_says_why(
    stand: SimulatedStand, era: str, given: dict[str, Any], why: str
) -> None:
    async with connected(stand.mcp, era) as client:
        answer = await done(client, "list_prices", given)
        full = await done(client, "list_prices", {"query": "google_voice"})

    assert answer["data"] == []
    assert answer["notice"].startswith(why)
    assert "notice" not in full


@pytest.mark.parametrize("era", ERAS)
async def test_carriers_and_area_codes_are_taken_as_models_write_them(
    stand: SimulatedStand, era: str
) -> None:
    wish = {"carrier": "AT&T", "area_codes": [212, "(646)"]}
    async with connected(stand.mcp, era, person=Person()) as client:
        rental = await done(client, "rent_number", {**VOICE, **wish})
        other = {"rental_id": rental["id"], "carrier": "T-Mobile", "area_codes": "+1 917"}
        await done(client, "replace_rental", other)
        unknown = await refused(client, "rent_number", {**VOICE, "carrier": "Sprint"})

    assert [(one["carrier"], one["area_codes"]) for one in sent(stand)] == [
        ("at&t", "212,646"), ("tmobile", "917"),
    ]  # fmt: skip
    assert "'any', 'at&t', 'tmobile' or 'verizon'" in unknown


async def test_nothing_in_a_question_is_live(stand: SimulatedStand) -> None:
    person = Person(agrees=False)
    async with connected(stand.mcp, ERAS[0], person=person) as client:
        await refused(client, "rent_number", {"service_code": "live", "max_price": 2})

    assert person.asked == [
        "Rent a US number for [x] (hxxps://x.io)? It costs 2.00 USD, charged at once."
    ]
