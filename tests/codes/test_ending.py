"""A gateway that ends answers everybody who waits for a code."""

import asyncio
import signal

from adapters.simulator import Simulator
from tests.codes.support import listening_to, measured, provider, rent, wait
from tests.support.gateway import open_client
from tests.support.program import program
from tests.support.waiting import until


async def test_whoever_waits_is_told_to_come_back() -> None:
    async with (
        Simulator(provider()).running() as sim,
        program(sim.url, getatext_tier="premium") as server,
        open_client(server.url) as client,
        listening_to(client) as stream,
    ):
        rental = await rent(client)
        waiting = [asyncio.create_task(wait(client, rental, 25)) for _ in range(5)]
        await until(lambda: sim.journal.calls["rental-status-premium"])
        with measured() as watch:
            server.process.send_signal(signal.SIGTERM)
            told = await asyncio.gather(*waiting)
            ended = await stream.ended()
        async with asyncio.timeout(60):
            status = await server.process.wait()

    assert {(each["status"], each["retry_after_seconds"]) for each in told} == {("pending", 1)}
    assert ended
    assert watch.seconds < 20  # they would have waited for 25
    assert status == 0
