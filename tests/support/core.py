"""The core's ports, faked: a clock set by hand, and a provider of plain answers."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from adapters.store import Store
from gateway.core.auth.authentication import KeyHasher
from gateway.core.auth.key_management import KeyManagement
from gateway.core.codes.messages import MessageWaiter
from gateway.core.codes.poller import CodePoller
from gateway.core.codes.waiting import CodeWaiter
from gateway.core.model.callers import Caller
from gateway.core.model.errors import Unauthorized
from gateway.core.model.prices import Price
from gateway.core.operations.catalog import BUCKETS, CALLS
from gateway.core.operations.context import Services
from gateway.core.ports.observer import NoObserver
from gateway.core.prices.cache import PriceCache
from gateway.core.purchases.idempotency import FirstAnswer, SameRequest
from gateway.core.purchases.purchasing import Purchasing, Stages, WithinLimits
from gateway.core.purchases.redelivery import Redelivery
from gateway.core.purchases.sending import Sent, WrittenDown
from gateway.core.rentals.cancelling import Cancelling
from gateway.core.rentals.notifier import Notifier
from gateway.core.rentals.repository import RentalRepository
from gateway.core.rentals.status_reads import StatusReads
from gateway.core.rentals.unwritten import Unwritten
from gateway.core.upstream.circuit_breaker import BreakerPolicy, CircuitBreakers
from gateway.core.upstream.pipeline import Pipeline
from gateway.core.upstream.rate_limiter import RateLimiter, RateLimits
from gateway.core.upstream.retry import RetryPolicy
from gateway.core.webhooks.management import WebhookManagement
from tests.support.ledger import new_id

START = datetime(2025, 7, 6, 19, 43, 37, tzinfo=UTC)


class Clock:
    """Time that moves by `pass_by` only."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds - 1000.0)

    def monotonic(self) -> float:
        return self.seconds

    def pass_by(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass
class RecordingObserver(NoObserver):
    """Records what is reported to an Observer."""

    operations: list[tuple[str, str]] = field(default_factory=list)
    lookups: list[str] = field(default_factory=list)
    outages: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    times_off: list[timedelta] = field(default_factory=list)
    following: list[tuple[int, float]] = field(default_factory=list)

    def operation_ended(self, operation: str, outcome: str) -> None:
        self.operations.append((operation, outcome))

    def prices_looked_up(self, found: str) -> None:
        self.lookups.append(found)

    def ledger_lost(self, fault: Exception) -> None:
        self.outages.append(f"lost: {fault}")

    def ledger_back(self, seconds: float) -> None:
        self.outages.append("back")

    def content_refused(self, what: str, left_out: str, fault: Exception) -> None:
        self.faults.append(f"left out: {left_out}")

    def charged_above(self, ledger_id: str, reserved: Decimal, charged: Decimal) -> None:
        self.faults.append(f"charged {charged}, reserved {reserved}")

    def background_failed(self, work: str, fault: BaseException) -> None:
        self.faults.append(f"{work}: {fault!r}")

    def followed(self, rentals: int, lag: float) -> None:
        self.following.append((rentals, lag))

    def times_compared(self, off: timedelta) -> None:
        self.times_off.append(off)


@dataclass
class FakeProvider:
    """Answers price lists from `answers` in turn, the last one for ever; counts the questions.

    While `open` is cleared, an answer waits for it.
    """

    answers: list[list[Price] | Exception]
    asked: int = 0
    open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.open.set()

    async def call(self, call: object, asked: object) -> Any:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        await self.open.wait()
        if isinstance(answer, Exception):
            raise answer
        return answer


def price(code: str = "whatsapp", amount: str = "0.55", **more: Any) -> Price:
    """A row of a price list."""
    name = more.pop("service_name", code.capitalize())
    return Price(service_code=code, service_name=name, price=Decimal(amount), **more)


def services(
    price_cache: PriceCache, clock: Clock, store: Store, notifier: Notifier | None = None
) -> Services:
    """The services of operations, over an open store."""
    notifier = notifier or Notifier()
    unwritten = Unwritten(store.ledger, clock, NoObserver())
    repository = RentalRepository(store.ledger, unwritten, price_cache, notifier, clock)
    status_reads = StatusReads(repository, clock, fresh=0.0)
    poller = CodePoller(status_reads, repository, notifier, store.inbox, store.leases, clock)
    waiter = CodeWaiter(poller, status_reads, repository, notifier, store.inbox)
    return Services(
        clock,
        store.ledger,
        store.events,
        price_cache,
        repository,
        status_reads,
        Cancelling(store.ledger, repository, status_reads, clock, NoObserver()),
        poller,
        waiter,
        MessageWaiter(notifier, clock),
        still_accepted,
        store.keys,
        None,
        cast("WebhookManagement", None),  # no operation of these tests has a webhook
        no_owner,
        KeyManagement(store.keys, store.ledger, KeyHasher(b"secret"), clock),
        store.audit_trail,
    )


async def no_owner(caller_id: str) -> Caller:
    """The owner of a webhook, of which there are none."""
    raise Unauthorized


async def still_accepted(caller: Caller) -> Caller:
    """The check of a caller whose key does not end."""
    return caller


def pipeline(clock: Clock) -> Pipeline:
    """A pipeline in which no call waits for a permit, and none is sent twice."""
    limits = RateLimits(dict.fromkeys(BUCKETS, 10_000.0))
    limiter = RateLimiter(clock, asyncio.get_running_loop(), limits)
    breakers = CircuitBreakers(clock, CALLS, BreakerPolicy(in_a_row=10**6, share=1.1))
    return Pipeline(clock, asyncio.sleep, limiter, breakers, RetryPolicy(retries=0))


def purchasing(store: Store, clock: Clock, observer: RecordingObserver) -> Purchasing:
    """Every stage of a purchase, over an open store."""
    ledger, patience = store.ledger, 45.0
    unwritten = Unwritten(ledger, clock, observer)
    first_answer = FirstAnswer(ledger, unwritten, clock, patience=patience)
    return Purchasing(
        Stages(
            SameRequest(first_answer, patience=patience),
            first_answer,
            Redelivery(ledger, unwritten, clock, seconds=60.0, patience=patience),
            WithinLimits(clock, new_id),
            WrittenDown(ledger, unwritten),
            Sent(ledger, unwritten, clock, observer),
        )
    )


async def settle() -> None:
    """Lets every task that can run do so, until all of them wait for something else."""
    for _ in range(20):
        await asyncio.sleep(0)
