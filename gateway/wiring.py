"""The composition root: the only importer of adapters/ and mcp_server/.

Whoever opens a thing closes it.
"""

import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from aiohttp import web
from pydantic import SecretStr

from adapters.getatext.client import Client
from adapters.getatext.probe import reachable
from adapters.getatext.provider import accounts
from gateway.core.callers import Callers, KeyHasher
from gateway.core.freshness import PriceBook
from gateway.core.invoke import Invoker
from gateway.http.app import Faces, make_app
from gateway.settings import Settings
from gateway.telemetry.metrics import Metrics


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """The moment, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        return time.monotonic()


@dataclass(frozen=True, slots=True)
class Gateway:
    """Everything that runs, wired: what the faces and the command line work with."""

    settings: Settings
    callers: Callers
    invoker: Invoker
    metrics: Metrics
    provider: Client

    def app(self) -> web.Application:
        """The HTTP faces over it."""
        settings = self.settings
        return make_app(
            Faces(
                callers=self.callers,
                invoker=self.invoker,
                render_metrics=self.metrics.render,
                provider_reachable=partial(reachable, self.provider),
                public_url=str(settings.gateway_public_url or "").rstrip("/"),
                metrics_token=_revealed(settings.gateway_metrics_token),
                access_log=settings.gateway_access_log,
            )
        )


@asynccontextmanager
async def open_gateway(settings: Settings) -> AsyncIterator[Gateway]:
    """Open everything the settings ask for; close it at the end, purchases first."""
    clock, metrics = SystemClock(), Metrics()
    async with Client(
        str(settings.getatext_base_url),
        connect_seconds=settings.getatext_connect_seconds,
        read_seconds=settings.getatext_read_seconds,
        spend_seconds=settings.getatext_spend_seconds,
    ) as client:
        connect = accounts(
            client,
            now=clock.now,
            zone=settings.zone,
            premium=settings.getatext_tier == "premium",
            on_call=metrics.upstream_called,
        )
        price_book = PriceBook(
            clock,
            metrics,
            fresh=settings.gateway_prices_fresh_seconds,
            keep=settings.gateway_prices_keep_seconds,
        )
        invoker = Invoker(connect, price_book, metrics)
        callers = Callers(_hasher(settings), pass_through=settings.gateway_pass_through)
        try:
            yield Gateway(settings, callers, invoker, metrics, client)
        finally:
            await invoker.drain()
            await price_book.close()


def _hasher(settings: Settings) -> KeyHasher:
    # Nothing is kept yet that would have to be found again after a restart.
    return KeyHasher((_revealed(settings.gateway_secret) or secrets.token_hex(32)).encode())


def _revealed(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


@dataclass(frozen=True, slots=True)
class StandIn:
    """A simulated provider that runs, the key it takes, and the id its first rental gets."""

    url: str
    key: str
    first_rental: int


@asynccontextmanager
async def open_simulator(host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[StandIn]:
    """Run a stand-in provider: nothing it sells is real."""
    from adapters.simulator import Simulator, SimulatorConfig

    config = SimulatorConfig(host=host, port=port)
    async with Simulator(config).running() as simulator:
        yield StandIn(simulator.url, config.accounts[0].key, config.first_rental_id)
