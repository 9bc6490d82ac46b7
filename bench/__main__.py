"""`python -m bench [NAME…]`: run the benches, all of them where none is named."""

import argparse
import importlib
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from bench import noise
from bench.comparison import compare
from bench.report import Row
from bench.run import ROOT, Run, Took, UnreadableRunError, begun, read
from bench.table import command, text

BENCHES = {
    "read": "an uncached read: against a bare proxy and FastAPI + httpx, and the access log",
    "rent": "a purchase: with the ledger on SQLite and PostgreSQL, against the same without one",
    "store": "durable pairs of writes: our thin drivers against SQLAlchemy's asynchronous engine",
    "prices": "the kept price list, whole and as 304: against a bare handler of the same bytes",
    "polling": "getStatus of a watched rental: against a bare handler of a constant text",
    "shared_reads": "one rental read by many at once: against nginx before the same provider",
    "codes": "from a code's being there to every waiter's having it: pace, rentals, webhook",
    "webhooks": "from an event to its receiver; a rent beside a thousand webhooks of others",
    "usage": "what a million rentals cost and brought, for a key and for the account",
    "growth": "a read, a rent and getStatus at a million rows, and at 2,000 watched rentals",
    "nodes": "the same on one PostgreSQL: the CPU of four nodes together, against one",
    "pace": "a rent at 100 a second, webhooks on: the delay that the ledger adds",
    "priority": "a code while 200 rentals are listened to, at one call a second, and ten consoles",
    "waiters": "5,000 who wait, by long poll and event stream: memory, CPU, waking, leaving",
    "mcp": "a cached tool call, and the start: against the SDK's bare servers, fastmcp on our REST",
    "footprint": "the start of the command line, one read by it, the memory of an idle server",
}
"""The module of each bench has `run(rounds) -> list[Row]`."""
_KEPT = ROOT / "build" / "bench"


def main() -> int:
    arguments = _arguments()
    if arguments.list:
        print("\n".join(f"{name:12} {what}" for name, what in BENCHES.items()))
        return 0
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGHUP, _leave)
    names = list(dict.fromkeys(arguments.names)) or list(BENCHES)
    run = _measure(names, arguments.rounds, arguments.json)
    compared = compare(arguments.against, run) if arguments.against else None
    print(f"\n{text(run, compared)}\n\nKept in {arguments.json}. Again: {command(sys.argv[1:])}")
    return 1 if any(took.failed for took in run.benches.values()) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHES))
    parser.add_argument("--rounds", type=int, default=7, help="of turns of every contender")
    parser.add_argument("--list", action="store_true", help="say what there is")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="where the run is kept (build/bench/TIME.json)"
    )
    parser.add_argument(
        "--against", type=Path, metavar="FILE", help="a kept run that this one is compared with"
    )
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - BENCHES.keys():
        parser.error(f"no such bench: {', '.join(sorted(unknown))}; --list says what there is")
    if arguments.rounds < 1:
        parser.error("--rounds: give 1 or more")
    _open_files(parser, arguments)
    return arguments


def _open_files(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Before anything is measured for minutes."""
    if arguments.json is None:
        _KEPT.mkdir(parents=True, exist_ok=True)
        arguments.json = _KEPT / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    elif not arguments.json.parent.is_dir():
        parser.error(f"--json: there is no folder {arguments.json.parent}; make it first")
    elif arguments.json.is_dir():
        parser.error(f"--json: {arguments.json} is a folder; name a file in it")
    if arguments.against is None:
        return
    if arguments.against.resolve() == arguments.json.resolve():
        parser.error("--json would replace the run that --against names; name another file")
    try:
        arguments.against = read(arguments.against)
    except UnreadableRunError as error:
        parser.error(f"--against: {error}")


def _measure(names: Sequence[str], rounds: int, path: Path) -> Run:
    """Kept after every bench, so that a run which is cut short is not lost."""
    run = begun(rounds, noise.before_anything())
    for name in names:
        print(f"{name}: {BENCHES[name]}", file=sys.stderr, flush=True)
        ended, clock = noise.watch(), time.perf_counter()
        rows = _rows(name, rounds)
        found = noise.with_rounds(ended(), [row.value for row in rows or ()])
        took = Took(seconds=time.perf_counter() - clock, failed=rows is None, noise=found)
        print(f"{name}: {took.seconds:.0f} s; {found}", file=sys.stderr, flush=True)
        run = run.with_bench(name, took, rows or ())
        run.write(path)
    return run


def _rows(name: str, rounds: int) -> list[Row] | None:
    """None where the bench failed; why was printed."""
    try:
        rows: list[Row] = importlib.import_module(f"bench.{name}").run(rounds)
    except Exception:
        traceback.print_exc()
        return None
    return rows


def _leave(number: int, frame: FrameType | None) -> None:
    """End like after Ctrl-C, so that every server is ended too."""
    sys.exit(128 + number)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
