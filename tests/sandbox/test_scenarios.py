"""The three scenarios that the services `test_…` are for."""

from typing import Any

from adapters.sandbox.catalogue import FOUND_AFTER, LOCKED_FOR
from gateway.core.purchases.settlement import resolution
from tests.sandbox.support import Node, node, rent
from tests.support.waiting import until

LOST = {"service_code": "test_lost_answer", "request_id": "order-1"}


async def spent(one: Node) -> str:
    told: str = (await one.client.get("/v1/balance")).json["spent_today"]
    return told


async def read(one: Node, rental_id: int) -> dict[str, Any]:
    answer = await one.client.get(f"/v1/rentals/{rental_id}")
    assert answer.status == 200, answer.body
    rental: dict[str, Any] = answer.json
    return rental


async def test_a_silent_number_gets_no_code_and_can_be_cancelled(store_url: str) -> None:
    async with node(store_url) as one:
        rental_id = (await rent(one, "test_silent"))["id"]
        before = await spent(one)
        one.clock.put_forward(LOCKED_FOR.total_seconds())
        waited = await one.client.get(f"/v1/rentals/{rental_id}/code", wait_seconds="0")
        cancelled = await one.client.post(f"/v1/rentals/{rental_id}/cancel")
        after = await spent(one)

    assert waited.json["status"] == "pending"
    assert (cancelled.json["status"], cancelled.json["refunded"]) == ("cancelled", "0.50")
    assert (before, after) == ("0.50", "0.00")


async def test_a_cancel_too_early_is_carried_out_as_soon_as_it_may_be(store_url: str) -> None:
    async with node(store_url) as one:
        rental_id = (await rent(one, "test_silent"))["id"]
        early = await one.client.post(f"/v1/rentals/{rental_id}/cancel")
        one.clock.put_forward(LOCKED_FOR.total_seconds() + 1)
        one.gateway.core.cancels.wake()

        async def done() -> bool:
            return (await one.gateway.store.ledger.accounts_with_cancels()) == []

        await until(done)
        after = await read(one, rental_id)

    assert (early.status, early.json["status"]) == (200, "active")
    assert early.json["cancel_available_at"] is not None
    assert (after["status"], after["refunded"]) == ("cancelled", "0.50")


async def test_a_silent_number_that_nobody_cancels_ends() -> None:
    async with node(gateway_cancel_before_end_seconds=0) as one:
        rental_id = (await rent(one, "test_silent"))["id"]
        one.clock.put_forward(120)
        ended = await read(one, rental_id)
        late = await one.client.post(f"/v1/rentals/{rental_id}/cancel")

    assert (ended["status"], ended["code"], ended["refunded"]) == ("expired", None, None)
    assert (late.status, late.json["code"]) == (409, "rental_ended")


async def test_a_silent_number_that_nobody_waits_for_is_given_back() -> None:
    async with node() as one:
        rental_id = (await rent(one, "test_silent"))["id"]
        one.clock.put_forward(102)
        await one.gateway.core.following.look()

        async def over() -> bool:
            return bool((await read(one, rental_id))["status"] != "active")

        await until(over)
        ended = await read(one, rental_id)

    assert (ended["ended_reason"], ended["refunded"]) == ("cancelled_unused", "0.50")


async def test_a_code_keeps_the_number_from_being_cancelled() -> None:
    async with node() as one:
        rental_id = (await rent(one))["id"]
        one.clock.put_forward(5)
        refused = await one.client.post(f"/v1/rentals/{rental_id}/cancel")

    assert (refused.status, refused.json["code"]) == (409, "code_already_received")


async def test_what_is_out_of_stock_is_refused_and_costs_nothing(store_url: str) -> None:
    async with node(store_url) as one:
        refused = await one.client.post("/v1/rentals", {"service_code": "test_out_of_stock"})
        listed = await one.client.get("/v1/rentals")
        after = await spent(one)

    assert (refused.status, refused.json["code"]) == (409, "out_of_stock")
    assert (refused.json["charged"], refused.json["retryable"]) == ("no", True)
    assert (listed.json["data"], after) == ([], "0.00")


async def test_a_lost_answer_is_unknown_until_what_it_bought_is_found(store_url: str) -> None:
    async with node(store_url, budget_day=10) as one:
        lost = await one.client.post("/v1/rentals", LOST)
        repeated = await one.client.post("/v1/rentals", LOST)
        (unknown,) = (await one.client.get("/v1/rentals")).json["data"]
        reserved = await spent(one)
        one.clock.put_forward(FOUND_AFTER.total_seconds())

        async def found() -> bool:
            listed = (await one.client.get("/v1/rentals")).json["data"]
            return listed[0]["id"] is not None

        await until(found)
        replayed = await one.client.post("/v1/rentals", LOST)
        (row,) = (await one.client.get("/v1/rentals")).json["data"]
        now = await read(one, row["id"])
        events = (await one.client.get("/v1/events")).json["data"]

    assert (lost.status, lost.json["code"], lost.json["charged"]) == (
        409,
        "outcome_unknown",
        "unknown",
    )
    assert (repeated.status, repeated.json["code"]) == (409, "outcome_unknown")
    assert (unknown["id"], unknown["status"], unknown["test"]) == (None, "unknown", True)
    assert reserved == "0.50"
    assert (replayed.status, replayed.json["id"]) == (201, row["id"])
    assert row["ledger_id"] == unknown["ledger_id"]
    assert now["code"] is not None
    assert {"purchase.outcome_unknown", "rental.created"} <= {each["type"] for each in events}
    assert all(each["test"] for each in events)


async def test_it_can_be_settled_by_an_operator_as_a_real_one() -> None:
    async with node() as one:
        await one.client.post("/v1/rentals", LOST)
        ledger = one.gateway.store.ledger
        (spend,) = await ledger.unanswered("test")
        settled = await ledger.settle(
            spend.ledger_id, resolution(spend, None, None), one.clock.now()
        )
        one.clock.put_forward(FOUND_AFTER.total_seconds())
        repeated = await one.client.post("/v1/rentals", LOST)

    assert settled
    assert (repeated.status, repeated.json["code"]) == (409, "upstream_refused")
