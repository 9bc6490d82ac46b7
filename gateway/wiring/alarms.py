"""Who is told of alarms: the log, the metrics, the event streams; and the watch of balances."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.store import Store
from gateway.core.jobs.balance_watch import BalanceWatch
from gateway.core.model.callers import TEST_ACCOUNT_ID
from gateway.core.model.events import Alarm
from gateway.core.ports.clock import Clock
from gateway.core.upstream.account import OwnBalance
from gateway.settings import Settings
from gateway.telemetry.metrics import Metrics
from gateway.wiring.background import upstream_of
from gateway.wiring.core import Core


@asynccontextmanager
async def raising_alarms(
    settings: Settings, store: Store, core: Core, clock: Clock, metrics: Metrics, *, follow: bool
) -> AsyncIterator[BalanceWatch | None]:
    """Watch balances and tell of alarms; to be left after the core is closed, for it is heard.

    `follow`: also log and count alarms, and ask for balances that nothing tells. A command that
    ends at once only writes them.
    """
    if follow:

        def raised(alarm: Alarm) -> None:
            if alarm.account_id != TEST_ACCOUNT_ID:
                metrics.alarm_raised(alarm)
            core.notifier.account_changed(alarm.account_id)

        store.alarms.to = raised
    watch = _watch(settings, store, core, clock, metrics)
    asking = asyncio.create_task(watch.run()) if watch is not None and follow else None
    try:
        yield watch
    finally:
        if asking is not None:
            asking.cancel()
            await asyncio.wait([asking])
        if watch is not None:
            await watch.close()


def _watch(
    settings: Settings, store: Store, core: Core, clock: Clock, metrics: Metrics
) -> BalanceWatch | None:
    """The watch, which hears all answers of the provider; None where the alarm is not set."""
    own = core.callers.own
    if settings.gateway_balance_low is None:
        if own is not None:
            core.upstreams.when_answered(OwnBalance(own.id, clock, metrics))
        return None

    watch = BalanceWatch(
        settings.gateway_balance_low,
        store.balances,
        store.leases,
        clock,
        metrics,
        upstream_of(core.callers, core.upstreams),
        own=own.id if own else None,
    )
    core.upstreams.when_answered(watch)
    return watch
