"""What get_usage takes of a ledger with a million rentals, on SQLite and PostgreSQL.

Over HTTP, by the gateway as it is shipped: for a key that bought a thousand of them, and for the
whole account by service, day and reference (a third of a million); and how long another read waits
meanwhile. The rows are written past the gateway.
"""

import statistics
import threading
import time
import urllib.request
from collections.abc import Callable

from bench.contenders import KEY, upstream
from bench.measure import Ratio
from bench.million import CALLERS_KEY, gateway_on, ledger
from bench.process import Server
from bench.report import Row, Target

_ASKED = (
    ("a key's 1,000 by service", CALLERS_KEY, "/v1/usage", Target("≤", 50)),
    ("a key's 1,000 by day", CALLERS_KEY, "/v1/usage?group_by=day", Target("≤", 50)),
    ("the account by service", KEY, "/v1/usage", Target("≤", 1000)),
    ("the account by day", KEY, "/v1/usage?group_by=day", Target("≤", 1000)),
    ("the account by key", KEY, "/v1/usage?group_by=key", Target("≤", 1000)),
    ("the account by reference", KEY, "/v1/usage?group_by=reference", None),
)


def run(rounds: int) -> list[Row]:
    """One database after the other."""
    rows: list[Row] = []
    for name, url in (("SQLite", ledger("sqlite")), ("PostgreSQL", ledger("postgresql"))):
        with upstream() as provider, gateway_on(provider, url) as server:
            rows += [
                _row(f"{name}: {what}", _times(server, rounds, *asked), target)
                for what, *asked, target in _ASKED
            ]
            rows.append(_row(f"{name}: a list of rentals meanwhile", _waits(server, rounds), None))
    return rows


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
