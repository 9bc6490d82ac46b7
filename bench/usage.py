"""What get_usage takes of a ledger with a million rentals, on SQLite and PostgreSQL.

Over HTTP, by the gateway as it is shipped: for a key that bought a thousand of them, and for the
whole account by service, day and reference (a third of a million); and how long another read waits
meanwhile. The rows are written past the gateway.
"""

import asyncio
import statistics
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from tempfile import TemporaryDirectory

from bench.contenders import KEY, gateway, upstream
from bench.measure import Ratio
from bench.postgres import durable_postgres
from bench.process import Server
from bench.report import Row, Target
from gateway.core.auth.authentication import KeyHasher
from gateway.core.model.callers import GatewayKey, Limits

RENTALS, KEYS, SERVICES, DAYS = 1_000_000, 1000, 40, 365
_SECRET = "a secret that only this bench knows"
_CALLERS_KEY = "gtw_bench_00000000000000000000000"
_BEGAN = 1_767_225_600_000_000  # 2026, in microseconds
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
SELECT {{id}}, '{{account}}', 'rental', i + 1, 'gtw_' || (i % {KEYS}),
    CASE i % 5 WHEN 3 THEN 'cancelled' WHEN 4 THEN 'expired' ELSE 'completed' END,
    'service_' || (i * 7919 % {SERVICES}), '+14104287665', 550000, at, at + 300000000,
    at + 300000000, 'order ' || (i / 3)
FROM {{numbers}} AS numbers;
"""
_ASKED = (
    ("a key's 1,000 by service", _CALLERS_KEY, "/v1/usage", Target("≤", 50)),
    ("a key's 1,000 by day", _CALLERS_KEY, "/v1/usage?group_by=day", Target("≤", 50)),
    ("the account by service", KEY, "/v1/usage", Target("≤", 1000)),
    ("the account by day", KEY, "/v1/usage?group_by=day", Target("≤", 1000)),
    ("the account by key", KEY, "/v1/usage?group_by=key", Target("≤", 1000)),
    ("the account by reference", KEY, "/v1/usage?group_by=reference", None),
)


def run(rounds: int) -> list[Row]:
    """One database after the other."""
    rows: list[Row] = []
    for name, database in (("SQLite", _file), ("PostgreSQL", _server)):
        with ExitStack() as stack:
            provider = stack.enter_context(upstream())
            url = stack.enter_context(database())
            server = stack.enter_context(
                gateway(
                    provider,
                    GATEWAY_DATABASE_URL=url,
                    GATEWAY_SECRET=_SECRET,
                    GETATEXT_API_KEY=KEY,
                )
            )
            asyncio.run(_fill(url))
            rows += [
                _row(f"{name}: {what}", _times(server, rounds, *asked), target)
                for what, *asked, target in _ASKED
            ]
            rows.append(_row(f"{name}: a list of rentals meanwhile", _waits(server, rounds), None))
    return rows


@contextmanager
def _file() -> Iterator[str]:
    with TemporaryDirectory() as folder:
        yield f"sqlite:///{folder}/ledger.db"


@contextmanager
def _server() -> Iterator[str]:
    with durable_postgres() as server, server.database() as url:
        yield url


async def _fill(url: str) -> None:
    from adapters.store import open_store
    from gateway.core.model.values import new_ledger_id
    from tests.support.statements import execute

    hasher, kind = KeyHasher(_SECRET.encode()), url.partition(":")[0]
    async with open_store(url, new_id=new_ledger_id) as store:
        hashed, now = hasher.name(_CALLERS_KEY), datetime.now(UTC)
        await store.keys.create(GatewayKey("7", "bench", hashed, Limits(), now))
    account = hasher.name(KEY)
    await execute(url, _FILL.format(id=_IDS[kind], numbers=_NUMBERS[kind], account=account))
    await execute(url, "ANALYZE" if kind == "sqlite" else "VACUUM ANALYZE spends")


def _times(server: Server, rounds: int, key: str, path: str) -> list[float]:
    """Milliseconds of each of so many calls, after one that is not counted."""
    _timed(server, key, path)
    return [_timed(server, key, path) for _ in range(rounds)]


def _waits(server: Server, rounds: int) -> list[float]:
    """Milliseconds of reads while the account's usage is read."""
    found: list[float] = []

    def read(going: Callable[[], bool]) -> None:
        while going():
            found.append(_timed(server, KEY, "/v1/rentals?limit=1"))

    for _ in range(rounds):
        usage = threading.Thread(target=_timed, args=[server, KEY, "/v1/usage"])
        usage.start()
        read(usage.is_alive)
    return found


def _timed(server: Server, key: str, path: str) -> float:
    asked = urllib.request.Request(server.url + path, headers={"X-API-Key": key})
    began = time.perf_counter()
    with urllib.request.urlopen(asked, timeout=60) as answer:
        answer.read()
    return (time.perf_counter() - began) * 1000


def _row(what: str, times: list[float], target: Target | None) -> Row:
    value = Ratio(statistics.median(times), min(times), max(times))
    return Row(f"usage: {what}", "milliseconds", value, target, unit=" ms")
