"""How soon an event is with its receiver, and what webhooks cost an account that has none.

The delay counts from the sending of the rent that makes the event, so the rent itself is in it. The
thousand webhooks are enabled and of living keys, each in an account of its own; the gateway without
them has the same keys.
"""

import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from tempfile import TemporaryDirectory

import aiohttp
from aiohttp import web

from adapters.store import Store, open_store
from bench.contenders import KEY, gateway, upstream
from bench.load import post
from bench.measure import Contender, Ratio, Sample, by_turns, median, new_event_loop, ratio
from bench.postgres import durable_postgres
from bench.process import Server
from bench.report import Row, Target
from gateway.core.auth.authentication import KeyHasher
from gateway.core.model.callers import GatewayKey, Limits
from gateway.core.model.events import EventType
from gateway.core.model.values import new_ledger_id
from gateway.core.model.webhooks import StoredWebhook, WebhookFormat
from gateway.core.ports.webhooks import MostWebhooks

OTHERS, KEYS = 1000, 50
EVENTS, EVERY = 100, 0.05
"""So many events of a round, one each so many seconds."""
RENTS = 500
_PATIENCE = 60.0
_SECRET = "a secret that only this bench knows"
_OWNERS_KEY = "gtw_bench_00000000000000000000000"
_RATES = '{"rent": 1000}'

Databases = Callable[[], AbstractContextManager[str]]


@dataclass
class _Receiver:
    """Keeps when each rental's event came; `complete` is set once those of a round are there."""

    url: str = ""
    came: dict[int, float] = field(default_factory=dict)
    complete: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        at = time.perf_counter()
        event = json.loads(await request.read())
        self.came.setdefault(event["data"]["id"], at)
        if len(self.came) == EVENTS:
            self.complete.set()
        return web.Response()


def run(rounds: int) -> list[Row]:
    """One database after the other."""
    rows: list[Row] = []
    for name, databases in (("SQLite", _files), ("PostgreSQL", _servers)):
        with ExitStack() as stack:
            provider = stack.enter_context(upstream())
            database = stack.enter_context(databases())
            rows.append(_delay(name, provider, database, rounds))
            rows.append(_cost(name, provider, database, rounds))
    return rows


def _delay(name: str, provider: Server, database: Databases, rounds: int) -> Row:
    """The p99 of each round."""
    with database() as url:
        asyncio.run(_prepare(url))
        with (
            _gateway(provider, url) as server,
            asyncio.Runner(loop_factory=new_event_loop()) as runner,
        ):
            found = runner.run(_rounds(server, rounds))
    p99 = [_share(delays, 0.99) for delays in found]
    middle = statistics.median(_share(delays, 0.5) for delays in found)
    value = Ratio(statistics.median(p99), min(p99), max(p99))
    told = f"p50 {middle:.0f} ms of {EVENTS} each"
    return Row(f"{name}: event to receiver", "p99", value, Target("<", 250), " ms", told)


def _cost(name: str, provider: Server, database: Databases, rounds: int) -> Row:
    """A rent beside the webhooks of others, against one where there are none."""
    with ExitStack() as stack:
        contenders = {}
        for what, others in (("webhooks", OTHERS), ("none", 0)):
            url = stack.enter_context(database())
            asyncio.run(_prepare(url, others, keys=KEYS))
            contenders[what] = _rents(stack.enter_context(_gateway(provider, url)))
        samples = by_turns(contenders, rounds, RENTS)
    medians = [median(samples, what, _cpu) for what in ("webhooks", "none")]
    return Row(
        f"{name}: a rent, {OTHERS:,} webhooks of others / none",
        "CPU per request",
        ratio(samples, "webhooks", "none", _cpu),
        Target("≤", 1.05),
        absolute="{:.0f} / {:.0f} µs".format(*medians),
    )


@contextmanager
def _files() -> Iterator[Databases]:
    @contextmanager
    def one() -> Iterator[str]:
        with TemporaryDirectory() as folder:
            yield f"sqlite:///{folder}/ledger.db"

    yield one


@contextmanager
def _servers() -> Iterator[Databases]:
    with durable_postgres() as server:
        yield server.database


def _gateway(provider: Server, url: str) -> AbstractContextManager[Server]:
    return gateway(
        provider,
        GATEWAY_DATABASE_URL=url,
        GATEWAY_KEY=_OWNERS_KEY,  # by which it knows that the secret is the database's
        GATEWAY_SECRET=_SECRET,
        GATEWAY_WEBHOOK_ALLOWED_NETWORKS='["127.0.0.0/8"]',
        GETATEXT_API_KEY=KEY,
        GETATEXT_RATES=_RATES,
    )


async def _prepare(url: str, others: int = 0, keys: int = 0) -> None:
    """A key to rent with, so many keys of others, and so many webhooks of theirs."""
    hasher, now = KeyHasher(_SECRET.encode()), datetime.now(UTC)
    async with open_store(url, new_id=new_ledger_id) as store:
        names = ["bench", *(f"other {number}" for number in range(1, keys + 1))]
        for number, name in enumerate(names):
            hashed = hasher.name(_OWNERS_KEY if number == 0 else f"gtw_other_{number}")
            await store.keys.create(GatewayKey(str(number), name, hashed, Limits(), now))
        for number in range(1, others + 1):
            await _create(store, number, now)


async def _create(store: Store, number: int, now: datetime) -> None:
    webhook = StoredWebhook(
        id=f"wh_{number:024x}",
        account_id=f"account {number}",
        caller_id=f"gtw_{1 + number % KEYS}",
        url="https://example.com/hook",
        events=(EventType.RENTAL_CREATED, EventType.RENTAL_CODE_RECEIVED),
        service_code=None,
        description=None,
        format=WebhookFormat.STANDARD,
        created_at=now,
        cursor=0,
    )
    await store.webhooks.create(webhook, MostWebhooks(20, 100))


async def _rounds(server: Server, rounds: int) -> list[list[float]]:
    """Milliseconds of every event, round by round, after one that is not counted."""
    headers = {"X-API-Key": _OWNERS_KEY}
    async with (
        receiving() as receiver,
        aiohttp.ClientSession(server.url, headers=headers) as client,
    ):
        wanted = {"url": receiver.url, "events": ["rental.created"]}
        async with client.post("/v1/webhooks", json=wanted) as answer:
            if answer.status != 201:
                raise RuntimeError(await answer.text())
        return [await _round(client, receiver) for _ in range(rounds + 1)][1:]


async def _round(client: aiohttp.ClientSession, receiver: _Receiver) -> list[float]:
    receiver.came.clear()
    receiver.complete.clear()
    rents = []
    for _ in range(EVENTS):
        rents.append(asyncio.create_task(_rent(client)))
        await asyncio.sleep(EVERY)
    asked = dict(await asyncio.gather(*rents))
    async with asyncio.timeout(_PATIENCE):
        await receiver.complete.wait()
    return sorted((receiver.came[rental] - at) * 1000 for rental, at in asked.items())


async def _rent(client: aiohttp.ClientSession) -> tuple[int, float]:
    """The rental, and when it was asked for."""
    at = time.perf_counter()
    async with client.post("/v1/rentals", json={"service_code": "market_0"}) as answer:
        if answer.status != 201:
            raise RuntimeError(await answer.text())
        return (await answer.json())["id"], at


@asynccontextmanager
async def receiving() -> AsyncIterator[_Receiver]:
    receiver, app = _Receiver(), web.Application()
    app.router.add_post("/", receiver.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        yield receiver
    finally:
        await runner.cleanup()


def _rents(server: Server) -> Contender:
    def request(number: int) -> bytes:
        body = f'{{"service_code":"market_0","request_id":"order-{number}"}}'
        return post("/v1/rentals", body.encode(), X_API_Key=_OWNERS_KEY)

    return Contender(server, request, status=201)


def _share(delays: list[float], share: float) -> float:
    return delays[int(len(delays) * share) - 1]


def _cpu(sample: Sample) -> float:
    return sample.cpu_micros
