"""How long a waiter's code takes while a stream listens to 200 other rentals, at one call a second.

The provider is the simulator with its limits on. Each code comes at a random moment after the wait
for it has begun; what is measured is the time from then until the waiter has it.
"""

import asyncio
import random
import statistics
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

from adapters.simulator import (
    NEVER,
    AccountConfig,
    Limits,
    Rules,
    Service,
    Simulator,
    SimulatorConfig,
)
from bench.contenders import KEY, gateway
from bench.load import get
from bench.measure import Ratio, new_event_loop
from bench.process import Server
from bench.report import Row, Target
from bench.waiting import calling, rent

_LISTENED = 200
_CODES = 40
_WITHIN = (1.0, 4.0)  # seconds from the wait to the code
_CODE = "012345"


def run(rounds: int) -> list[Row]:
    """Once, whatever the rounds: it takes minutes, and the delays are many."""
    with asyncio.Runner(loop_factory=new_event_loop()) as runner:
        return runner.run(_measured())


async def _measured() -> list[Row]:
    async with Simulator(_provider()).running() as sim:
        opened = gateway(sim, GETATEXT_RATES='{"rent": 10000, "prices": 10000}')  # type: ignore[arg-type]
        server = await asyncio.to_thread(opened.__enter__)
        try:
            async with _listening(server.port) as alive:
                await rent(server.port, _LISTENED)
                dice, waited_until = random.Random(9), dict[int, float]()
                delays = [await _delay(sim, server, dice, waited_until) for _ in range(_CODES)]
                looks = _looks(sim, waited_until)
                if alive.done():
                    raise RuntimeError("the event stream ended")
        finally:
            await asyncio.to_thread(opened.__exit__, None, None, None)
    return _rows(sim, delays, looks)


async def _delay(
    sim: Simulator, server: Server, dice: random.Random, waited_until: dict[int, float]
) -> float:
    """Seconds from the code of a new rental to its waiter's having it."""
    (rental,) = await rent(server.port, 1)
    async with calling(server.port, 1) as callers:
        loop = asyncio.get_running_loop()
        loop.call_later(dice.uniform(*_WITHIN), sim.receive_code, rental, _CODE)
        await callers.wait([rental], {rental: KEY})
        ((at, told),) = callers.told
    since = sim.books.rentals[rental].code_at
    if told["code"] != _CODE or since is None:
        raise RuntimeError(f"the waiter was told {told}")
    waited_until[rental] = at
    return at - since


def _looks(sim: Simulator, waited_until: dict[int, float]) -> int:
    """How often rentals were looked at that were only listened to then."""
    received = [one for one in sim.journal.received if one.call == "rental-status"]
    return sum(
        isinstance(one.json, dict) and waited_until.get(one.json["id"], 0.0) < one.at
        for one in received
    )


def _rows(sim: Simulator, delays: list[float], looks: int) -> list[Row]:
    seconds = sorted(delays)
    p95 = seconds[round(len(seconds) * 0.95) - 1]
    violations = float(sim.violations)
    what = f"1 waited for, {_LISTENED} listened to, 1 call/s"
    total = sim.journal.calls["rental-status"]
    return [
        Row(
            what,
            "delay of its code, p95",
            Ratio(p95, seconds[0], seconds[-1]),
            Target("≤", 2.2),
            " s",
            f"median {statistics.median(seconds):.2f} s of {len(seconds)}",
        ),
        Row(
            what,
            "looks at those listened to",
            Ratio(looks / total, looks / total, looks / total),
            Target("≥", 0.2),
            " of all",
            f"{looks} of {total}",
        ),
        Row(
            what,
            "limits broken",
            Ratio(violations, violations, violations),
            Target("≤", 0),
            "",
        ),
    ]


@asynccontextmanager
async def _listening(port: int) -> AsyncIterator[asyncio.Task[None]]:
    """An open event stream; the task ends with it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(get("/v1/events/stream", X_API_Key=KEY))
    await reader.readuntil(b"\n\n")  # of the first message; the head ends with CRLFs

    async def read() -> None:
        while await reader.read(65_536):
            pass

    reading = asyncio.create_task(read())
    try:
        yield reading
    finally:
        reading.cancel()
        writer.close()


def _provider() -> SimulatorConfig:
    unlimited = {"rent-a-number": None, "prices-info": None}
    return SimulatorConfig(
        accounts=(AccountConfig(KEY, Decimal(900_000)),),
        limits=Limits(calls=unlimited),
        rules=Rules(code_after=NEVER, max_active=10**6),
        services=(Service("Whatsapp", "whatsapp", Decimal("0.55"), 20),),
        catalogue_size=1,
        log_size=10_000,
    )
