"""Starting, stopping, and what is no call at all."""

import asyncio

import pytest
from aiohttp import ClientSession, ServerDisconnectedError

from adapters.simulator import Fault, FaultKind, Rules, Simulator, SimulatorConfig
from tests.adapters.simulator.support import Clock, Customer, config, until


async def test_stopping_releases_who_hangs_and_leaves_no_task(
    clock: Clock, session: ClientSession
) -> None:
    before = asyncio.all_tasks()
    async with Simulator(config(clock)).running() as sim:
        sim.script(Fault("rent-a-number", FaultKind.HANG))
        waiting = asyncio.create_task(Customer(session, sim).rent())
        await until(lambda: sim.journal.calls["rent-a-number"])
    with pytest.raises(ServerDisconnectedError):
        await waiting

    assert asyncio.all_tasks() == before


async def test_what_falls_due_happens_by_itself(clock: Clock, session: ClientSession) -> None:
    async with Simulator(config(clock, rules=Rules(code_after=0.0), tick=0.001)).running() as sim:
        rented = await Customer(session, sim).rent()
        await until(lambda: sim.books.rentals[rented["id"]].code)


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/balance",
        "/api/v1/rent-a-number",
        "/stubs/handler_api?action=getNumber&service=whatsapp&api_key=sk_demo",
    ],
)
async def test_head_never_acts(alice: Customer, path: str) -> None:
    url, headers = alice.sim.url + path, {"Auth": alice.key}
    async with alice.session.head(url, headers=headers) as response:
        assert response.status == 404
    assert alice.sim.books.rentals == {}
    assert alice.sim.journal.calls == {"nowhere": 1}


async def test_an_unknown_address_is_a_page(alice: Customer) -> None:
    async with alice.session.get(f"{alice.sim.url}/api/v2/balance") as response:
        assert (response.status, response.content_type) == (404, "text/html")


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[]", b"1", b"\xff", b"[" * 100_000])
async def test_a_body_that_is_no_object_has_no_fields(alice: Customer, body: bytes) -> None:
    url, headers = f"{alice.sim.url}/api/v1/rental-status", {"Auth": alice.key}
    async with alice.session.post(url, data=body, headers=headers) as response:
        assert (response.status, await response.json()) == (404, {"errors": "Rental not found"})


async def test_only_the_last_requests_are_kept(clock: Clock, session: ClientSession) -> None:
    async with Simulator(config(clock, log_size=3)).running() as sim:
        customer = Customer(session, sim)
        for _ in range(5):
            await customer.get("balance")

        assert (len(sim.journal.received), sim.journal.calls["balance"]) == (3, 5)


async def test_a_provider_for_load_tests_has_no_limits(session: ClientSession) -> None:
    async with Simulator(SimulatorConfig.for_load()).running() as sim:
        customer = Customer(session, sim)
        rented = [await customer.rent() for _ in range(200)]
        last = await customer.status(rented[-1]["id"])

        assert last["code"]
        assert sim.violations == 0
