"""A gateway with keys of its own, before a provider that runs in the bench itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from tempfile import TemporaryDirectory

from pydantic import SecretStr

from bench.contenders import KEY, gateway
from bench.process import Server
from gateway.core.model.callers import GatewayKey, Limits
from gateway.settings import Settings
from gateway.wiring import open_gateway

_SECRET = "the secret of a bench, long enough"


@dataclass(frozen=True, slots=True)
class _At:
    """The address of a provider that runs here."""

    url: str


@asynccontextmanager
async def keyed_gateway(
    url: str, count: int, **settings: str
) -> AsyncIterator[tuple[Server, list[str]]]:
    """The gateway before the provider at `url`, and so many keys that all see its account."""
    with TemporaryDirectory() as folder:
        database = f"sqlite:///{folder}/ledger.db"
        keys = [f"gtw_bench{number:04d}" for number in range(count)]
        await _make(database, keys)
        environment = {
            "GATEWAY_DATABASE_URL": database,
            "GATEWAY_SECRET": _SECRET,
            "GETATEXT_API_KEY": KEY,
            **settings,
        }
        opened = gateway(_At(url), **environment)  # type: ignore[arg-type]
        server = await asyncio.to_thread(opened.__enter__)
        try:
            yield server, keys
        finally:
            await asyncio.to_thread(opened.__exit__, None, None, None)


async def _make(database: str, keys: list[str]) -> None:
    settings = Settings(gateway_database_url=database, gateway_secret=SecretStr(_SECRET))
    async with open_gateway(settings) as opened:
        for key in keys:
            hashed = opened.hasher.name(key)
            made = GatewayKey(key[4:], key, hashed, Limits(admin=True), datetime.now(UTC))
            await opened.keys.create(made)
