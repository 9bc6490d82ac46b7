"""What real keys see, sum up and are alarmed by has nothing of test keys, and the other way."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from adapters.sandbox.numbers import FIRST_ID
from adapters.simulator import DEMO_KEY, Limits, Rules, Simulator, SimulatorConfig
from gateway.core.jobs.housekeeping import Housekeeping
from gateway.core.model.callers import Limits as KeyLimits
from gateway.core.model.purchases import View
from tests.sandbox.support import Node, new_key, node, rent
from tests.support.gateway import Client, open_client
from tests.support.keys import make_key
from tests.support.waiting import until
from tests.webhooks.support import LOOPBACK, receiving

QUIET = SimulatorConfig(
    limits=Limits(on=False), rules=Rules(code_after=0.0, cancel_locked=0.0), catalogue_size=0
)
# What counts requests and the process, whoever calls.
_OF_ALL = re.compile(r"getatext_gateway_(http_|process_|build|python)")


@dataclass(frozen=True, slots=True)
class Both:
    """A node before the simulator, and a client with a real key that sees its account."""

    one: Node
    real: Client
    sim: Simulator


@asynccontextmanager
async def both(store_url: str = "", **changes: Any) -> AsyncIterator[Both]:
    usual: dict[str, Any] = {
        "getatext_api_key": DEMO_KEY,
        "gateway_webhook_allowed_networks": LOOPBACK,
    }
    async with (
        Simulator(QUIET).running() as sim,
        node(store_url, sim.url, **usual, **changes) as one,
    ):
        key = await make_key(one.gateway, "real", KeyLimits(admin=True))
        async with open_client(one.url, key) as real:
            yield Both(one, real, sim)


def counted(one: Node) -> dict[str, str]:
    """The metrics that tell of purchases, calls and what stands open."""
    lines = one.gateway.metrics.render().decode().splitlines()
    found = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: value for name, value in found if not _OF_ALL.match(name)}


async def a_lot_happens(one: Node, url: str) -> None:
    """Purchases, codes, refunds, refusals, unknown outcomes, deliveries and rounds in between."""
    hook = {"url": url, "events": ["rental.created", "purchase.outcome_unknown"]}
    assert (await one.client.post("/v1/webhooks", hook)).status == 201
    with_code, silent = await rent(one), await rent(one, "test_silent")
    waiting = await rent(one, "test_silent")
    for service in ("test_out_of_stock", "test_lost_answer", "nothing"):
        await one.client.post("/v1/rentals", {"service_code": service})
    one.clock.put_forward(10)
    await one.client.get(f"/v1/rentals/{with_code['id']}/code", wait_seconds="20")
    await one.client.post(f"/v1/rentals/{silent['id']}/cancel")
    await one.client.get("/v1/prices")
    await one.client.get("/v1/balance")
    one.clock.put_forward(92)
    core = one.gateway.core
    await core.following.look()

    async def given_back() -> bool:
        status: str = (await one.client.get(f"/v1/rentals/{waiting['id']}")).json["status"]
        return status == "cancelled"

    await until(given_back)
    await rent(one, "test_silent")
    await core.following.look()


async def test_no_metric_but_that_of_requests_counts_them() -> None:
    async with both() as stand, receiving() as receiver:
        one = stand.one
        await one.gateway.store.ledger.counts(one.clock.now())
        before = counted(one)
        await a_lot_happens(one, f"{receiver.url}/hook")
        await receiver.has(2)
        jobs = Housekeeping(
            one.gateway.ledger,
            one.clock,
            one.gateway.metrics,
            retention=timedelta(days=1),
            purged=lambda: None,
        )
        await jobs.count()
        after = counted(one)
        asked = dict(stand.sim.journal.calls)
        await stand.real.post("/v1/rentals", {"service_code": "whatsapp"})
        then = counted(one)

    assert after == before
    assert asked == {}
    assert then != after


async def test_what_stands_open_in_the_ledger_is_told_without_them(store_url: str) -> None:
    async with both(store_url) as stand:
        one, ledger = stand.one, stand.one.gateway.ledger
        await rent(one)
        silent = await rent(one, "test_silent")
        await one.client.post(f"/v1/rentals/{silent['id']}/cancel")
        await one.client.post("/v1/rentals", {"service_code": "test_lost_answer"})
        counts = await ledger.counts(one.clock.now())
        unknown, theirs = await ledger.unknown(), await ledger.unknown("test")
        listed = await ledger.spends(10, test=False), await ledger.spends(10, test=True)
        every = await ledger.spends(10)
        await stand.real.post("/v1/rentals", {"service_code": "whatsapp"})
        real = await ledger.spends(10, test=False)
        at_last = await ledger.counts(one.clock.now())

    assert (counts.unknown_purchases, counts.active_rentals, counts.cancel_wishes) == (0, 0, 0)
    assert counts.oldest_wish_at is None
    assert (len(unknown), len(theirs)) == (0, 1)
    assert ([*map(len, listed)], len(every), len(real)) == ([0, 3], 3, 1)
    assert at_last.active_rentals == 1


async def test_neither_sees_the_rentals_of_the_other(store_url: str) -> None:
    async with both(store_url) as stand:
        one, real = stand.one, stand.real
        admin = await new_key(one.gateway, "boss", admin=True)
        mine = (await real.post("/v1/rentals", {"service_code": "whatsapp"})).json
        test = await rent(one)
        async with open_client(one.url, admin) as boss:
            seen = [
                [row["id"] for row in (await client.get("/v1/rentals")).json["data"]]
                for client in (real, boss, one.client)
            ]
            crossed = [
                (await client.get(f"/v1/rentals/{other['id']}")).status
                for client, other in ((real, test), (boss, mine), (one.client, mine))
            ]
            usage = [
                (await client.get("/v1/usage", group_by="key")).json for client in (real, boss)
            ]
            named = await real.get("/v1/rentals", key="tests")
            events = [(await client.get("/v1/events")).json["data"] for client in (real, boss)]

    assert seen == [[mine["id"]], [test["id"]], [test["id"]]]
    assert crossed == [404, 404, 404]
    assert mine["id"] < FIRST_ID <= test["id"]
    assert [[row["name"] for row in told["data"]] for told in usage] == [["real"], ["tests"]]
    assert [told["total"]["charged"] for told in usage] == ["0.55", "0.55"]
    assert named.status == 404
    assert [{event["test"] for event in each} for each in events] == [{False}, {True}]


async def test_the_operators_budget_and_the_balance_alarm_do_not_hear_of_them() -> None:
    async with both(gateway_budget_day=1, gateway_balance_low=1000) as stand:
        one, real = stand.one, stand.real
        for _ in range(3):
            await rent(one)
        await one.client.get("/v1/balance")
        bought = await real.post("/v1/rentals", {"service_code": "whatsapp"})
        beyond = await real.post("/v1/rentals", {"service_code": "whatsapp"})
        more = await rent(one)
        alarms = await one.gateway.store.events.events(View("test"), 0, 100)

    assert (bought.status, beyond.status) == (201, 403)
    assert more["test"] is True
    assert {event.type.value for event in alarms} == {"rental.created"}


async def test_a_broken_provider_stops_no_test_key_and_they_stop_no_real_one() -> None:
    async with both() as stand:
        one = stand.one
        for _ in range(30):
            await one.client.post("/v1/rentals", {"service_code": "test_lost_answer"})
        states = one.gateway.core.breakers.states()
        real = await stand.real.post("/v1/rentals", {"service_code": "whatsapp"})

    assert {str(state) for state in states.values()} <= {"closed"}
    assert real.status == 201
