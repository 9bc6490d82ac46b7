"""Many rentals, each with many who wait: everybody gets the code, and no limit is ever broken."""

import asyncio
import random
from contextlib import AbstractAsyncContextManager

import pytest

from adapters.simulator import Limits, Tier
from tests.codes.support import premium, provider, rent, status_calls, wait
from tests.support.gateway import Stand, run_simulated
from tests.support.waiting import until

WAITERS = 10
SCALED = {"rental-status": 10, "rent-a-number": None, "prices-info": None}


def premium_run() -> AbstractAsyncContextManager[Stand]:
    return premium()


def standard_run() -> AbstractAsyncContextManager[Stand]:
    """A standard account, with its one status call a second ten times as fast."""
    # As in tests/codes/support.py the provider's window is shorter: a busy machine shifts arrivals.
    config = provider(Tier.STANDARD, limits=Limits(calls=SCALED, window=0.5))
    rates = {"rent": 10_000.0, "prices": 10_000.0, "rental_status": 10.0}
    return run_simulated(config, getatext_rates=rates, gateway_status_cache_seconds=1)


async def deliver(stand: Stand, rentals: list[int], seconds: float) -> dict[int, str]:
    """A code for each, at random moments."""
    rng = random.Random(4)
    codes = {rental: f"{number:06d}" for number, rental in enumerate(rentals)}
    loop = asyncio.get_running_loop()
    last = loop.create_future()
    loop.call_later(seconds, last.set_result, None)
    for rental, code in codes.items():
        loop.call_later(rng.uniform(0, seconds), stand.sim.receive_code, rental, code)
    await last
    return codes


@pytest.mark.parametrize(
    ("run", "rentals", "seconds"), [(premium_run, 40, 4.0), (standard_run, 20, 3.0)]
)
async def test_everybody_gets_the_code_and_no_limit_is_broken(
    run: type[AbstractAsyncContextManager[Stand]], rentals: int, seconds: float
) -> None:
    async with run() as stand:
        ids = [await rent(stand.client) for _ in range(rentals)]
        waiting = [asyncio.create_task(wait(stand.client, each, 25)) for each in ids * WAITERS]
        codes = await deliver(stand, ids, seconds)
        told = await asyncio.gather(*waiting)

    assert len(told) == rentals * WAITERS
    assert all(each["code"] == codes[each["rental_id"]] for each in told)
    assert stand.sim.violations == 0
    assert status_calls(stand) >= rentals


async def test_no_rental_is_polled_twice_before_the_others_had_their_turn() -> None:
    async with standard_run() as stand:
        ids = [await rent(stand.client) for _ in range(12)]
        waiting = [asyncio.create_task(wait(stand.client, each, 25)) for each in ids]
        await until(lambda: status_calls(stand) >= 3 * len(ids))
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    asked = [each.json for each in stand.sim.journal.received if each.call == "rental-status"]
    counts = [asked.count({"id": each}) for each in ids]
    assert min(counts) >= 1
    assert max(counts) - min(counts) <= 2
    assert stand.sim.violations == 0
