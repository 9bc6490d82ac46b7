"""The core's ports, faked: a clock that moves when told, and a provider of plain answers."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from adapters.store import Store
from gateway.core.codes.poller import Watcher
from gateway.core.model.callers import Account, Caller
from gateway.core.model.prices import Price
from gateway.core.model.purchases import View
from gateway.core.operations.context import Desk, Helpers
from gateway.core.ports.provider import Provider
from gateway.core.prices.cache import PriceBook
from gateway.core.rentals.notifier import Waking
from gateway.core.rentals.repository import Records
from gateway.core.rentals.status_reads import SharedReads
from gateway.core.upstream.calls import BUCKETS
from gateway.core.upstream.circuit_breaker import Breaker, Tolerance
from gateway.core.upstream.pipeline import Gate
from gateway.core.upstream.rate_limiter import Pace, Pacer
from gateway.core.upstream.retry import Patience

START = datetime(2025, 7, 6, 19, 43, 37, tzinfo=UTC)


class Clock:
    """Time that moves only when told."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds - 1000.0)

    def monotonic(self) -> float:
        return self.seconds

    def pass_by(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass
class Told:
    """Writes down what an Observer is told."""

    operations: list[tuple[str, str]] = field(default_factory=list)
    lookups: list[str] = field(default_factory=list)
    ledger_faults: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    times_off: list[timedelta] = field(default_factory=list)

    def operation_ended(self, operation: str, outcome: str) -> None:
        self.operations.append((operation, outcome))

    def prices_looked_up(self, found: str) -> None:
        self.lookups.append(found)

    def ledger_failed(self, ledger_id: str, fault: Exception) -> None:
        self.ledger_faults.append(repr(fault))

    def charged_above(self, ledger_id: str, reserved: Decimal, charged: Decimal) -> None:
        self.faults.append(f"charged {charged}, reserved {reserved}")

    def background_failed(self, work: str, fault: BaseException) -> None:
        self.faults.append(f"{work}: {fault!r}")

    def times_compared(self, off: timedelta) -> None:
        self.times_off.append(off)


@dataclass
class FakeProvider:
    """Answers price lists from `answers` in turn, the last one for ever; counts the questions.

    While `gate` is cleared, an answer waits for it.
    """

    answers: list[list[Price] | Exception]
    asked: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def list_prices(self) -> list[Price]:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        await self.gate.wait()
        if isinstance(answer, Exception):
            raise answer
        return answer


def price(code: str = "whatsapp", amount: str = "0.55", **more: Any) -> Price:
    """A row of a price list."""
    name = more.pop("service_name", code.capitalize())
    return Price(service_code=code, service_name=name, price=Decimal(amount), **more)


def desk(provider: object, book: PriceBook, account: str = "alice") -> Desk:
    """The desk of an account's pass-through caller, for operations that need no ledger."""
    caller = Caller(account, Account(account, f"sk_{account}"))
    parts = helpers(book, Clock())
    return Desk(caller, View(account), cast("Provider", provider), parts)


def helpers(
    book: PriceBook, clock: Clock, store: Store | None = None, waking: Waking | None = None
) -> Helpers:
    """The helpers of operations: no call waits for its turn, and none is put twice."""
    waking = waking or Waking()
    ledger, inbox, leases = (store.ledger, store.inbox, store.leases) if store else _NOTHING
    records = Records(ledger, book, waking, clock)
    reads = SharedReads(records, clock, fresh=0.0)
    watcher = Watcher(reads, records, waking, inbox, leases, clock)
    return Helpers(_gate(clock), book, records, reads, watcher)


def _gate(clock: Clock) -> Gate:
    pace = Pace(dict.fromkeys(BUCKETS, 10_000.0))
    pacer = Pacer(clock, asyncio.get_running_loop(), pace)
    breaker = Breaker(clock, Tolerance(in_a_row=10**6, share=1.1))
    return Gate(clock, asyncio.sleep, pacer, breaker, Patience(retries=0))


_NOTHING: Any = (None, None, None)


async def settle() -> None:
    """Lets every task that can run do so, until all of them wait for something else."""
    for _ in range(20):
        await asyncio.sleep(0)
