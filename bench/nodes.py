"""What a call costs the gateways together, on one PostgreSQL: four nodes against one.

The load is the same in total, and so are the connections; CPU is that of all nodes, without
PostgreSQL's.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager

from bench import million
from bench.callers import CALLS, request_of
from bench.contenders import upstream
from bench.load import CONNECTIONS, Load
from bench.measure import Sample, Samples, median, new_event_loop, ratio
from bench.million import CALLERS_KEY, gateway_on
from bench.process import Server
from bench.report import Row, Target
from bench.waiting import rent

NODES = 4
_READ = 200  # rentals, in turn
_REQUESTS = {"read": 1500, "rent": 300, "getStatus": 3000}
_WARM_UP = 100
_SETTINGS = {
    "GATEWAY_STATUS_CACHE_SECONDS": "0",
    "GETATEXT_RATES": '{"rent": 1000, "rental_status": 1000}',
}
_Request = Callable[[int], bytes]


def run(rounds: int) -> list[Row]:
    """One and four by turns, call by call."""
    with ExitStack() as stack:
        provider = stack.enter_context(upstream())
        sides = {}
        for nodes in (NODES, 1):
            url = stack.enter_context(million.empty("postgresql"))
            sides[str(nodes)] = [
                stack.enter_context(gateway_on(provider, url, **_SETTINGS)) for _ in range(nodes)
            ]
        with asyncio.Runner(loop_factory=new_event_loop()) as runner:
            return [_row(*measured) for measured in runner.run(_measured(sides, rounds))]


async def _measured(
    sides: Mapping[str, Sequence[Server]], rounds: int
) -> list[tuple[str, Samples]]:
    rented = {
        name: await rent(servers[0].port, _READ, CALLERS_KEY, "market_0")
        for name, servers in sides.items()
    }
    found: list[tuple[str, Samples]] = []
    for call in _REQUESTS:
        samples: dict[str, list[Sample]] = {name: [] for name in sides}
        for turn in range(rounds):
            for name in sorted(sides, reverse=bool(turn % 2)):
                request = request_of(call, rented[name])
                samples[name].append(await _turn(sides[name], call, request, turn))
        found.append((call, samples))
    return found


async def _turn(servers: Sequence[Server], call: str, request: _Request, turn: int) -> Sample:
    requests, status = _REQUESTS[call], CALLS[call]
    begin = turn * (requests + _WARM_UP)
    batch = [request(begin + number) for number in range(requests + _WARM_UP)]
    async with _connected(servers) as load:
        await load.run(batch[:_WARM_UP], status)
        cpu, clock = _cpu_seconds(servers), time.perf_counter()
        await load.run(batch[_WARM_UP:], status)
        return Sample(requests, time.perf_counter() - clock, _cpu_seconds(servers) - cpu)


@asynccontextmanager
async def _connected(servers: Sequence[Server]) -> AsyncIterator[Load]:
    """As many connections as to one server, the same number to each."""
    load = Load()
    try:
        for server in servers:
            await load.connect(server.port, CONNECTIONS // len(servers))
        yield load
    finally:
        load.close()


def _cpu_seconds(servers: Sequence[Server]) -> float:
    return sum(server.cpu_seconds() for server in servers)


def _row(call: str, samples: Samples) -> Row:
    micros = [median(samples, name, _cpu) for name in (str(NODES), "1")]
    return Row(
        f"PostgreSQL: {call}, {NODES} nodes / 1",
        "CPU per request",
        ratio(samples, str(NODES), "1", _cpu),
        Target("≤", 1.1),
        absolute=f"{micros[0]:.0f} / {micros[1]:.0f} µs",
    )


def _cpu(sample: Sample) -> float:
    return sample.cpu_micros
