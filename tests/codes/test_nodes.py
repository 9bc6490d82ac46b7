"""Two gateways on one database: one polls a rental, and both know its code.

They keep the provider's limits together, also those that are alone in between.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import pytest

from adapters.simulator import Simulator
from tests.codes.support import STATUS_CALLS, provider, rent, wait
from tests.support.gateway import Client, Running, open_client, run_gateway
from tests.support.program import Program, node, program
from tests.support.rate_limiter import closest
from tests.support.samples import PRICES, RENTED
from tests.support.scripted import Asked, Scripted, reply
from tests.support.waiting import until

pytestmark = pytest.mark.xdist_group("codes_on_postgres")


@asynccontextmanager
async def nodes(url: str) -> AsyncIterator[tuple[Simulator, Program, Client, Running]]:
    """The provider, a node in a process of its own, its client, and another node."""
    terms: dict[str, Any] = {
        "gateway_database_url": url,
        "gateway_secret": "the same secret for all of the nodes",
        "getatext_tier": "premium",
        "getatext_rates": {"rent": 10_000.0, "prices": 10_000.0},
        "gateway_status_cache_seconds": 1,
    }
    async with (
        Simulator(provider()).running() as sim,
        program(sim.url, **terms) as first,
        open_client(first.url) as one,
        run_gateway(sim.url, **terms) as second,
    ):
        yield sim, first, one, second


def polled(sim: Simulator, after: int = 0) -> Callable[[], bool]:
    return lambda: sum(sim.journal.calls[name] for name in STATUS_CALLS) > after


async def timed(client: Client, rental: int) -> tuple[str, float]:
    told = await wait(client, rental, 20)
    return told["code"], time.monotonic()


async def never(name: str, seconds: float) -> bool:
    return False


async def test_a_code_seen_by_one_node_wakes_who_waits_at_the_other(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with nodes(store_url) as (sim, _, one, second):
        other = second.client
        # It is woken, or hears nothing: it may never poll by itself.
        monkeypatch.setattr(second.gateway.store.leases, "take", never)
        rentals = [await rent(one) for _ in range(5)]
        at_one = [asyncio.create_task(timed(one, rental)) for rental in rentals]
        await until(polled(sim, 4))
        at_other = [asyncio.create_task(timed(other, rental)) for rental in rentals]
        await until(polled(sim, 9))
        for rental in rentals:
            sim.receive_code(rental, f"0{rental}")
        told, same = await asyncio.gather(*at_one), await asyncio.gather(*at_other)
        behind = [abs(then - at) for (_, at), (_, then) in zip(told, same, strict=True)]

    print(f"between the nodes: {[round(each * 1000) for each in behind]} ms")  # noqa: T201
    assert [code for code, _ in told] == [code for code, _ in same] == [f"0{it}" for it in rentals]
    assert sim.violations == 0


async def test_one_node_polls_for_both(store_url: str) -> None:
    async with nodes(store_url) as (sim, _, one, second):
        other = second.client
        rental = await rent(one)
        await asyncio.gather(wait(one, rental, 4), wait(other, rental, 4))
        asked = sum(sim.journal.calls[name] for name in STATUS_CALLS)

    assert asked <= 18  # four a second; the first may be asked by both


async def test_the_polling_moves_when_its_node_is_killed(store_url: str) -> None:
    async with nodes(store_url) as (sim, first, one, second):
        other = second.client
        rental = await rent(one)
        losing = asyncio.create_task(wait(one, rental, 20))
        await until(polled(sim))
        waiting = asyncio.create_task(timed(other, rental))
        await until(polled(sim, 2))
        first.process.kill()
        await asyncio.gather(losing, return_exceptions=True)
        sim.receive_code(rental, "000042")
        code, _ = await waiting

    assert code == "000042"


class Counted:
    """A provider that sells to everybody, and notes when it was asked to."""

    def __init__(self) -> None:
        self.at: list[float] = []
        self._ids = count(1)

    def answer(self, asked: Asked) -> bytes:
        if not asked.path.endswith("/rent-a-number"):
            return reply(200, PRICES)
        self.at.append(time.monotonic())
        return reply(200, {**RENTED, "id": next(self._ids)})


async def test_two_nodes_rent_no_faster_than_one(store_url: str) -> None:
    provider = Counted()
    terms: dict[str, Any] = {
        "gateway_database_url": store_url,
        "gateway_secret": "the same secret for all of the nodes",
        "getatext_rates": {},
    }
    async with (
        Scripted(always=provider.answer).running() as scripted,
        node(scripted.url, **terms) as first,
        open_client(first.url) as one,
    ):
        await asyncio.gather(rent(one), rent(one))
        async with node(scripted.url, **terms) as second, open_client(second.url) as two:
            await asyncio.gather(*(rent(each) for each in (one, two) * 4))
            second.process.kill()
        await asyncio.gather(*(rent(one) for _ in range(4)))

    assert len(provider.at) == 14
    assert closest(provider.at, 2) > 0.5  # by the gateway's count it is 1.1
