"""Every face answers a test key as it answers a real one, while no provider is there."""

import asyncio
import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientTimeout

from adapters.sandbox.numbers import FIRST_ID, code
from gateway.core.model.callers import TEST_KEY_PREFIX, Limits
from tests.codes.support import Stream
from tests.faces.support import DAISY, PHP, STUB, Tool
from tests.mcp.support import LEGACY, MODERN, connected, done, refused
from tests.sandbox.support import NOWHERE, Node, node, rent
from tests.support.gateway import new_database, open_client
from tests.support.keys import make_key
from tests.webhooks.support import LOOPBACK, receiving, verified

ROOT = Path(__file__).parents[2]


def tool(one: Node, path: str = PHP) -> Tool:
    nothing: Any = None
    return Tool(one.client, nothing, one.key, path)


async def by_own_client(one: Node, path: str, body: Any = None) -> Any:
    """A call as the provider's own clients make it."""
    answer = await one.client.ask(
        "GET" if body is None else "POST",
        f"/api/v1/{path}",
        key=None,
        headers={"Auth": one.key},
        **({} if body is None else {"json": body}),
    )
    return {**answer.json, "http": answer.status}


async def test_the_provider_s_own_clients_see_the_whole_flow() -> None:
    async with node() as one:
        call = partial(by_own_client, one)
        prices, balance = await call("prices-info"), await call("balance")
        rented = await call("rent-a-number", {"service": "whatsapp"})
        silent = await call("rent-a-number", {"service": "test_silent"})
        early = await call("cancel-rental", {"id": silent["id"]})
        sold_out = await call("rent-a-number", {"service": "test_out_of_stock"})
        one.clock.put_forward(10)
        status = await call("rental-status", {"id": rented["id"]})
        cancelled = await call("cancel-rental", {"id": silent["id"]})
        finished = await call(f"rental-status/{rented['id']}/completed", {})
        again = await call("re-rent", {"rental_id": rented["id"]})

    listed = {row["api_name"] for row in prices["prices"]}
    assert ({"whatsapp", "test_silent"} <= listed, balance["balance"]) == (True, "100.00")
    assert (rented["http"], rented["status"], rented["price"]) == (201, "success", "0.55")
    assert (early["http"], sold_out["http"]) == (400, 400)
    assert ("wait" in early["errors"].lower(), "out of stock" in sold_out["errors"]) == (True, True)
    assert (status["code"], status["number"]) == (code(rented["id"], 0), rented["number"])
    assert (cancelled["status"], finished["status"]) == ("cancelled", "success")
    assert (again["http"], again["number"]) == (201, rented["number"])


async def test_their_long_rentals_are_answered_too() -> None:
    async with node() as one:
        call = partial(by_own_client, one)
        made = await call("long-rentals", {"auto_renew": False, "rental_time": "1w"})
        path = f"long-rentals/{made['long_rental']['id']}"
        texts = await call(f"{path}/messages")
        renewed = await call(f"{path}/update", {"action": "renew"})

    assert (made["http"], renewed["http"], len(texts["messages"])) == (200, 200, 1)


async def test_the_get_form_sees_it() -> None:
    async with node() as one:
        asked = tool(one, STUB)
        prices, balance = await asked.json("getPrices"), await asked.json("getBalance")
        rented = (await asked.send(action="getNumber", service="whatsapp")).json
        silent = (await asked.send(action="getNumber", service="test_silent")).json
        one.clock.put_forward(10)
        status = await asked.json("getRentalStatus", rental_id=rented["id"])
        cancelled = await asked.json("cancelRental", rental_id=silent["id"])

    assert (len(prices["prices"]), balance["balance"]) == (12, "100.00")
    assert rented["id"] >= FIRST_ID
    assert (status["code"], cancelled["status"]) == (code(rented["id"], 0), "cancelled")


@pytest.mark.parametrize("path", [PHP, DAISY])
async def test_old_tools_see_it_by_their_short_codes(path: str) -> None:
    async with node() as one:
        asked = tool(one, path)
        balance = await asked.text("getBalance")
        rental_id, phone = await asked.buy("wa")
        silent, _ = await asked.buy("test_silent")
        before = await asked.text("getStatus", id=rental_id)
        sold_out = await asked.text("getNumber", service="test_out_of_stock")
        one.clock.put_forward(10)
        for each in (rental_id, silent):  # the state that the next poll tells
            await one.client.get(f"/v1/rentals/{each}")
        after = await asked.text("getStatus", id=rental_id)
        finished = await asked.text("setStatus", id=rental_id, status=6)
        cancelled = await asked.text("setStatus", id=silent, status=8)
        prices = await asked.json("getPrices", service="tg")

    assert (balance, before) == ("ACCESS_BALANCE:100.00", "STATUS_WAIT_CODE")
    assert phone.startswith("1")
    assert sold_out == "NO_NUMBERS"
    assert (after, finished) == (f"STATUS_OK:{code(rental_id, 0)}", "ACCESS_ACTIVATION")
    assert cancelled == "ACCESS_CANCEL"
    assert prices["187"]["tg"]["cost"] == 0.9


async def test_an_old_tool_gets_a_lost_number_when_it_asks_again() -> None:
    async with node() as one:
        asked = tool(one)
        lost = await asked.text("getNumber", service="test_lost_answer")
        soon = await asked.text("getNumber", service="test_lost_answer")
        one.clock.put_forward(10)
        await one.gateway.core.lost_answers.look()
        again = await asked.text("getNumber", service="test_lost_answer")
        listed = (await one.client.get("/v1/rentals")).json["data"]

    assert (lost, soon) == ("ERROR_SQL", "ERROR_SQL")
    assert again == f"ACCESS_NUMBER:{listed[0]['id']}:{listed[0]['number'][1:]}"
    assert len(listed) == 1


@pytest.mark.parametrize("era", [LEGACY, MODERN])
async def test_agents_see_it(era: str) -> None:
    async with node() as one, connected(f"{one.url}/mcp", era, key=one.key) as agent:
        prices = await done(agent, "list_prices", {"query": "whats"})
        rented = await done(agent, "rent_number", {"service_code": "whatsapp", "max_price": "1"})
        one.clock.put_forward(5)
        told = await done(agent, "wait_for_code", {"rental_id": rented["id"]})
        completed = await done(agent, "complete_rental", {"rental_id": rented["id"]})
        sold_out = await refused(
            agent, "rent_number", {"service_code": "test_out_of_stock", "max_price": "1"}
        )
        lost = await refused(
            agent, "rent_number", {"service_code": "test_lost_answer", "max_price": "1"}
        )

    assert [row["service_code"] for row in prices["data"]] == ["whatsapp"]
    assert (rented["test"], completed["test"]) == (True, True)
    assert told["code"] == code(rented["id"], 0)
    assert "no number for this service" in sold_out
    assert "answer was lost" in lost


async def test_the_stream_and_a_webhook_tell_test_events() -> None:
    async with (
        receiving() as receiver,
        node(gateway_webhook_allowed_networks=LOOPBACK) as one,
        one.client.session.get(
            f"{one.url}/v1/events/stream",
            headers={"X-API-Key": one.key},
            timeout=ClientTimeout(total=60),
        ) as response,
    ):
        stream = Stream(response)
        hook = await one.client.post(
            "/v1/webhooks",
            {
                "url": f"{receiver.url}/hook",
                "events": ["rental.created", "rental.code_received", "purchase.outcome_unknown"],
            },
        )
        rented = await rent(one)
        one.clock.put_forward(5)
        streamed = [await stream.event(), await stream.event()]
        await one.client.post("/v1/rentals", {"service_code": "test_lost_answer"})
        delivered = [verified(hook.json["secret"], each) for each in await receiver.has(3)]
        await one.client.post(f"/v1/webhooks/{hook.json['id']}/test")
        tried = (await receiver.has(4))[-1].event

    assert [event.kind for event in streamed] == ["rental.created", "rental.code_received"]
    assert [event.data["test"] for event in streamed] == [True, True]
    assert {event["type"] for event in delivered} == {
        "rental.created",
        "rental.code_received",
        "purchase.outcome_unknown",
    }
    assert all(event["test"] is event["data"]["test"] is True for event in delivered)
    assert delivered[0]["data"]["id"] == rented["id"]
    assert (tried["type"], tried["test"]) == ("webhook.test", True)


async def test_a_real_key_s_events_say_that_they_are_real() -> None:
    async with (
        receiving() as receiver,
        node(getatext_api_key="sk_demo", gateway_webhook_allowed_networks=LOOPBACK) as one,
    ):
        key = await make_key(one.gateway, "real", Limits())
        async with open_client(one.url, key) as real:
            made = await real.post(
                "/v1/webhooks", {"url": f"{receiver.url}/hook", "events": ["rental.created"]}
            )
            await real.post(f"/v1/webhooks/{made.json['id']}/test")
            (tried,) = await receiver.has(1)

    assert tried.event["test"] is False


async def test_the_command_line_sees_it_without_a_key_of_the_provider() -> None:
    given = {
        "GATEWAY_DATABASE_URL": new_database(),
        "GETATEXT_BASE_URL": NOWHERE,
        "XDG_DATA_HOME": os.environ["XDG_DATA_HOME"],
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
    }

    async def run(*words: str, **more: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", *words),
            cwd=ROOT,
            env={**given, **more},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert process.returncode == 0, err
        return out.decode()

    made = ("keys", "create", "--name", "ci", "--test", "--budget-day", "5")
    key = (await run(*made, "--services", "whatsapp,test_silent")).strip()
    listed = json.loads(await run("keys", "list", "--json"))["data"]
    rented = json.loads(
        await run("rent", "whatsapp", "--max-price", "1", "--json", GATEWAY_KEY=key)
    )
    told = await run("wait", str(rented["id"]), GATEWAY_KEY=key)
    card = await run("status", str(rented["id"]), GATEWAY_KEY=key)
    purchases = json.loads(await run("ledger", "list", "--json"))["data"]
    theirs = json.loads(await run("ledger", "list", "--test", "--json"))["data"]

    assert key.startswith(TEST_KEY_PREFIX)
    assert [(row["name"], row["test"], row["services"]) for row in listed] == [
        ("ci", True, ["test_silent", "whatsapp"])
    ]
    assert rented["test"] is True
    assert code(rented["id"], 0) in told
    assert "test" in card
    assert ([], [rented["ledger_id"]]) == (purchases, [row["ledger_id"] for row in theirs])
