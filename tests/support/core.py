"""The core's ports, faked: a clock that moves when told, and a provider of plain answers."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from adapters.store import Store
from gateway.core.codes.poller import CodePoller
from gateway.core.model.callers import Account, Caller
from gateway.core.model.prices import Price
from gateway.core.model.purchases import View
from gateway.core.operations.context import Context, Services
from gateway.core.ports.provider import Provider
from gateway.core.prices.cache import PriceCache
from gateway.core.rentals.notifier import Notifier
from gateway.core.rentals.repository import RentalRepository
from gateway.core.rentals.status_reads import StatusReads
from gateway.core.upstream.calls import BUCKETS
from gateway.core.upstream.circuit_breaker import BreakerPolicy, CircuitBreakers
from gateway.core.upstream.pipeline import Pipeline
from gateway.core.upstream.rate_limiter import RateLimiter, RateLimits
from gateway.core.upstream.retry import RetryPolicy

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

    While `pipeline` is cleared, an answer waits for it.
    """

    answers: list[list[Price] | Exception]
    asked: int = 0
    pipeline: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.pipeline.set()

    async def list_prices(self) -> list[Price]:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        await self.pipeline.wait()
        if isinstance(answer, Exception):
            raise answer
        return answer


def price(code: str = "whatsapp", amount: str = "0.55", **more: Any) -> Price:
    """A row of a price list."""
    name = more.pop("service_name", code.capitalize())
    return Price(service_code=code, service_name=name, price=Decimal(amount), **more)


def context(provider: object, book: PriceCache, account: str = "alice") -> Context:
    """The desk of an account's pass-through caller, for operations that need no ledger."""
    caller = Caller(account, Account(account, f"sk_{account}"))
    parts = services(book, Clock())
    return Context(caller, View(account), cast("Provider", provider), parts)


def services(
    book: PriceCache, clock: Clock, store: Store | None = None, notifier: Notifier | None = None
) -> Services:
    """The helpers of operations: no call waits for its turn, and none is put twice."""
    notifier = notifier or Notifier()
    ledger, inbox, leases = (store.ledger, store.inbox, store.leases) if store else _NOTHING
    repository = RentalRepository(ledger, book, notifier, clock)
    status_reads = StatusReads(repository, clock, fresh=0.0)
    poller = CodePoller(status_reads, repository, notifier, inbox, leases, clock)
    return Services(_pipeline(clock), book, repository, status_reads, poller)


def _pipeline(clock: Clock) -> Pipeline:
    limits = RateLimits(dict.fromkeys(BUCKETS, 10_000.0))
    limiter = RateLimiter(clock, asyncio.get_running_loop(), limits)
    breakers = CircuitBreakers(clock, BreakerPolicy(in_a_row=10**6, share=1.1))
    return Pipeline(clock, asyncio.sleep, limiter, breakers, RetryPolicy(retries=0))


_NOTHING: Any = (None, None, None)


async def settle() -> None:
    """Lets every task that can run do so, until all of them wait for something else."""
    for _ in range(20):
        await asyncio.sleep(0)
