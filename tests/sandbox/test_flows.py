"""Whole flows of a test key over REST, on both databases, whatever the provider does."""

from collections.abc import AsyncIterator
from typing import Any

from adapters.sandbox.numbers import FIRST_ID, code
from gateway.core.operations.catalog import CALLS, CATALOG
from gateway.core.upstream.calls import KEY_CHECK
from tests.sandbox.support import Node, new_key, node, rent, simulator
from tests.support.gateway import open_client
from tests.webhooks.support import LOOPBACK, receiving

_OF_OPERATORS = ("/v1/keys", "/v1/audit-log")


async def test_a_number_is_rented_its_code_comes_and_it_is_completed(store_url: str) -> None:
    async with node(store_url) as one:
        rented = await rent(one, reference="customer 17")
        path = f"/v1/rentals/{rented['id']}"
        before = await one.client.get(path)
        one.clock.put_forward(5)
        told = await one.client.get(f"{path}/code", wait_seconds="20")
        done = await one.client.post(f"{path}/complete")
        listed = await one.client.get("/v1/rentals", number=rented["number"])

    assert rented["test"] is True
    assert rented["id"] >= FIRST_ID
    assert (before.json["status"], before.json["code"]) == ("active", None)
    assert (told.json["status"], told.json["code"]) == ("received", code(rented["id"], 0))
    assert (done.json["status"], done.json["test"]) == ("completed", True)
    assert [(row["id"], row["test"]) for row in listed.json["data"]] == [(rented["id"], True)]
    assert listed.json["data"][0]["reference"] == "customer 17"


async def test_a_service_with_more_codes_sends_a_second_one() -> None:
    async with node() as one:
        rental_id = (await rent(one, "google"))["id"]
        one.clock.put_forward(5)
        first = await one.client.get(f"/v1/rentals/{rental_id}")
        one.clock.put_forward(15)
        second = await one.client.get(f"/v1/rentals/{rental_id}")
        one.clock.put_forward(280)
        ended = await one.client.get(f"/v1/rentals/{rental_id}")

    assert (first.json["code"], second.json["code"]) == (code(rental_id, 0), code(rental_id, 1))
    assert [each["code"] for each in second.json["codes"]] == [
        code(rental_id, 1),
        code(rental_id, 0),
    ]
    assert (ended.json["status"], ended.json["code"]) == ("expired", code(rental_id, 1))


async def test_what_a_number_costs_follows_the_wishes_and_max_price() -> None:
    async with node() as one:
        plain = await rent(one, max_price="0.55")
        wished = await rent(one, area_codes="646", carrier="tmobile")
        exact = await rent(one, number="+14104287665")
        dear = await one.client.post(
            "/v1/rentals", {"service_code": "whatsapp", "max_price": "0.54"}
        )
        missing = await one.client.post("/v1/rentals", {"service_code": "whatsap"})

    assert (plain["price"], wished["price"]) == ("0.55", "0.77")
    assert wished["number"].startswith("+164655501")
    assert exact["number"] == "+14104287665"
    assert (dear.status, dear.json["code"], dear.json["charged"]) == (409, "price_too_high", "no")
    assert (missing.status, missing.json["code"]) == (404, "service_not_found")
    assert missing.json["candidates"][0]["service_code"] == "whatsapp"


async def test_the_sandbox_answers_every_call_that_an_operation_makes() -> None:
    async with node() as one:
        provider: Any = one.gateway.core.sandbox.upstream.provider

        assert {*provider._answers} == {*CALLS} - {KEY_CHECK}


async def test_every_operation_answers_and_the_provider_is_asked_nothing(store_url: str) -> None:
    async with (
        simulator() as sim,
        receiving() as receiver,
        node(store_url, sim.url, gateway_webhook_allowed_networks=LOOPBACK) as one,
    ):
        answered = {
            **{name: status async for name, status in _on_rentals(one)},
            **{name: status async for name, status in _on_long_rentals(one)},
            **{name: status async for name, status in _on_webhooks(one, f"{receiver.url}/hook")},
        }

    expected = {each.name for each in CATALOG if not each.rest.path.startswith(_OF_OPERATORS)}
    assert {*answered} == expected
    assert {name: status for name, status in answered.items() if status not in (200, 201)} == {}


async def _on_rentals(one: Node) -> AsyncIterator[tuple[str, int]]:
    client = one.client
    yield "list_prices", (await client.get("/v1/prices")).status
    yield "get_balance", (await client.get("/v1/balance")).status
    path = f"/v1/rentals/{(await rent(one))['id']}"
    yield "rent_number", 201
    yield "get_rental", (await client.get(path)).status
    silent = await rent(one, "test_silent")
    replaced = await client.post(f"/v1/rentals/{silent['id']}/replace")
    yield "replace_rental", replaced.status
    one.clock.put_forward(10)
    yield "wait_for_code", (await client.get(f"{path}/code", wait_seconds="20")).status
    yield "complete_rental", (await client.post(f"{path}/complete")).status
    yield "rent_again", (await client.post(f"{path}/rent-again")).status
    cancelled = await client.post(f"/v1/rentals/{replaced.json['id']}/cancel")
    yield "cancel_rental", cancelled.status
    yield "list_rentals", (await client.get("/v1/rentals")).status
    yield "get_usage", (await client.get("/v1/usage")).status
    yield "list_events", (await client.get("/v1/events")).status
    yield "get_key", (await client.get("/v1/key")).status


async def _on_long_rentals(one: Node) -> AsyncIterator[tuple[str, int]]:
    client = one.client
    created = await client.post("/v1/long-rentals", {"period": "1w"})
    yield "create_long_rental", created.status
    path = f"/v1/long-rentals/{created.json['id']}"
    yield "list_messages", (await client.get(f"{path}/messages", wait_seconds="5")).status
    yield "renew_long_rental", (await client.post(f"{path}/renew")).status
    yield "set_auto_renew", (await client.post(f"{path}/auto-renew", {"auto_renew": True})).status
    yield "cancel_long_rental", (await client.post(f"{path}/cancel")).status
    yield "list_long_rentals", (await client.get("/v1/long-rentals")).status


async def _on_webhooks(one: Node, url: str) -> AsyncIterator[tuple[str, int]]:
    client = one.client
    made = await client.post("/v1/webhooks", {"url": url, "events": ["rental.created"]})
    yield "create_webhook", made.status
    path = f"/v1/webhooks/{made.json['id']}"
    yield "list_webhooks", (await client.get("/v1/webhooks")).status
    yield "test_webhook", (await client.post(f"{path}/test")).status
    since = one.clock.now().isoformat()
    yield "redeliver_webhook", (await client.post(f"{path}/redeliver", {"since": since})).status
    yield "list_webhook_deliveries", (await client.get(f"{path}/deliveries")).status
    yield "delete_webhook", (await client.ask("DELETE", path)).status


async def test_a_long_rental_receives_a_message_is_renewed_and_expires() -> None:
    async with node() as one:
        client = one.client
        made = await client.post("/v1/long-rentals", {"period": "2w", "reference": "shop"})
        path = f"/v1/long-rentals/{made.json['id']}"
        texts = await client.get(f"{path}/messages")
        renewed = await client.post(f"{path}/renew")
        one.clock.put_forward(28 * 86_400)
        listed = await client.get("/v1/long-rentals")
        late = await client.post(f"{path}/renew")

    told = code(made.json["id"], 0)
    assert made.json["test"] is renewed.json["test"] is True
    assert [text["text"] for text in texts.json["data"]] == [f"Your test code is {told}."]
    assert renewed.json["ends_on"] > made.json["ends_on"]
    (row,) = listed.json["data"]
    assert (row["status"], row["reference"], row["test"]) == ("expired", "shop", True)
    assert (late.status, late.json["code"]) == (409, "rental_ended")


async def test_a_key_of_its_own_limits_is_held_to_them() -> None:
    async with node() as one:
        key = await new_key(one.gateway, "small", budget_day=1, max_active=1)
        async with open_client(one.url, key) as small:
            first = await small.post("/v1/rentals", {"service_code": "whatsapp"})
            second = await small.post("/v1/rentals", {"service_code": "whatsapp"})
            balance = await small.get("/v1/balance")
            theirs = await one.client.get(f"/v1/rentals/{first.json['id']}")

    assert first.status == 201
    assert second.json["code"] in ("too_many_active_rentals", "budget_exceeded")
    assert (balance.json["balance"], balance.json["spent_today"]) == ("100.00", "0.55")
    assert balance.json["left_today"] == "0.45"
    assert theirs.status == 404
