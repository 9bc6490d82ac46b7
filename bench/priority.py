"""How long a waiter's code takes while a stream listens to 200 other rentals, at one call a second.

The provider is the simulator with its limits on. Each code comes at a random moment after the wait
for it has begun; what is measured is the time from then until the waiter has it. By turns ten
consoles are open meanwhile, whose keys see the whole account, or none.
"""

import asyncio
import random
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
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
from bench.consoles import consoles
from bench.contenders import KEY
from bench.keyed import keyed_gateway
from bench.load import get
from bench.measure import Ratio, new_event_loop
from bench.process import Server
from bench.report import Row, Target
from bench.waiting import calling, rent

_LISTENED = 200
_CONSOLES = 10
_CODES = 3  # of a turn
_WITHIN = (0.5, 2.5)  # seconds from the wait to the code
_CODE = "012345"
_RATES = '{"rent": 10000, "prices": 10000}'


@dataclass
class _Way:
    """With consoles of these keys: the delays of its turns, and the looks at rentals meanwhile."""

    keys: Sequence[str] = ()
    delays: list[list[float]] = field(default_factory=list)
    looks: int = 0
    others: int = 0  # of the looks: at rentals that were only listened to

    @property
    def seconds(self) -> list[float]:
        return sorted(delay for turn in self.delays for delay in turn)


def run(rounds: int) -> list[Row]:
    with asyncio.Runner(loop_factory=new_event_loop()) as runner:
        return runner.run(_measured(rounds))


async def _measured(rounds: int) -> list[Row]:
    async with (
        Simulator(_provider()).running() as sim,
        keyed_gateway(sim.url, _CONSOLES, GETATEXT_RATES=_RATES) as (server, keys),
        _listening(server.port) as alive,
    ):
        dice, without, beside = random.Random(9), _Way(), _Way(keys)
        await rent(server.port, _LISTENED)
        for number in range(rounds):
            moments = [dice.uniform(*_WITHIN) for _ in range(_CODES)]
            for way in (beside, without) if number % 2 else (without, beside):
                await _turn(sim, server, way, moments)
        if alive.done():
            raise RuntimeError("the event stream ended")
        return _rows(sim, without, beside)


async def _turn(sim: Simulator, server: Server, way: _Way, moments: Sequence[float]) -> None:
    async with consoles(server, way.keys) as opened:
        way.delays.append([await _delay(sim, server, way, moment) for moment in moments])
        if not all(console.events for console in opened):
            raise RuntimeError("a console heard nothing of the codes")


async def _delay(sim: Simulator, server: Server, way: _Way, moment: float) -> float:
    """Seconds from the code of a new rental, so long after the wait, to its waiter's having it."""
    (rental,) = await rent(server.port, 1)
    async with calling(server.port, 1) as callers:
        await _look(sim)
        begun = time.time()
        asyncio.get_running_loop().call_later(moment, sim.receive_code, rental, _CODE)
        await callers.wait([rental], {rental: KEY})
        ((at, told),) = callers.told
    since = sim.books.rentals[rental].code_at
    if told["code"] != _CODE or since is None:
        raise RuntimeError(f"the waiter was told {told}")
    _count_looks(sim, way, rental, begun)
    return at - since


def _count_looks(sim: Simulator, way: _Way, rental: int, begun: float) -> None:
    for one in sim.journal.received:
        if one.call == "rental-status" and one.at > begun and isinstance(one.json, dict):
            way.looks += 1
            way.others += one.json["id"] != rental


async def _look(sim: Simulator) -> None:
    """Returns just after a look at a rental, so that the looks of every wait come alike."""
    before = sim.journal.calls["rental-status"]
    while sim.journal.calls["rental-status"] == before:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.005)


def _rows(sim: Simulator, without: _Way, beside: _Way) -> list[Row]:
    what = f"1 waited for, {_LISTENED} listened to, 1 call/s"
    more = f"the same, {_CONSOLES} consoles"
    violations = float(sim.violations)
    return [
        _p95(what, without),
        _listened(what, without),
        _p95(more, beside),
        _listened(more, beside),
        _compared(f"{more} / none", without, beside),
        Row("all", "limits broken", _one(violations), Target("≤", 0), ""),
    ]


def _p95(what: str, way: _Way) -> Row:
    seconds = way.seconds
    p95 = seconds[round(len(seconds) * 0.95) - 1]
    return Row(
        what,
        "delay of its code, p95",
        Ratio(p95, seconds[0], seconds[-1]),
        Target("≤", 2.2),
        " s",
        f"median {statistics.median(seconds):.2f} s of {len(seconds)}",
    )


def _listened(what: str, way: _Way) -> Row:
    share = _one(way.others / way.looks)
    told = f"{way.others} of {way.looks}"
    return Row(what, "looks at those listened to", share, Target("≥", 0.2), " of all", told)


def _compared(what: str, without: _Way, beside: _Way) -> Row:
    """Code by code, as both ways have the same moments: a look more or less is a second."""
    ratios = [
        statistics.median(ours / theirs for ours, theirs in zip(*turns, strict=True))
        for turns in zip(beside.delays, without.delays, strict=True)
    ]
    means = [statistics.mean(way.seconds) for way in (beside, without)]
    return Row(
        what,
        "delay of its code",
        Ratio(statistics.median(ratios), min(ratios), max(ratios)),
        Target("≤", 1.05),
        absolute="mean {:.2f} / {:.2f} s".format(*means),
    )


def _one(value: float) -> Ratio:
    return Ratio(value, value, value)


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
