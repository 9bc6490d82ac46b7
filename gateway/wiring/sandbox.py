"""Builds the sandbox of test keys: its calls share neither limits nor breakers with real ones."""

import asyncio
from dataclasses import dataclass
from functools import partial

from adapters.sandbox.lost_answers import LostAnswers
from adapters.sandbox.numbers import FIRST_ID
from adapters.sandbox.provider import Sandbox
from adapters.store import Store
from gateway.core.model.callers import TEST_ACCOUNT_ID
from gateway.core.operations.catalog import BUCKETS, CALLS
from gateway.core.ports.clock import Clock
from gateway.core.rentals.repository import RentalRepository
from gateway.core.upstream.account import AccountUpstream
from gateway.core.upstream.circuit_breaker import CircuitBreakers
from gateway.core.upstream.pipeline import Pipeline
from gateway.core.upstream.rate_limiter import RateLimiter, RateLimits
from gateway.telemetry.metrics import Metrics

_PER_SECOND = 100.0  # calls of each kind, on each node


@dataclass(frozen=True, slots=True)
class SandboxParts:
    """The upstream of the test account, and its rate limiter, which is to be closed."""

    upstream: AccountUpstream
    limiter: RateLimiter


def make_sandbox(store: Store, clock: Clock) -> SandboxParts:
    """Build it; no metrics are told of its calls."""
    limits = RateLimits(dict.fromkeys(BUCKETS, _PER_SECOND), margin_seconds=0.0)
    limiter = RateLimiter(clock, asyncio.get_running_loop(), limits)
    pipeline = Pipeline(clock, asyncio.sleep, limiter, CircuitBreakers(clock, CALLS))
    provider = Sandbox(store.ledger, partial(store.sandbox_ids.next, FIRST_ID), clock.now)
    return SandboxParts(AccountUpstream(TEST_ACCOUNT_ID, provider, pipeline), limiter)


def lost_answers(
    store: Store, repository: RentalRepository, clock: Clock, metrics: Metrics
) -> LostAnswers:
    """What ends the test purchases of unknown outcome."""
    next_id = partial(store.sandbox_ids.next, FIRST_ID)
    return LostAnswers(store.ledger, next_id, clock.now, repository.bought, metrics)
