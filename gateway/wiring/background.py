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
from gateway.core.upstream.calls import CANCEL, RENTAL_STATUS
from gateway.settings import Settings
from gateway.telemetry.metrics import Metrics

UpstreamOf = Callable[[str], AccountUpstream | None]


def work(
    settings: Settings,
    store: Store,
    callers: Callers,
    of_account: UpstreamOf,
    services: Services,
    metrics: Metrics,
) -> tuple[Following, CancelTask, ReconciliationTask]:
    """All that works on rentals."""
    following = _following(settings, store, services, of_account, metrics)
    cancels = _cancel_task(settings, store, services, of_account, metrics)
    callers.when_seen(following.key_seen, cancels.wake)
    return following, cancels, _reconciliation(of_account, services, metrics)


def upstream_of(callers: Callers, upstreams: AccountUpstreams) -> UpstreamOf:
    """Gives the upstream of an account by its id, where its key is in memory."""

    def of_account(account_id: str) -> AccountUpstream | None:
        account = callers.met(account_id)
        return None if account is None else upstreams.of(account)

    return of_account


def _following(
    settings: Settings,
    store: Store,
    services: Services,
    of_account: UpstreamOf,
    metrics: Metrics,
) -> Following:
    unused = UnusedReturns(
        services.cancelling,
        services.poller,
        store.inbox,
        services.price_cache,
        services.clock,
        before_end=settings.gateway_cancel_before_end_seconds,
        seconds_each=_seconds_each(settings),
    )
    return Following(
        store.ledger,
        store.leases,
        services.poller,
        services.price_cache,
        unused,
        of_account,
        metrics,
    )


def _seconds_each(settings: Settings) -> float:
    """The seconds from one number given back to the next: a cancel, and a look at the status.

    Every second look is another's turn: of a caller who waits or reads, or of slow rounds.
    """
    margin, rates = settings.getatext_rate_margin_seconds, settings.rates
    cancel, look = (
        1 / rate + margin / max(1, int(rate))
        for rate in (rates[CANCEL.bucket], rates[RENTAL_STATUS.bucket])
    )
    return max(cancel, 2 * look)


def _cancel_task(
    settings: Settings,
    store: Store,
    services: Services,
    of_account: UpstreamOf,
    metrics: Metrics,
) -> CancelTask:
    task = CancelTask(
        store.ledger,
        services.cancelling,
        of_account,
        services.clock,
        metrics,
        per_second=settings.rates[CANCEL.bucket],
    )
    services.cancelling.when_wanted(task.wake)
    return task


def _reconciliation(
    of_account: UpstreamOf, services: Services, metrics: Metrics
) -> ReconciliationTask:
    task = ReconciliationTask(services.repository, services.price_cache, of_account, metrics)
    services.repository.on_lost(task.begin)
    return task
