"""The end of a server: nothing under way is lost, and nothing new begins."""

import asyncio
import signal

from aiohttp import ClientConnectionError

from adapters.simulator import Fault, FaultKind, Simulator
from tests.support.gateway import USUAL, Client, open_client
from tests.support.program import program
from tests.support.waiting import until

RENT = {"service_code": "whatsapp"}


async def closed(client: Client) -> bool:
    """Whether nobody takes a new connection."""
    try:
        async with open_client(client.url) as stranger:
            await stranger.get("/healthz")
    except ClientConnectionError:
        return True
    return False


async def test_a_rent_under_way_at_sigterm_gets_its_answer() -> None:
    async with (
        Simulator(USUAL).running() as sim,
        program(sim.url) as server,
        open_client(server.url) as client,
    ):
        sim.script(Fault("rent-a-number", FaultKind.SLOW, seconds=30))
        renting = asyncio.ensure_future(client.post("/v1/rentals", RENT))
        await until(lambda: sim.books.rentals)
        server.process.send_signal(signal.SIGTERM)
        await until(lambda: closed(client))
        still_running = server.process.returncode is None
        sim.release()
        answer = await renting
        async with asyncio.timeout(60):
            status = await server.process.wait()
        complaints = await server.process.stderr.read() if server.process.stderr else b""

    assert still_running
    assert (answer.status, answer.json["id"]) == (201, 12345)
    assert answer.headers["Connection"] == "close"
    assert (status, complaints) == (0, b"")
    assert sim.journal.calls["rent-a-number"] == 1


async def test_an_idle_server_ends_soon() -> None:
    async with (
        Simulator(USUAL).running() as sim,
        program(sim.url) as server,
        open_client(server.url) as client,
    ):
        await client.get("/v1/balance")
        server.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(60):
            status = await server.process.wait()

    assert status == 0
