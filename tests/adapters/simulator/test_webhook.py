"""Codes announced to a customer's own server."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from pytest_aiohttp import AiohttpServer

from tests.adapters.simulator.support import Customer


@dataclass
class Inbox:
    """A customer's server; `answers` are its HTTP statuses, 200 when they run out."""

    url: str = ""
    received: list[Any] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        assert "Auth" not in request.headers
        self.received.append((request.query_string, await request.json()))
        return web.Response(status=self.answers.pop(0) if self.answers else 200)


@pytest.fixture
async def inbox(aiohttp_server: AiohttpServer) -> Inbox:
    inbox, app = Inbox(), web.Application()
    app.router.add_post("/codes", inbox.take)
    server = await aiohttp_server(app)
    inbox.url = str(server.make_url("/codes?secret=s"))
    return inbox


async def announced(customer: Customer, inbox: Inbox, code: str) -> Any:
    sim = customer.sim
    sim.change(accounts={customer.key: {"webhook_url": inbox.url}}, webhook={"retry_after": 0})
    rented = await customer.rent()
    sim.receive_code(rented["id"], code)
    await sim.webhooks.settled()
    return rented


async def test_a_code_is_posted_as_an_integer(alice: Customer, inbox: Inbox) -> None:
    rented = await announced(alice, inbox, "012345")

    assert inbox.received == [
        (
            "secret=s",
            {
                "id": rented["id"],
                "code": 12345,
                "received_at": "2025-07-06 15:38:37",
                "number": rented["number"],
                "service_name": "Whatsapp",
            },
        )
    ]
    assert (await alice.status(rented["id"]))["code"] == "012345"


async def test_the_newer_body_says_status_and_cost(alice: Customer, inbox: Inbox) -> None:
    alice.sim.change(webhook={"style": "newer"})
    await announced(alice, inbox, "654321")
    _, body = inbox.received[0]

    assert (body["code"], body["status"], body["cost"]) == (654321, "active", "0.55")


async def test_a_refused_announcement_is_repeated_until_taken(
    alice: Customer, inbox: Inbox
) -> None:
    inbox.answers = [500]
    await announced(alice, inbox, "654321")

    assert len(inbox.received) == 2
    assert [one.status for one in alice.sim.webhooks.deliveries] == [500, 200]


async def test_repeats_are_bounded(alice: Customer, inbox: Inbox) -> None:
    inbox.answers = [500] * 9
    await announced(alice, inbox, "654321")

    assert len(inbox.received) == 3


async def test_nobody_at_the_address_is_no_harm(alice: Customer) -> None:
    await announced(alice, Inbox("http://127.0.0.1:9/"), "654321")

    assert [one.status for one in alice.sim.webhooks.deliveries] == [None] * 3


async def test_a_later_code_is_announced_too(alice: Customer, inbox: Inbox) -> None:
    rented = await announced(alice, inbox, "111111")
    alice.sim.receive_code(rented["id"], "222222")
    await alice.sim.webhooks.settled()

    assert [body["code"] for _, body in inbox.received] == [111111, 222222]
