"""Builds the services of operations."""

from dataclasses import dataclass

from adapters.store import Store
from gateway.core.auth.authentication import Callers, KeyHasher
from gateway.core.auth.key_management import KeyManagement
from gateway.core.codes.messages import MessageWaiter
from gateway.core.codes.poller import CodePoller
from gateway.core.codes.waiting import CodeWaiter
from gateway.core.operations.context import Services
from gateway.core.ports.clock import Clock
from gateway.core.prices.cache import PriceCache
from gateway.core.rentals.cancelling import Cancelling
from gateway.core.rentals.notifier import Notifier
from gateway.core.rentals.repository import RentalRepository
from gateway.core.rentals.status_reads import StatusReads
from gateway.core.rentals.unwritten import Unwritten
from gateway.core.upstream.calls import RENTAL_STATUS
from gateway.core.webhooks.management import WebhookManagement
from gateway.settings import Settings
from gateway.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Basis:
    """What most parts are built of."""

    settings: Settings
    store: Store
    clock: Clock
    metrics: Metrics


def make_services(
    basis: Basis,
    hasher: KeyHasher,
    callers: Callers,
    unwritten: Unwritten,
    notifier: Notifier,
    price_cache: PriceCache,
    webhooks: WebhookManagement,
) -> Services:
    """The services of operations. `price_cache`, `webhooks`: shared with what sends webhooks."""
    settings, store, clock = basis.settings, basis.store, basis.clock
    refunds = settings.getatext_expiry_refunds
    repository = RentalRepository(
        store.ledger, unwritten, price_cache, notifier, clock, expiry_refunds=refunds
    )
    store.listen(repository.changed_elsewhere, repository.forget_all)
    status_reads = StatusReads(repository, clock, fresh=settings.gateway_status_cache_seconds)
    poller = _poller(settings, store, repository, status_reads, notifier, clock)
    return Services(
        clock=clock,
        ledger=store.ledger,
        events=store.events,
        price_cache=price_cache,
        repository=repository,
        status_reads=status_reads,
        cancelling=Cancelling(store.ledger, repository, status_reads, clock, basis.metrics),
        poller=poller,
        waiter=CodeWaiter(poller, status_reads, repository, notifier, store.inbox),
        message_waiter=MessageWaiter(notifier, clock),
        recheck=callers.recheck,
        keys=store.keys,
        own=callers.own.id if callers.own else None,
        webhooks=webhooks,
        owner_of=callers.of_caller,
        key_management=KeyManagement(store.keys, store.ledger, hasher, clock),
        audit_trail=store.audit_trail,
    )


def make_price_cache(settings: Settings, clock: Clock, metrics: Metrics) -> PriceCache:
    """The price lists of all accounts."""
    return PriceCache(
        clock,
        metrics,
        fresh=settings.gateway_prices_fresh_seconds,
        keep=settings.gateway_prices_keep_seconds,
        blocked=settings.gateway_blocked_services,
    )


def _poller(
    settings: Settings,
    store: Store,
    repository: RentalRepository,
    status_reads: StatusReads,
    notifier: Notifier,
    clock: Clock,
) -> CodePoller:
    per_second = settings.rates[RENTAL_STATUS.bucket]
    return CodePoller(
        status_reads, repository, notifier, store.inbox, store.leases, clock, per_second=per_second
    )
