"""An agent replaces a number that stays silent: asked about, capped, and once."""

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from adapters.simulator import NEVER, Rules, Service
from mcp_server.tools import results
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

MARKET = replace(
    QUICK,
    catalogue_size=0,
    rules=Rules(code_after=NEVER, cancel_locked=300.0),
    services=(
        Service("Cheap Mail", "cheapmail", Decimal("0.50"), 10, 50),
        Service("Mail", "mail", Decimal("1.50"), 10, 50),
    ),
)
CHEAP = {"service_code": "cheapmail", "max_price": 0.6}
DEAR = {"service_code": "mail", "max_price": "2.00"}
each_era = pytest.mark.parametrize("era", ERAS)


@pytest.fixture
async def stand() -> AsyncIterator[SimulatedStand]:
    async with run_mcp(MARKET) as stand:
        yield stand


@each_era
async def test_a_cheap_one_is_replaced_once_and_the_second_call_names_the_new_one(
    stand: SimulatedStand, era: str
) -> None:
    async with connected(stand.mcp, era) as client:
        first = await done(client, "rent_number", CHEAP)
        which = {"rental_id": first["id"]}
        second = await done(client, "replace_rental", which)
        again = await client.call_tool("replace_rental", which)
        old = await done(client, "get_rental", which)

    assert (second["replaces"], old["replaced_by"]) == (first["id"], second["id"])
    assert "cancel_requested_at" in old
    words = f"already_replaced: This rental was replaced before, by rental {second['id']}. "
    assert text_of(again).startswith(words)
    assert (again.meta or {})[results.ERROR_META]["replaced_by"] == second["id"]
    assert bought(stand) == 2


@each_era
async def test_a_person_is_asked_about_a_dear_one_and_agrees_to_that_price(
    stand: SimulatedStand, era: str
) -> None:
    person = Person()
    async with connected(stand.mcp, era, person=person) as client:
        first = await done(client, "rent_number", DEAR)
        second = await done(client, "replace_rental", {"rental_id": first["id"]})

    assert person.asked[1] == (
        f"Rent another US number for Mail in place of {first['number']}? "
        "It costs 1.50 USD, charged at once."
    )
    assert second["replaces"] == first["id"]
    assert sent(stand)[1]["max_price"] == 1.5


@each_era
async def test_where_no_person_can_be_asked_a_dear_one_is_refused(
    stand: SimulatedStand, era: str
) -> None:
    async with connected(stand.mcp, era, person=Person()) as client:
        first = await done(client, "rent_number", DEAR)
    async with connected(stand.mcp, era) as client:
        sentence = await refused(client, "replace_rental", {"rental_id": first["id"]})

    assert sentence.startswith("confirmation_required: ")
    assert bought(stand) == 1


async def test_unconfirmed_it_costs_no_more_than_was_estimated(stand: SimulatedStand) -> None:
    async with connected(stand.mcp, ERAS[0]) as client:
        first = await done(client, "rent_number", {**CHEAP, "max_price": 5})
        await done(client, "replace_rental", {"rental_id": first["id"], "carrier": "tmobile"})

    assert [each["max_price"] for each in sent(stand)] == [1.0, 0.6]


@pytest.mark.parametrize("given", [{"keep_carrier": True}, {"max_price": "0.01"}], ids=str)
async def test_what_cannot_be_had_is_refused_in_the_gateways_words(
    stand: SimulatedStand, given: dict[str, Any]
) -> None:
    async with connected(stand.mcp, ERAS[0]) as client:
        first = await done(client, "rent_number", CHEAP)
        sentence = await refused(client, "replace_rental", {"rental_id": first["id"], **given})

    assert sentence.startswith(("invalid_request: keep_carrier: needs", "price_too_high: "))
    assert bought(stand) == 1


def sent(stand: SimulatedStand) -> list[Any]:
    """What the provider was sent with each rent."""
    return [one.json for one in stand.sim.journal.received if one.call == "rent-a-number"]
