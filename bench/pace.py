"""What the ledger adds to the delay of a rent at a hundred a second, which come whatever happens.

With a webhook of the renter's own, whose receiver is on this machine; by turns without a ledger,
with a new one, and with one of a million rows. The p99 of each round.
"""

import asyncio
import statistics
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, ExitStack

import aiohttp

from bench import million
from bench.contenders import KEY, gateway, upstream
from bench.measure import Ratio, new_event_loop
from bench.million import CALLERS_KEY, gateway_on
from bench.process import Server
from bench.report import Row, Target
from bench.webhooks import receiving

PER_SECOND, RENTS = 100, 300
_WITHOUT = "none"
_FIRST = 500_000_000  # another bench has rented in the ledger of a million before
_RATES = '{"rent": 1000}'
_ALLOWED = '["127.0.0.0/8"]'


def run(rounds: int) -> list[Row]:
    with ExitStack() as stack:
        provider = stack.enter_context(upstream(first=_FIRST))
        ledgers = {"new": stack.enter_context(million.empty("sqlite"))}
        ledgers["10^6 rows"] = million.ledger("sqlite")
        settings = {"GETATEXT_RATES": _RATES, "GATEWAY_WEBHOOK_ALLOWED_NETWORKS": _ALLOWED}
        servers = {
            _WITHOUT: stack.enter_context(
                gateway(provider, "bench.servers.no_ledger", GETATEXT_RATES=_RATES)
            )
        }
        for name, url in ledgers.items():
            servers[name] = stack.enter_context(gateway_on(provider, url, **settings))
        with asyncio.Runner(loop_factory=new_event_loop()) as runner:
            delays = runner.run(_measured(servers, rounds))
    return [_row(name, delays[name], delays[_WITHOUT]) for name in ledgers]


async def _measured(servers: Mapping[str, Server], rounds: int) -> dict[str, list[float]]:
    """The p99 of every round in milliseconds, after one that is not counted."""
    found: dict[str, list[float]] = {name: [] for name in servers}
    async with AsyncExitStack() as stack:
        receiver = await stack.enter_async_context(receiving())
        clients = {}
        for name, server in servers.items():
            headers = {"X-API-Key": KEY if name == _WITHOUT else CALLERS_KEY}
            client = aiohttp.ClientSession(server.url, headers=headers)
            clients[name] = await stack.enter_async_context(client)
            if name != _WITHOUT:
                await _hook(client, receiver.url)
        for _ in range(rounds + 1):
            for name, client in clients.items():
                found[name].append(await _p99(client))
    return {name: values[1:] for name, values in found.items()}


async def _hook(client: aiohttp.ClientSession, url: str) -> None:
    wanted = {"url": url, "events": ["rental.created"]}
    async with client.post("/v1/webhooks", json=wanted) as answer:
        if answer.status != 201:
            raise RuntimeError(await answer.text())


async def _p99(client: aiohttp.ClientSession) -> float:
    loop, rents = asyncio.get_running_loop(), []
    begin = loop.time()
    for number in range(RENTS):
        due = begin + number / PER_SECOND
        await asyncio.sleep(max(0.0, due - loop.time()))
        rents.append(asyncio.create_task(_rent(client)))
    return sorted(await asyncio.gather(*rents))[int(RENTS * 0.99) - 1]


async def _rent(client: aiohttp.ClientSession) -> float:
    at = time.perf_counter()
    async with client.post("/v1/rentals", json={"service_code": "market_0"}) as answer:
        if answer.status != 201:
            raise RuntimeError(await answer.text())
        await answer.read()
    return (time.perf_counter() - at) * 1000


def _row(name: str, ours: list[float], without: list[float]) -> Row:
    added = [one - other for one, other in zip(ours, without, strict=True)]
    return Row(
        f"a rent at {PER_SECOND}/s, SQLite, {name}: added by the ledger",
        "p99",
        Ratio(statistics.median(added), min(added), max(added)),
        Target("<", 10),
        " ms",
        f"p99 {statistics.median(ours):.1f} / {statistics.median(without):.1f} ms",
    )
