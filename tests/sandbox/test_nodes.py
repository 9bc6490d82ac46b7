"""Every node says the same of a test rental, also one that has started since."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from adapters.sandbox.catalogue import FOUND_AFTER, LOCKED_FOR
from gateway.core.model.purchases import Intent, Outcome, SpendState
from tests.sandbox.support import NOWHERE, SECRET, Forwarded, Node, node, rent
from tests.support.gateway import Client, open_client
from tests.support.program import Program, program
from tests.support.waiting import until

pytestmark = pytest.mark.xdist_group("sandbox_on_postgres")


def told(client: Client, rental_id: int) -> Any:
    return client.get(f"/v1/rentals/{rental_id}")


@asynccontextmanager
async def two_nodes(store_url: str) -> AsyncIterator[tuple[Node, Client, Program]]:
    """A node here, and a client of another one, which is a process of its own."""
    terms = {"gateway_database_url": store_url, "gateway_secret": SECRET.decode()}
    async with (
        program(NOWHERE, **terms) as other,
        node(store_url) as one,
        open_client(other.url, one.key) as client,
    ):
        yield one, client, other


async def test_two_nodes_say_the_same_and_give_no_id_twice(store_url: str) -> None:
    async with two_nodes(store_url) as (one, there, _):
        made = await asyncio.gather(
            *(
                client.post("/v1/rentals", {"service_code": "whatsapp"})
                for client in (one.client, there) * 20
            )
        )
        ids = [answer.json["id"] for answer in made]
        waited = await there.get(f"/v1/rentals/{ids[0]}/code", wait_seconds="20")
        at_both = [await told(client, ids[0]) for client in (one.client, there)]
        await there.post(f"/v1/rentals/{ids[0]}/complete")

        async def seen_here() -> bool:
            status: str = (await told(one.client, ids[0])).json["status"]
            return status == "completed"

        await until(seen_here)

    here, other = (answer.json for answer in at_both)
    assert [answer.status for answer in made] == [201] * 40
    assert len({*ids}) == 40
    assert waited.json["code"] == here["code"] == other["code"]
    assert {**here, "codes": None} == {**other, "codes": None}


async def test_what_a_killed_node_rented_goes_on_at_the_next(store_url: str) -> None:
    async with two_nodes(store_url) as (one, there, other):
        silent = (await there.post("/v1/rentals", {"service_code": "test_silent"})).json
        rented = (await there.post("/v1/rentals", {"service_code": "whatsapp"})).json
        wished = await there.post(f"/v1/rentals/{silent['id']}/cancel")
        other.process.kill()
        await other.process.wait()
        one.clock.put_forward(LOCKED_FOR.total_seconds() + 1)
        waited = await one.client.get(f"/v1/rentals/{rented['id']}/code", wait_seconds="20")
        one.gateway.core.cancels.wake()

        async def cancelled() -> bool:
            status: str = (await told(one.client, silent["id"])).json["status"]
            return status == "cancelled"

        await until(cancelled)

    assert wished.json["status"] == "active"
    assert waited.json["status"] == "received"


async def test_after_a_restart_all_is_as_it_was(store_url: str) -> None:
    clock = Forwarded()
    async with node(store_url, clock=clock) as one:
        rented, key = await rent(one), one.key
        clock.put_forward(5)
        before = await told(one.client, rented["id"])
        await one.client.post("/v1/rentals", {"service_code": "test_lost_answer"})
    clock.put_forward(FOUND_AFTER.total_seconds())
    async with node(store_url, key=key, clock=clock) as again:
        after = await told(again.client, rented["id"])
        next_one = await rent(again)

        async def found() -> bool:
            listed = (await again.client.get("/v1/rentals")).json["data"]
            return all(row["id"] is not None for row in listed)

        await until(found)

    assert before.json["code"] is not None
    assert after.json == before.json
    assert next_one["id"] > rented["id"]


async def test_a_purchase_that_a_dead_process_left_was_not_made() -> None:
    async with node() as one:
        await one.client.post("/v1/rentals", {"service_code": "whatsapp", "request_id": "order-1"})
        ledger, now = one.gateway.store.ledger, one.clock.now()
        (spend,) = await ledger.spends(1)
        left = Intent(
            ledger_id="f" * 25,
            operation=spend.operation,
            kind=spend.kind,
            account_id=spend.account_id,
            caller_id=spend.caller_id,
            request_id="order-2",
            fingerprint=spend.fingerprint,
            subject_id=None,
            service_code=spend.service_code,
            reserved=None,
            active_until=now,
            at=now,
        )
        await ledger.begin(left)
        await ledger.mark_sent(left.ledger_id, now)
        await ledger.settle(left.ledger_id, Outcome(SpendState.UNKNOWN), now)
        one.clock.put_forward(FOUND_AFTER.total_seconds())

        async def settled() -> bool:
            return not await ledger.unanswered("test")

        await until(settled)
        repeated = await one.client.post(
            "/v1/rentals", {"service_code": "whatsapp", "request_id": "order-2"}
        )

    assert repeated.status == 201
