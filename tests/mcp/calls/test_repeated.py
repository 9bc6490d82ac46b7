"""A second rental of a service is refused while the first waits for its code."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from adapters.simulator import DEMO_KEY, NEVER, Fault, FaultKind, Rules, Service, Simulator
from mcp_server.tools import results
from tests.mcp.support import (
    ERAS,
    MODERN,
    QUICK,
    Person,
    SimulatedStand,
    apart,
    bought,
    connected,
    done,
    refused,
    run_mcp,
    text_of,
)
from tests.support.gateway import open_client

ROOT = Path(__file__).absolute().parents[3]
MARKET = replace(
    QUICK,
    catalogue_size=0,
    rules=Rules(code_after=NEVER, cancel_locked=300.0),
    services=(
        Service("Mail", "mail", Decimal("0.50"), 10, 50),
        Service("Dear Mail", "dearmail", Decimal("1.50"), 10, 50),
    ),
)
MAIL = {"service_code": "mail", "max_price": "0.60"}
DEAR = {"service_code": "dearmail", "max_price": "2.00"}
SECRET = "the same secret for all of the processes"


@pytest.fixture
async def stand() -> AsyncIterator[SimulatedStand]:
    async with run_mcp(MARKET) as stand:
        yield stand


@pytest.fixture(params=ERAS)
async def client(stand: SimulatedStand, request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    async with apart(connected(stand.mcp, request.param, person=Person())) as client:
        yield client


@pytest.mark.parametrize(
    "otherwise",
    [
        {},
        {"max_price": 0.9},
        {"carrier": "tmobile"},
        {"request_id": "new"},
        {"service_code": "MAIL"},  # its name
    ],
    ids=str,
)
async def test_it_is_refused_with_the_first_ones_id_however_it_is_worded(
    client: Client, stand: SimulatedStand, otherwise: dict[str, Any]
) -> None:
    first = await done(client, "rent_number", MAIL)
    result = await client.call_tool("rent_number", {**MAIL, **otherwise})

    assert text_of(result) == (
        f"duplicate_purchase: Rental {first['id']} for the same service was bought within 10 "
        "minutes and has no code yet; this one, a second, was not sent. Nothing was charged for "
        "it. Go on with that rental: wait_for_code, or replace_rental where no code comes. Only "
        "to buy again on purpose, repeat the call with allow_duplicate true."
    )
    assert (result.meta or {})[results.ERROR_META]["rental_id"] == first["id"]
    assert bought(stand) == 1


async def test_nobody_is_asked_about_a_second_one(stand: SimulatedStand) -> None:
    person = Person()
    async with connected(stand.mcp, MODERN, person=person) as client:
        await done(client, "rent_number", DEAR)
        sentence = await refused(client, "rent_number", {**DEAR, "max_price": "1.90"})
        await done(client, "rent_number", {**DEAR, "allow_duplicate": True})

    assert sentence.startswith("duplicate_purchase: ")
    assert len(person.asked) == 2
    assert bought(stand) == 2


async def test_the_earlier_number_again_is_a_second_one_too(
    client: Client, stand: SimulatedStand
) -> None:
    first = await done(client, "rent_number", MAIL)
    await done(client, "complete_rental", {"rental_id": first["id"]})
    second = await done(client, "rent_number", MAIL)
    sentence = await refused(client, "rent_again", {"rental_id": first["id"]})
    allowed = {"rental_id": first["id"], "allow_duplicate": True}

    assert f"Rental {second['id']} for the same service" in sentence
    assert (await done(client, "rent_again", allowed))["id"] not in (first["id"], second["id"])


async def test_one_given_back_replaced_or_with_a_code_is_not_waited_for(
    client: Client, stand: SimulatedStand
) -> None:
    first = await done(client, "rent_number", MAIL)
    given_back = await done(client, "cancel_rental", {"rental_id": first["id"]})
    second = await done(client, "rent_number", MAIL)
    third = await done(client, "replace_rental", {"rental_id": second["id"]})
    sentence = await refused(client, "rent_number", MAIL)
    stand.sim.receive_code(third["id"], "482913")
    await done(client, "wait_for_code", {"rental_id": third["id"]})
    await done(client, "rent_number", MAIL)

    assert given_back["status"] == "active"  # until the provider allows it
    assert f"Rental {third['id']} for the same service" in sentence
    assert bought(stand) == 4


async def test_a_lost_answer_stands_in_the_way_and_says_so(
    client: Client, stand: SimulatedStand
) -> None:
    stand.sim.script(Fault("rent-a-number", FaultKind.DROP_AFTER))
    await refused(client, "rent_number", MAIL)
    sentence = await refused(client, "rent_number", {**MAIL, "max_price": 0.7})

    assert sentence.startswith(
        "duplicate_purchase: The same was sent within 10 minutes, and its outcome is not known"
    )
    assert "Look first at list_rentals." in sentence
    assert bought(stand) == 1


async def test_one_under_way_stands_in_the_way_and_says_so(
    client: Client, stand: SimulatedStand
) -> None:
    stand.sim.script(Fault("rent-a-number", FaultKind.SLOW, seconds=0.5))
    both = [client.call_tool("rent_number", {**MAIL, "max_price": most}) for most in (0.6, 0.7)]
    answers = await asyncio.gather(*both)
    (refusal,) = (text_of(answer) for answer in answers if answer.is_error)

    assert refusal.startswith("duplicate_purchase: ")
    assert bought(stand) == 1


async def test_what_was_not_bought_by_an_agent_is_none_of_this(
    client: Client, stand: SimulatedStand
) -> None:
    async with open_client(stand.url) as rest:
        answers = [await rest.post("/v1/rentals", {"service_code": "mail"}) for _ in range(2)]
        await done(client, "rent_number", MAIL)
        answers.append(await rest.post("/v1/rentals", {"service_code": "mail"}))

    assert [answer.status for answer in answers] == [201] * 3


async def test_long_rentals_are_second_ones_by_equal_inputs(client: Client) -> None:
    week = await done(client, "create_long_rental", {"period": "1w"})
    renewal = {"long_rental_id": week["id"]}
    await done(client, "create_long_rental", {"period": "1m"})
    again = await refused(client, "create_long_rental", {"period": "1w"})
    await done(client, "renew_long_rental", renewal)
    renewed = await refused(client, "renew_long_rental", renewal)
    await done(client, "renew_long_rental", {**renewal, "allow_duplicate": True})

    for sentence in (again, renewed):
        assert f"was bought within 10 minutes, for long rental {week['id']}" in sentence


async def test_two_processes_buy_one(store_url: str) -> None:
    async with AsyncExitStack() as opened:
        sim = await opened.enter_async_context(Simulator(MARKET).running())
        program = StdioServerParameters(
            command=sys.executable,
            args=["-m", "gateway", "mcp"],
            cwd=ROOT,
            env={
                "GETATEXT_BASE_URL": sim.url,
                "GETATEXT_API_KEY": DEMO_KEY,
                "GATEWAY_DATABASE_URL": store_url,
                "GATEWAY_SECRET": SECRET,
            },
        )
        clients = [await opened.enter_async_context(Client(program)) for _ in range(2)]
        answers = await asyncio.gather(
            *(client.call_tool("rent_number", MAIL) for client in clients for _ in range(3))
        )
        later = [await refused(client, "rent_number", MAIL) for client in clients]

        (rental,) = sim.books.rentals.values()

    assert sorted(answer.is_error for answer in answers) == [False] + [True] * 5
    assert all(f"Rental {rental.id} for the same service" in sentence for sentence in later)
