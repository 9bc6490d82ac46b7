"""`python -m tests.chaos [NAME…]`: break what gateways stand on, and judge what they promised.

Ends with 1 where a promise was broken.
"""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from types import FrameType

from tests.chaos import database_away, full_disk, kills, lost_answers, pooled, rolling, webhooks
from tests.chaos.history import History
from tests.chaos.judging import judge
from tests.chaos.namespace import apart
from tests.chaos.report import Result, report

Scenario = Callable[[float, Path], Awaitable[History]]
SCENARIOS: dict[str, tuple[Scenario, str]] = {
    "kills-sqlite": (kills.on_sqlite, "kill -9 of a gateway on SQLite under purchases"),
    "kills-postgres": (kills.on_postgres, "kill -9 of either of two nodes on one PostgreSQL"),
    "lost-answers": (lost_answers.run, "lost answers and hang-ups on every face, two nodes"),
    "full-disk": (full_disk.run, "the disk of a SQLite ledger is full, then has room again"),
    "cut-postgres": (database_away.on_postgres, "PostgreSQL is away from both nodes, and back"),
    "locked-sqlite": (database_away.on_sqlite, "somebody else holds the SQLite file"),
    "pgbouncer": (pooled.run, "PgBouncer before PostgreSQL: told where it may not be, else used"),
    "rolling-restart": (rolling.run, "two nodes as systemd runs them, restarted by turns"),
    "webhooks-sqlite": (webhooks.on_sqlite, "kill -9 of two nodes on SQLite, and of a receiver"),
    "webhooks-postgres": (webhooks.on_postgres, "the same on PostgreSQL"),
}


def main() -> int:
    arguments = _arguments()
    for name in [name for name in os.environ if name.upper().startswith(("GATEWAY_", "GETATEXT_"))]:
        del os.environ[name]  # the settings of whoever runs this are not those of the scenarios
    signal.signal(signal.SIGTERM, _leave)
    results = []
    for name in arguments.names or SCENARIOS:
        scenario, what = SCENARIOS[name]
        if scenario in (webhooks.on_sqlite, webhooks.on_postgres):
            scenario = partial(scenario, kills=arguments.kills)
        sys.stderr.write(f"{name}: {what}\n")
        with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
            os.environ["XDG_DATA_HOME"] = folder
            work = partial(_run, scenario, arguments.seconds, Path(folder))
            history = apart(work) if scenario is full_disk.run else work()
        results.append(Result(name, history, judge(history)))
    sys.stdout.write(f"\n{report(results)}\n")
    return 1 if any(result.verdict.breaches for result in results) else 0


def _run(scenario: Scenario, seconds: float, folder: Path) -> History:
    return asyncio.run(_bounded(scenario, seconds, folder))


async def _bounded(scenario: Scenario, seconds: float, folder: Path) -> History:
    """The scenario, given up where it does not end minutes after it should have."""
    async with asyncio.timeout(seconds + 1200):
        return await scenario(seconds, folder)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SCENARIOS))
    parser.add_argument("--seconds", type=float, default=35.0, help="of load in each scenario")
    parser.add_argument(
        "--kills", type=int, default=webhooks.KILLS, help="in each scenario of webhooks"
    )
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - SCENARIOS.keys():
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    return arguments


def _leave(number: int, frame: FrameType | None) -> None:
    """End like after Ctrl-C, so that every process is ended too."""
    sys.exit(128 + number)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
