"""A receiver of webhooks on a socket, which verifies each delivery as its owner would."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import web
from standardwebhooks.webhooks import Webhook as Verifier

from adapters.simulator import Rules, Simulator
from tests.support.gateway import Client
from tests.support.money import CHARGING, Bank, open_bank
from tests.support.waiting import until

LOOPBACK = ["127.0.0.0/8"]
CODES = replace(CHARGING, rules=Rules(code_after=0.0, cancel_locked=0.0, max_active=10_000))
EVERY = ["rental.created", "rental.code_received", "rental.ended"]


@dataclass(frozen=True, slots=True)
class Delivered:
    """A delivery as it came."""

    path: str
    id: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """Keeps what comes; `answer` says what is answered to it."""

    url: str = ""
    got: list[Delivered] = field(default_factory=list)
    answer: Callable[[Delivered], Awaitable[web.StreamResponse]] | None = None
    status: int = 200

    async def take(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        one = Delivered(request.path, headers["webhook-id"], headers, await request.read())
        self.got.append(one)
        if self.answer is not None:
            return await self.answer(one)
        return web.Response(status=self.status, text="thanks")

    async def has(self, count: int, path: str | None = None) -> list[Delivered]:
        """The first deliveries, once there are so many."""
        await until(lambda: len(self.at(path)) >= count)
        return self.at(path)

    def at(self, path: str | None) -> list[Delivered]:
        return [one for one in self.got if path in (None, one.path)]


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver on a free port."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        receiver.url = f"http://{host}:{port}"
        yield receiver
    finally:
        await runner.cleanup()


@dataclass(frozen=True, slots=True)
class Post:
    """A gateway that may send to this machine, and a receiver."""

    bank: Bank
    receiver: Receiver

    async def create(self, client: Client, path: str = "/hook", **given: Any) -> dict[str, Any]:
        """A webhook of the client's key at a path of the receiver's."""
        body = {"url": self.receiver.url + path, "events": EVERY} | given
        answer = await client.post("/v1/webhooks", body)
        assert answer.status == 201, answer.body
        created: dict[str, Any] = answer.json
        return created


@asynccontextmanager
async def post_office(
    url: str, sim: Simulator | None = None, **changes: Any
) -> AsyncIterator[Post]:
    """The gateway on the ledger at the URL, and a receiver."""
    usual = {"gateway_webhook_allowed_networks": LOOPBACK}
    async with receiving() as receiver, open_bank(url, sim, CODES, **usual | changes) as bank:
        yield Post(bank, receiver)


def verified(secret: str, one: Delivered) -> Any:
    """What a delivery says, as the standard's own package verifies it."""
    return Verifier(secret).verify(one.body, one.headers)


async def deliveries(client: Client, webhook: dict[str, Any], **asked: str) -> list[dict[str, Any]]:
    """The deliveries of a webhook, newest event first."""
    answer = await client.get(f"/v1/webhooks/{webhook['id']}/deliveries", **asked)
    assert answer.status == 200, answer.body
    rows: list[dict[str, Any]] = answer.json["data"]
    return rows


async def at_rest(client: Client, webhook: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """The deliveries, once so many have been tried and written down."""
    rows: list[dict[str, Any]] = []

    async def tried() -> bool:
        nonlocal rows
        rows = await deliveries(client, webhook)
        return sum(row["tried_at"] is not None for row in rows) >= count

    for _ in range(500):
        if await tried():
            return rows
        await asyncio.sleep(0.02)
    raise AssertionError(f"only {rows}")
