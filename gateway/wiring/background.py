"""Builds what runs beside the requests."""

from collections.abc import Callable

from adapters.store import Store
from gateway.core.auth.authentication import Callers
from gateway.core.codes.following import Following
from gateway.core.codes.unused import UnusedReturns
from gateway.core.jobs.cancel_task import CancelTask
from gateway.core.operations.context import Services
from gateway.core.rentals.reconciliation_task import ReconciliationTask
from gateway.core.upstream.account import AccountUpstream, AccountUpstreams
from gateway.core.upstream.calls import CANCEL
from gateway.settings import Settings
from gateway.telemetry.metrics import Metrics

UpstreamOf = Callable[[str], AccountUpstream | None]


def upstreams_by_id(callers: Callers, upstreams: AccountUpstreams) -> UpstreamOf:
    """The upstream of an account by its id, where its key is in memory."""

    def upstream_of(account_id: str) -> AccountUpstream | None:
        account = callers.met(account_id)
        return None if account is None else upstreams.of(account)

    return upstream_of


def following(
    settings: Settings,
    store: Store,
    services: Services,
    upstream_of: UpstreamOf,
    metrics: Metrics,
) -> Following:
    """What follows rentals to their end, and gives those back that no code comes to."""
    unused = UnusedReturns(
        services.cancelling,
        services.poller,
        store.inbox,
        services.price_cache,
        services.clock,
        before_end=settings.gateway_cancel_before_end_seconds,
        per_second=settings.rates[CANCEL.bucket],
    )
    return Following(
        store.ledger,
        store.leases,
        services.poller,
        services.price_cache,
        unused,
        upstream_of,
        metrics,
    )


def cancel_task(
    settings: Settings,
    store: Store,
    services: Services,
    upstream_of: UpstreamOf,
    metrics: Metrics,
) -> CancelTask:
    """What carries wishes to cancel out."""
    task = CancelTask(
        store.ledger,
        services.cancelling,
        upstream_of,
        services.clock,
        metrics,
        per_second=settings.rates[CANCEL.bucket],
    )
    services.cancelling.when_wanted(task.wake)
    return task


def reconciliation(
    upstream_of: UpstreamOf, services: Services, metrics: Metrics
) -> ReconciliationTask:
    """What looks for lost purchases."""
    task = ReconciliationTask(services.repository, services.price_cache, upstream_of, metrics)
    services.repository.on_lost(task.begin)
    return task
