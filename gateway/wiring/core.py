"""The policies, put together over an open store and an open client."""

import asyncio
import secrets
from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

from adapters.getatext.client import Client
from adapters.getatext.provider import accounts
from adapters.store import Store, default_url
from gateway.core.auth.authentication import Callers, KeyHasher
from gateway.core.auth.authorization import OperatorLimits
from gateway.core.codes.poller import CodePoller
from gateway.core.codes.webhooks import Webhooks
from gateway.core.invocation.invoker import Invoker
from gateway.core.model.callers import Caller
from gateway.core.operations.context import Context, Services
from gateway.core.ports.clock import Clock
from gateway.core.ports.provider import Connect
from gateway.core.prices.cache import PriceCache
from gateway.core.purchases.purchasing import Purchasing
from gateway.core.rentals.notifier import Notifier
from gateway.core.rentals.reconciliation_task import ReconciliationTask
from gateway.core.rentals.repository import RentalRepository
from gateway.core.rentals.status_reads import StatusReads
from gateway.core.upstream.calls import RENTAL_STATUS
from gateway.core.upstream.circuit_breaker import CircuitBreakers
from gateway.core.upstream.pipeline import Pipeline
from gateway.core.upstream.rate_limiter import RateLimiter, RateLimits
from gateway.settings import Settings
from gateway.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Core:
    """Everything between the faces and the adapters."""

    hasher: KeyHasher
    callers: Callers
    limiter: RateLimiter
    breakers: CircuitBreakers
    notifier: Notifier
    services: Services
    invoker: Invoker
    webhooks: Webhooks
    search: ReconciliationTask

    async def close(self) -> None:
        """Send everybody home who waits, and let purchases end."""
        self.notifier.shut_down()
        await self.invoker.drain()
        await self.webhooks.close()
        await self.services.poller.close()
        await self.search.close()
        await self.services.price_cache.close()
        await self.limiter.close()


def build_core(
    settings: Settings,
    secret: bytes,
    store: Store,
    client: Client,
    clock: Clock,
    metrics: Metrics,
) -> Core:
    """One of each policy, for all callers. `secret` is the database's."""
    hasher = KeyHasher(secret)
    callers = Callers(
        hasher,
        store.keys,
        clock,
        own_key=revealed(settings.getatext_api_key),
        pass_through=settings.pass_through,
    )
    notifier, breakers = Notifier(), CircuitBreakers(clock, hooks=metrics.hooks())
    limiter = _limiter(settings, store, clock, metrics)
    pipeline = Pipeline(clock, asyncio.sleep, limiter, breakers, hooks=metrics.hooks())
    client.when_connected(pipeline.going_out)
    services = _services(settings, store, pipeline, notifier, clock, metrics)
    spending = _spending(settings, store, callers, clock, metrics)
    invoker = Invoker(_connect(settings, client, clock, metrics), services, spending, metrics)
    webhooks = Webhooks(
        hasher,
        callers,
        invoker.context,
        services.poller,
        clock,
        own_secret=revealed(settings.getatext_webhook_secret),
    )
    search = _search(callers, invoker, services, metrics)
    return Core(hasher, callers, limiter, breakers, notifier, services, invoker, webhooks, search)


def database_url(settings: Settings) -> str:
    """Where the store is."""
    return settings.gateway_database_url or default_url(settings.data_dir)


def new_ledger_id(at: datetime) -> str:
    """A ledger id: texts of later moments sort after those of earlier ones."""
    return f"{int(at.timestamp() * 1_000_000):013x}{secrets.token_hex(6)}"


def revealed(secret: SecretStr | None) -> str | None:
    """The secret's text."""
    return secret.get_secret_value() if secret else None


def _limiter(settings: Settings, store: Store, clock: Clock, metrics: Metrics) -> RateLimiter:
    pace = RateLimits(
        per_second=settings.rates, margin_seconds=settings.getatext_rate_margin_seconds
    )
    return RateLimiter(
        clock,
        asyncio.get_running_loop(),
        pace,
        hooks=metrics.hooks(),
        shared=store.shared_buckets,
    )


def _services(
    settings: Settings,
    store: Store,
    pipeline: Pipeline,
    notifier: Notifier,
    clock: Clock,
    metrics: Metrics,
) -> Services:
    price_cache = PriceCache(
        clock,
        metrics,
        fresh=settings.gateway_prices_fresh_seconds,
        keep=settings.gateway_prices_keep_seconds,
    )
    repository = RentalRepository(store.ledger, price_cache, notifier, clock)
    store.listen(repository.changed_elsewhere, repository.forget_all)
    status_reads = StatusReads(repository, clock, fresh=settings.gateway_status_cache_seconds)
    per_second = settings.rates[RENTAL_STATUS.bucket]
    poller = CodePoller(
        status_reads, repository, notifier, store.inbox, store.leases, clock, per_second=per_second
    )
    return Services(pipeline, price_cache, repository, status_reads, poller)


def _spending(
    settings: Settings, store: Store, callers: Callers, clock: Clock, metrics: Metrics
) -> Purchasing:
    operator = OperatorLimits(
        own_account=callers.own.id if callers.own else None,
        budget_day=settings.gateway_budget_day,
        blocked_services=frozenset(settings.gateway_blocked_services),
    )
    return Purchasing(
        store.ledger,
        clock,
        metrics,
        new_ledger_id,
        operator=operator,
        patience=settings.getatext_connect_seconds + settings.getatext_spend_seconds + 5,
        hand_over=settings.gateway_redelivery_seconds,
    )


def _search(
    callers: Callers, invoker: Invoker, services: Services, metrics: Metrics
) -> ReconciliationTask:
    def context_of(account_id: str) -> Context | None:
        account = callers.met(account_id)
        return None if account is None else invoker.context(Caller(account.id, account))

    search = ReconciliationTask(services.repository, services.price_cache, context_of, metrics)
    services.repository.when_lost(search.begin)
    return search


def _connect(settings: Settings, client: Client, clock: Clock, metrics: Metrics) -> Connect:
    return accounts(
        client,
        now=clock.now,
        zone=settings.zone,
        premium=settings.getatext_tier == "premium",
        on_call=metrics.upstream_called,
    )
