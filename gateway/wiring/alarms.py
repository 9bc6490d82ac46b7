"""Who is told of the alarms: the log, the metrics, the event streams; and the watch of balances."""

from collections.abc import Callable

from adapters.store import Store
from gateway.core.jobs.balance_watch import BalanceWatch
from gateway.core.model.events import Alarm
from gateway.core.ports.clock import Clock
from gateway.core.rentals.notifier import Notifier
from gateway.core.upstream.account import AccountUpstream, AccountUpstreams
from gateway.settings import Settings
from gateway.telemetry.metrics import Metrics


def tell_alarms(store: Store, notifier: Notifier, metrics: Metrics) -> None:
    """Tell the log, the metrics and the streams of the alarms that this node writes."""

    def raised(alarm: Alarm) -> None:
        metrics.alarm_raised(alarm)
        notifier.account_changed(alarm.account_id)

    store.alarms.to = raised


def watch_balances(
    settings: Settings,
    store: Store,
    upstreams: AccountUpstreams,
    upstream_of: Callable[[str], AccountUpstream | None],
    clock: Clock,
    metrics: Metrics,
    *,
    own: str | None,
) -> BalanceWatch | None:
    """The watch, which hears all answers of the provider; None where the alarm is not set."""
    if settings.gateway_balance_low is None:
        return None
    watch = BalanceWatch(
        settings.gateway_balance_low,
        store.balances,
        store.leases,
        clock,
        metrics,
        upstream_of,
        own=own,
    )
    upstreams.when_answered(watch)
    return watch
