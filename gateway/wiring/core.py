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
from gateway.core.codes.poller import Watcher
from gateway.core.codes.webhooks import Webhooks
from gateway.core.invocation.invoker import Invoker
from gateway.core.model.callers import Caller
from gateway.core.operations.context import Desk, Helpers
from gateway.core.ports.clock import Clock
from gateway.core.ports.provider import Connect
from gateway.core.prices.cache import PriceBook
from gateway.core.purchases.purchasing import Spending
from gateway.core.rentals.notifier import Waking
from gateway.core.rentals.reconciliation_task import Search
from gateway.core.rentals.repository import Records
from gateway.core.rentals.status_reads import SharedReads
from gateway.core.upstream.calls import RENTAL_STATUS
from gateway.core.upstream.circuit_breaker import Breaker
from gateway.core.upstream.pipeline import Gate
from gateway.core.upstream.rate_limiter import Pace, Pacer
from gateway.settings import Settings
from gateway.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Policies:
    """Everything between the faces and the adapters."""

    hasher: KeyHasher
    callers: Callers
    pacer: Pacer
    breaker: Breaker
    waking: Waking
    helpers: Helpers
    invoker: Invoker
    webhooks: Webhooks
    search: Search

    async def close(self) -> None:
        """Send everybody home who waits, and let purchases end."""
        self.waking.send_home()
        await self.invoker.drain()
        await self.webhooks.close()
        await self.helpers.watcher.close()
        await self.search.close()
        await self.helpers.price_book.close()
        await self.pacer.close()


def put_together(
    settings: Settings,
    secret: bytes,
    store: Store,
    client: Client,
    clock: Clock,
    metrics: Metrics,
) -> Policies:
    """One of each policy, for all callers. `secret` is the database's."""
    hasher = KeyHasher(secret)
    callers = Callers(
        hasher,
        store.keys,
        clock,
        own_key=revealed(settings.getatext_api_key),
        pass_through=settings.pass_through,
    )
    waking, breaker = Waking(), Breaker(clock, hooks=metrics.hooks())
    pacer = _pacer(settings, store, clock, metrics)
    gate = Gate(clock, asyncio.sleep, pacer, breaker, hooks=metrics.hooks())
    client.when_connected(gate.going_out)
    helpers = _helpers(settings, store, gate, waking, clock, metrics)
    spending = _spending(settings, store, callers, clock, metrics)
    invoker = Invoker(_connect(settings, client, clock, metrics), helpers, spending, metrics)
    webhooks = Webhooks(
        hasher,
        callers,
        invoker.desk,
        helpers.watcher,
        clock,
        own_secret=revealed(settings.gateway_webhook_secret),
    )
    search = _search(callers, invoker, helpers, metrics)
    return Policies(hasher, callers, pacer, breaker, waking, helpers, invoker, webhooks, search)


def database_url(settings: Settings) -> str:
    """Where the store is."""
    return settings.gateway_database_url or default_url(settings.data_dir)


def new_ledger_id(at: datetime) -> str:
    """A ledger id: texts of later moments sort after those of earlier ones."""
    return f"{int(at.timestamp() * 1_000_000):013x}{secrets.token_hex(6)}"


def revealed(secret: SecretStr | None) -> str | None:
    """The secret's text."""
    return secret.get_secret_value() if secret else None


def _pacer(settings: Settings, store: Store, clock: Clock, metrics: Metrics) -> Pacer:
    pace = Pace(per_second=settings.rates, margin_seconds=settings.gateway_pace_margin)
    return Pacer(
        clock,
        asyncio.get_running_loop(),
        pace,
        hooks=metrics.hooks(),
        shared=store.shared_buckets,
    )


def _helpers(
    settings: Settings, store: Store, gate: Gate, waking: Waking, clock: Clock, metrics: Metrics
) -> Helpers:
    price_book = PriceBook(
        clock,
        metrics,
        fresh=settings.gateway_prices_fresh_seconds,
        keep=settings.gateway_prices_keep_seconds,
    )
    records = Records(store.ledger, price_book, waking, clock)
    store.listen(records.changed_elsewhere, records.forget_all)
    reads = SharedReads(records, clock, fresh=settings.gateway_share_seconds)
    per_second = settings.rates[RENTAL_STATUS.bucket]
    watcher = Watcher(
        reads, records, waking, store.inbox, store.leases, clock, per_second=per_second
    )
    return Helpers(gate, price_book, records, reads, watcher)


def _spending(
    settings: Settings, store: Store, callers: Callers, clock: Clock, metrics: Metrics
) -> Spending:
    operator = OperatorLimits(
        own_account=callers.own.id if callers.own else None,
        budget_day=settings.gateway_budget_day,
        blocked_services=frozenset(settings.gateway_blocked_services),
    )
    return Spending(
        store.ledger,
        clock,
        metrics,
        new_ledger_id,
        operator=operator,
        patience=settings.getatext_connect_seconds + settings.getatext_spend_seconds + 5,
        hand_over=settings.gateway_hand_over_seconds,
    )


def _search(callers: Callers, invoker: Invoker, helpers: Helpers, metrics: Metrics) -> Search:
    def desk_of(account_id: str) -> Desk | None:
        account = callers.met(account_id)
        return None if account is None else invoker.desk(Caller(account.id, account))

    search = Search(helpers.records, helpers.price_book, desk_of, metrics)
    helpers.records.when_lost(search.begin)
    return search


def _connect(settings: Settings, client: Client, clock: Clock, metrics: Metrics) -> Connect:
    return accounts(
        client,
        now=clock.now,
        zone=settings.zone,
        premium=settings.getatext_tier == "premium",
        on_call=metrics.upstream_called,
    )
