"""Runs the real gateway on a real socket, before the simulator or a scripted provider."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, web
from yarl import URL

from adapters.simulator import DEMO_KEY, Limits, Simulator, SimulatorConfig
from gateway.core.operations.catalog import BUCKETS
from gateway.http.serving.server import make_runner
from gateway.settings import Settings
from gateway.wiring import Gateway, open_gateway
from tests.support.contract import Answer, check
from tests.support.scripted import Scripted

USUAL = SimulatorConfig(limits=Limits(on=False), catalogue_size=20)
UNPACED = dict.fromkeys(sorted(BUCKETS), 10_000.0)
_SECONDS = 60.0


@dataclass
class Client:
    """Calls the gateway; every response under /v1/ is held against the committed document."""

    session: ClientSession
    url: str
    key: str | None = DEMO_KEY
    checked: bool = True

    async def get(self, path: str, **params: str) -> Answer:
        return await self.ask("GET", path, params=params)

    async def post(self, path: str, json: Any = None, **more: Any) -> Answer:
        return await self.ask("POST", path, json=json, **more)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | list[tuple[str, str]] = (),  # type: ignore[assignment]
        key: str | None = "",
        **more: Any,
    ) -> Answer:
        """One request. `key` "" is the client's own, None sends none; `path` is sent as it is."""
        pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
        key = self.key if key == "" else key
        if key is not None:
            pairs.append(("X-API-Key", key))
        url = URL(self.url + path, encoded=True)
        async with self.session.request(method, url, headers=pairs, **more) as response:
            body = await response.read()
            answer = Answer(method, url.raw_path, response.status, response.headers.copy(), body)  # type: ignore[arg-type]
        if self.checked and url.path.startswith("/v1/"):
            check(answer)
        return answer


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway on a socket."""

    gateway: Gateway
    app: web.Application
    url: str
    client: Client


@dataclass(frozen=True, slots=True)
class Stand(Running):
    """A gateway before the simulator."""

    sim: Simulator


@dataclass(frozen=True, slots=True)
class ScriptedStand(Running):
    """A gateway before a scripted provider."""

    provider: Scripted


def settings(provider_url: str, **changes: Any) -> Settings:
    """The settings of a test: values only, a ledger of its own, nobody waits, no log lines.

    A machine that stands still for some seconds is no provider that cannot be reached.
    """
    usual = {
        "getatext_base_url": provider_url,
        "getatext_connect_seconds": 60,
        "getatext_read_seconds": 60,
        "getatext_rates": UNPACED,
        "gateway_status_cache_seconds": 0,
        "gateway_access_log": False,
    }
    if "gateway_database_url" not in changes:
        usual["gateway_database_url"] = new_database()
    return Settings(**{**usual, **changes})


def new_database() -> str:
    """The URL of a SQLite file that is not there yet; gone when the tests end."""
    return f"sqlite:///{os.environ['XDG_DATA_HOME']}/{uuid4().hex}/gateway.db"


@asynccontextmanager
async def open_client(url: str, key: str | None = DEMO_KEY) -> AsyncIterator[Client]:
    """A client that takes bodies as they come: no redirects, cookies or decompression."""
    session = ClientSession(
        connector=TCPConnector(limit=0),
        timeout=ClientTimeout(total=_SECONDS),
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
        headers={"Accept-Encoding": "identity"},
    )
    async with session:
        yield Client(session, url, key)


@asynccontextmanager
async def listening(app: web.Application) -> AsyncIterator[str]:
    """A gateway's application on a free port, set up as the real server does; its address."""
    runner = make_runner(app, keepalive=20.0, drain_seconds=10.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


async def have_accepted(gateway: Gateway, *keys: str) -> None:
    """Make the database one that has seen these keys of the provider's before."""
    for key in keys:
        await gateway.store.accounts.accept(gateway.hasher.name(key), datetime.now(UTC))


@asynccontextmanager
async def run_gateway(
    provider_url: str, accepted: Sequence[str] = (DEMO_KEY,), **changes: Any
) -> AsyncIterator[Running]:
    """The gateway before whatever listens at `provider_url`, which has `accepted` these keys."""
    async with open_gateway(settings(provider_url, **changes)) as gateway:
        await have_accepted(gateway, *accepted)
        app = gateway.app(with_mcp=False)
        async with listening(app) as url, open_client(url) as client:
            yield Running(gateway, app, url, client)


@asynccontextmanager
async def run_simulated(config: SimulatorConfig = USUAL, **changes: Any) -> AsyncIterator[Stand]:
    """The gateway before the simulator."""
    async with Simulator(config).running() as sim, run_gateway(sim.url, **changes) as one:
        yield Stand(one.gateway, one.app, one.url, one.client, sim)


@asynccontextmanager
async def run_scripted(**changes: Any) -> AsyncIterator[ScriptedStand]:
    """The gateway before a provider that answers by script."""
    async with Scripted().running() as provider, run_gateway(provider.url, **changes) as one:
        yield ScriptedStand(one.gateway, one.app, one.url, one.client, provider)
