"""The provider fails in every way it knows while callers rent, wait and cancel."""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from adapters.simulator import Fault, FaultKind, Rules, Service, Simulator
from gateway.core.purchases.settlement import resolution
from tests.codes.support import provider, rent
from tests.support.contract import Answer
from tests.support.gateway import Client, Stand, run_simulated

ENDLESS = Service("Whatsapp", "whatsapp", Decimal("0.55"), 5)
KINDS: list[tuple[FaultKind, dict[str, Any]]] = [
    (FaultKind.RATE_LIMITED, {}), (FaultKind.STATUS, {"status": 500}), (FaultKind.HANG, {}),
    (FaultKind.HANG, {"after_work": True}), (FaultKind.DROP_BEFORE, {}),
    (FaultKind.DROP_AFTER, {}), (FaultKind.TRUNCATED, {}), (FaultKind.CUT_JSON, {}),
    (FaultKind.HTML, {}), (FaultKind.HTML, {"after_work": True, "status": 504}),
]  # fmt: skip
SECONDS_AFTER = 60  # the storm everybody is served again; most of it is the breaker's pause
TRUE: tuple[FaultKind, dict[str, Any]] = (FaultKind.SLOW, {"seconds": 0.01})
CALLS = ("rent-a-number-premium", "rental-status-premium", "cancel-rental-premium", "prices-info")


@dataclass
class Told:
    """What the callers were told."""

    rents: dict[str, Answer] = field(default_factory=dict)
    codes: dict[int, str] = field(default_factory=dict)
    ends: Counter[str] = field(default_factory=Counter)


async def storm(sim: Simulator, until: float) -> None:
    """One call in four fails, each in its own way; midway, for a tenth of the time, all do."""
    rng, faults, begun = random.Random(11), sim.provider.faults, time.monotonic()
    worst_from, worst_to = (begun + (until - begun) * share for share in (0.45, 0.55))
    while (now := time.monotonic()) < until:
        faults.clear()
        share = 1.0 if worst_from < now < worst_to else 0.25
        for call in CALLS:
            for _ in range(20):  # more than come until the next look
                kind, more = rng.choice(KINDS) if rng.random() < share else TRUE
                sim.script(Fault(call, kind, **more))
        await asyncio.sleep(0.05)
    faults.clear()


async def live(client: Client, name: int, until: float, told: Told) -> None:
    """Rent, wait or cancel, and again; a purchase is repeated under its id until it is settled.

    So many seconds after the storm everybody has what they wanted.
    """
    turn = 0
    async with asyncio.timeout(until + SECONDS_AFTER - time.monotonic()):
        while turn < 4 or time.monotonic() < until:  # four at least, however slow the machine
            turn += 1
            request_id = f"caller {name}, turn {turn}"
            answer = await settled(client, request_id)
            told.rents[request_id] = answer
            if answer.status != 201:
                continue
            if (name + turn) % 3 == 0:
                done = await client.post(f"/v1/rentals/{answer.json['id']}/cancel")
                told.ends[f"cancel {done.status}"] += 1
            else:
                await wait_on(client, answer.json["id"], told)


async def settled(client: Client, request_id: str) -> Answer:
    while True:
        body = {"service_code": "whatsapp", "request_id": request_id}
        answer = await client.post("/v1/rentals", body)
        if answer.status == 201 or not answer.json["retryable"]:
            return answer
        await asyncio.sleep(0.1)


async def wait_on(client: Client, rental: int, told: Told) -> None:
    while True:
        answer = await client.get(f"/v1/rentals/{rental}/code", wait_seconds="5")
        if answer.status == 200 and answer.json["status"] == "received":
            told.codes[rental] = answer.json["code"]
            return
        told.ends[f"wait {answer.status}"] += 1
        if answer.status != 200:
            await asyncio.sleep(0.1)


async def resolve_the_lost(stand: Stand) -> int:
    """What an operator does with the provider's own list; how many were lost."""
    ledger = stand.gateway.ledger
    for rental in stand.sim.books.rentals:  # cancellations whose answers were lost
        answer = await stand.client.get(f"/v1/rentals/{rental}")
        assert answer.status == 200
    account = (await stand.gateway.callers.identify(stand.client.key)).account.id
    lost = [
        each
        for each in stand.sim.books.rentals.values()
        if not await ledger.is_bought(account, "rental", each.id)
    ]
    unknown = await ledger.unknown()
    assert len(lost) <= len(unknown)
    for spend in unknown:
        found = lost.pop() if lost else None
        outcome = resolution(spend, found.id if found else None, found.price if found else None)
        await ledger.settle(spend.ledger_id, outcome, spend.at)
    return len(unknown)


def settings() -> dict[str, Any]:
    return {
        "getatext_tier": "premium",
        "getatext_rates": {"rent": 10_000.0, "prices": 10_000.0},
        "gateway_status_cache_seconds": 1,
        "getatext_read_seconds": 1.0,
        "getatext_spend_seconds": 1.0,
        "gateway_prices_fresh_seconds": 1,
    }


async def test_no_double_rent_no_lost_code_and_books_that_agree(many: bool) -> None:
    seconds, callers = (60.0, 100) if many else (7.0, 30)
    rules = Rules(code_after=0.4, next_code_after=1e9, cancel_locked=0.0, max_active=10**6)
    config = replace(provider(), rules=rules, services=(ENDLESS,))
    told = Told()
    async with run_simulated(config, **settings()) as stand:
        await stand.client.get("/v1/prices")
        end = time.monotonic() + seconds
        lives = (live(stand.client, name, end, told) for name in range(callers))
        await asyncio.gather(storm(stand.sim, end), *lives)
        await asyncio.wait_for(wait_on(stand.client, await rent(stand.client), told), 60)
        recovered = time.monotonic() - end
        unknown = await resolve_the_lost(stand)
        ends = await stand.client.get("/v1/balance")
        books = stand.sim.books
        codes = {each.id: each.code for each in books.rentals.values()}

    bought = [each for each in told.rents.values() if each.status == 201]
    ids = [each.json["id"] for each in bought]
    print(f"{len(bought)} bought, {unknown} unknown, {told.ends}, well {recovered:.1f} s after")  # noqa: T201
    assert len(bought) > callers
    assert len(set(ids)) == len(ids)
    assert len(books.rentals) <= len(told.rents) + 1
    assert all(codes[rental] == code for rental, code in told.codes.items())
    assert recovered < SECONDS_AFTER
    assert Decimal(ends.json["spent_total"]) == books.spent - books.refunded
