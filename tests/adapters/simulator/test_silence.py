"""Numbers that stay silent: how many, which, and how they are told."""

from decimal import Decimal
from typing import Any

import pytest
from aiohttp import ClientSession

from adapters.simulator import DEMO_KEY, AccountConfig, Rules, Service, Simulator
from tests.adapters.simulator.support import Clock, Customer, config


async def _silent(clock: Clock, session: ClientSession, rules: Rules, rents: int) -> list[bool]:
    accounts = (AccountConfig(DEMO_KEY, Decimal("900.00")),)
    service = Service("Whatsapp", "whatsapp", Decimal("0.55"), 5)  # of unlimited stock
    settings = config(clock, accounts=accounts, rules=rules, services=(service,))
    async with Simulator(settings).running() as sim:
        customer = Customer(session, sim)
        ids = [(await customer.rent())["id"] for _ in range(rents)]
        sim.advance(60)
        return [sim.books.rentals[each].code is None for each in ids]


@pytest.mark.parametrize("share", [0.0, 0.07, 0.4, 1.0])
async def test_of_every_hundred_rents_exactly_so_many_are_silent(
    clock: Clock, session: ClientSession, share: float
) -> None:
    rules = Rules(silent=share, max_active=1000)
    silent = await _silent(clock, session, rules, 200)

    assert [sum(silent[:100]), sum(silent[100:])] == [round(share * 100)] * 2
    assert await _silent(clock, session, rules, 200) == silent
    assert silent[:100] != silent[100:] or share in (0.0, 1.0)


async def test_a_service_has_its_own_share(clock: Clock, session: ClientSession) -> None:
    rules = Rules(silent=1.0, service_silent={"whatsapp": 0.0})

    assert await _silent(clock, session, rules, 10) == [False] * 10


async def test_a_silent_number_gets_a_code_by_command_and_stays_silent_when_rented_again(
    alice: Customer,
) -> None:
    await alice.control("POST", "settings", {"silent": 1, "cancel_locked": 0})
    ids = [(await alice.rent())["id"] for _ in range(5)]
    again = (await alice.post("re-rent", {"rental_id": ids[0]}))[1]["id"]
    await alice.control("POST", "code", {"rental_id": ids[1], "code": "012345"})
    await alice.control("POST", "time", {"advance": 60})
    await alice.post("cancel-rental", {"id": ids[2]})
    await alice.post(f"rental-status/{ids[3]}/completed")
    await alice.control("POST", "expire", {"rental_id": ids[4]})
    _, books = await alice.control("GET", "books")
    told: dict[int, Any] = {each["id"]: each for each in books["rentals"]}

    assert [told[each]["code"] for each in (*ids, again)] == [
        *(None, "012345", None, None, None, None)
    ]
    assert told[again]["silent"]
    assert books["silent"] == {
        "rented": 6,
        "active": 2,
        "cancelled": 1,
        "completed": 1,
        "expired": 1,
        "with_code": 1,
    }


@pytest.mark.parametrize("share", [-0.1, 1.1, "some", None])
async def test_a_share_is_from_none_to_all(alice: Customer, share: object) -> None:
    status, _ = await alice.control("POST", "settings", {"silent": share})

    assert status == 400
