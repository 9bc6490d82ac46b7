"""`python -m bench [NAME…]`: run the benches, all of them where none is named."""

import argparse
import importlib
import signal
import sys
import traceback
from types import FrameType

from bench.report import Row, command, machine, table

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


def main() -> int:
    arguments = _arguments()
    if arguments.list:
        print("\n".join(f"{name:10} {what}" for name, what in BENCHES.items()))
        return 0
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGHUP, _leave)
    rows: list[tuple[str, Row]] = []
    failed = False
    names = arguments.names or list(BENCHES)
    for name in names:
        print(f"{name}: {BENCHES[name]}", file=sys.stderr, flush=True)
        try:
            rows += [(name, row) for row in _run(name, arguments.rounds)]
        except Exception:
            traceback.print_exc()
            failed = True
    print(f"\n{machine()}\n\n{table(rows)}\n\nAgain: {command(arguments.names)}")
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHES))
    parser.add_argument("--rounds", type=int, default=7, help="of turns of every contender")
    parser.add_argument("--list", action="store_true", help="say what there is")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - BENCHES.keys():
        parser.error(f"no such bench: {', '.join(sorted(unknown))}")
    return arguments


def _run(name: str, rounds: int) -> list[Row]:
    rows: list[Row] = importlib.import_module(f"bench.{name}").run(rounds)
    return rows


def _leave(number: int, frame: FrameType | None) -> None:
    """End like after Ctrl-C, so that every server is ended too."""
    sys.exit(128 + number)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
