"""Another process on the same store: `python -m tests.support.store_process URL WHAT`.

It prints a line once it is open, waits for a line, then does what it was told.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import IO
from uuid import uuid4

from adapters.store import Store, open_store
from gateway.core.model.callers import Limits
from gateway.core.upstream.rate_limiter import RateLimiter, RateLimits
from gateway.wiring.clock import SystemClock
from tests.support.calls import BALANCE
from tests.support.ledger import NOW, intent

ROOT = Path(__file__).resolve().parents[2]
SEVEN = Limits(budget_total=Decimal("3.85"))  # seven at 0.55


@dataclass(frozen=True, slots=True)
class Process:
    """One that has opened the store."""

    started: subprocess.Popen[str]
    to: IO[str]
    of: IO[str]

    def go(self) -> None:
        self.to.write("go\n")
        self.to.flush()

    def line(self) -> str:
        return self.of.readline().strip()

    def kill(self) -> None:
        self.started.kill()
        self.started.wait()


@contextmanager
def another(url: str, what: str) -> Iterator[Process]:
    command = [sys.executable, "-m", "tests.support.store_process", url, what]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as started:
        assert started.stdin is not None
        assert started.stdout is not None
        process = Process(started, started.stdin, started.stdout)
        assert process.line() == "open"
        try:
            yield process
        finally:
            started.kill()


def tell(what: object) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


async def begin_fifty(store: Store) -> None:
    """Fifty at once against a budget for seven: how many were let in."""
    wanted = [intent(ledger_id=uuid4().hex, limits=SEVEN) for _ in range(50)]
    answers = await asyncio.gather(*map(store.ledger.begin, wanted))
    tell(answers.count(None))


async def begin_ten_of_agents(store: Store) -> None:
    """The same ten times at once over MCP: how many were let in."""
    wanted = [intent(ledger_id=uuid4().hex, over_mcp=True, reserved=None) for _ in range(10)]
    answers = await asyncio.gather(*map(store.ledger.begin, wanted))
    tell(answers.count(None))


async def leave_open(store: Store) -> None:
    """One intended, one sent, both left open."""
    for name in ("intended", "sent"):
        await store.ledger.begin(intent(ledger_id=name, request_id=name))
    await store.ledger.mark_sent("sent", NOW)
    tell("left")
    await asyncio.Event().wait()


async def hold_lease(store: Store) -> None:
    """Take a lease for longer than any test waits, and live on."""
    tell(await store.leases.take("watch", 3600))
    await asyncio.Event().wait()


async def ask_on(store: Store) -> None:
    """Take permits without pause, three at once, and tell when each was given."""
    limiter = limiter_of(store)

    async def work() -> None:
        while True:
            tell((await limiter.permit("alice", BALANCE, deadline_seconds=60)).at)

    await asyncio.gather(*(work() for _ in range(3)))


def limiter_of(store: Store) -> RateLimiter:
    """Four permits in a window that is three times as wide as those that are looked at."""
    limits = RateLimits({"balance": 4.0}, margin_seconds=0.5)
    loop = asyncio.get_running_loop()
    return RateLimiter(SystemClock(), loop, limits, shared=store.shared_buckets)


async def spend_on(store: Store) -> None:
    """Begin purchases, sixteen at once, and tell of each as soon as it is written."""
    numbers = count()

    async def work() -> None:
        while True:
            wanted = intent(ledger_id=f"{next(numbers):06d}")
            await store.ledger.begin(wanted)
            tell(wanted.ledger_id)

    await asyncio.gather(*(work() for _ in range(16)))


TODO = (ask_on, begin_fifty, begin_ten_of_agents, hold_lease, leave_open, spend_on)


async def main(url: str, what: str) -> None:
    todo = {each.__name__: each for each in TODO}[what]
    async with open_store(url, new_id=lambda at: uuid4().hex) as store:
        tell("open")
        await asyncio.to_thread(sys.stdin.readline)
        await todo(store)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
