"""A ledger with a million rentals, written past the gateway: made once in a run of benches."""

import asyncio
import atexit
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from tempfile import TemporaryDirectory
from typing import Any, Literal

from sqlalchemy import Dialect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, DropIndex

from adapters.store import open_store
from adapters.store.sql.schema import spends, things
from bench.contenders import KEY, gateway
from bench.postgres import durable_postgres
from bench.process import Server
from gateway.core.auth.authentication import KeyHasher
from gateway.core.model.callers import GatewayKey, Limits
from gateway.core.model.values import new_ledger_id
from tests.support.statements import execute

Kind = Literal["sqlite", "postgresql"]
_DIALECTS: dict[Kind, type[Dialect]] = {
    "sqlite": sqlite.dialect,
    "postgresql": postgresql.dialect,
}

RENTALS, KEYS, SERVICES, DAYS = 1_000_000, 1000, 40, 365
SECRET = "a secret that only this bench knows"
CALLERS_KEY = "gtw_bench_00000000000000000000000"
LISTENERS_KEY = "gtw_bench_11111111111111111111111"
"""Each of the two bought a thousand of them."""
_KEY_IDS = {CALLERS_KEY: "7", LISTENERS_KEY: "8"}
_BUDGET = Decimal(1_000_000)
_BEGAN = 1_767_225_600_000_000  # 2026, in microseconds
_FIRST_ID = 1_000_000_000  # of the provider: new ones are below
_STEP = DAYS * 86_400_000_000 // RENTALS
_NUMBERS = {
    "sqlite": "(WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n "
    f"WHERE i < {RENTALS - 1}) SELECT i, {_BEGAN} + i * {_STEP} AS at FROM n)",
    "postgresql": f"(SELECT i, {_BEGAN} + i * {_STEP} AS at "
    f"FROM generate_series(0::bigint, {RENTALS - 1}) AS i)",
}
_IDS = {
    "sqlite": "printf('%013x%012x', at, i)",
    "postgresql": "lpad(to_hex(at), 13, '0') || lpad(to_hex(i), 12, '0')",
}
_HASTE = {
    "sqlite": "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -400000",
    "postgresql": "SET synchronous_commit = off; SET maintenance_work_mem = '400MB'",
}
_FILL = f"""
INSERT INTO spends (ledger_id, operation, kind, account_id, caller_id, fingerprint, service_code,
    state, reserved, charged, refunded, at, active_until, owner, result, reference)
SELECT {{id}}, 'rent_number', 'rental', '{{account}}', 'gtw_' || (i % {KEYS}), 'f' || i,
    'service_' || (i * 7919 % {SERVICES}), 'bought', 550000, 550000,
    CASE i % 5 WHEN 3 THEN 550000 ELSE 0 END, at, at + 300000000, 'o',
    CASE i % 5 WHEN 3 THEN -1 WHEN 4 THEN -2 ELSE i * 31 % 300 END, 'order ' || (i / 3)
FROM {{numbers}} AS numbers;
INSERT INTO things (ledger_id, account_id, kind, provider_id, caller_id, status, service_code,
    number, price, created_at, ends_at, active_until, reference)
SELECT {{id}}, '{{account}}', 'rental', {_FIRST_ID} + i, 'gtw_' || (i % {KEYS}),
    CASE i % 5 WHEN 3 THEN 'cancelled' WHEN 4 THEN 'expired' ELSE 'completed' END,
    'service_' || (i * 7919 % {SERVICES}), '+14104287665', 550000, at, at + 300000000,
    at + 300000000, 'order ' || (i / 3)
FROM {{numbers}} AS numbers
"""


def gateway_on(
    provider: Server, url: str, module: str = "gateway", **settings: Any
) -> AbstractContextManager[Server]:
    """A gateway on one of these ledgers."""
    return gateway(
        provider,
        module,
        GATEWAY_DATABASE_URL=url,
        GATEWAY_KEY=CALLERS_KEY,  # by which it knows that the secret is the database's
        GATEWAY_SECRET=SECRET,
        GETATEXT_API_KEY=KEY,
        **settings,
    )


@cache
def ledger(kind: Kind) -> str:
    """The URL of the ledger, which is kept until the interpreter ends."""
    stack = ExitStack()
    url = stack.enter_context(_DATABASES[kind]())
    atexit.register(stack.close)
    asyncio.run(_make_keys(url))
    account = KeyHasher(SECRET.encode()).name(KEY)
    asyncio.run(_fill(url, kind, account))
    return url


@contextmanager
def empty(kind: Kind) -> Iterator[str]:
    """The URL of a ledger with the same keys, and nothing bought."""
    with _DATABASES[kind]() as url:
        asyncio.run(_make_keys(url))
        yield url


@contextmanager
def _file() -> Iterator[str]:
    with TemporaryDirectory() as folder:
        yield f"sqlite:///{folder}/ledger.db"


@contextmanager
def _server() -> Iterator[str]:
    with durable_postgres() as server, server.database() as url:
        yield url


_DATABASES: dict[Kind, Callable[[], AbstractContextManager[str]]] = {
    "sqlite": _file,
    "postgresql": _server,
}


async def _make_keys(url: str) -> None:
    hasher, limits, now = KeyHasher(SECRET.encode()), Limits(budget_day=_BUDGET), datetime.now(UTC)
    async with open_store(url, new_id=new_ledger_id) as store:
        for key, key_id in _KEY_IDS.items():
            await store.keys.create(GatewayKey(key_id, key_id, hasher.name(key), limits, now))


async def _fill(url: str, kind: Kind, account: str) -> None:
    """Without care for a loss of power, and the indexes last: it takes a quarter of the time."""
    dialect, indexes = _DIALECTS[kind](), [*spends.indexes, *things.indexes]
    rows = _FILL.format(id=_IDS[kind], numbers=_NUMBERS[kind], account=account)
    drops = [str(DropIndex(index).compile(dialect=dialect)) for index in indexes]
    makes = [str(CreateIndex(index).compile(dialect=dialect)) for index in indexes]
    await execute(url, ";".join([_HASTE[kind], *drops, rows, *makes]))
    await execute(url, "ANALYZE" if kind == "sqlite" else "VACUUM ANALYZE spends, things")
