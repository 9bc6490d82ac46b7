"""Metrics in a registry of their own, rendered for Prometheus."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from math import nan

import structlog
from prometheus_client import CollectorRegistry, Gauge, disable_created_metrics
from prometheus_client.exposition import generate_latest
from prometheus_client.process_collector import ProcessCollector

from gateway.core.model.events import ALARMS, Alarm, EventType
from gateway.core.model.settling import settling
from gateway.core.model.upstream_call import Effect
from gateway.core.operations.catalog import CALLS
from gateway.core.upstream.circuit_breaker import BreakerState
from gateway.telemetry.counting import Counts, Durations

log = structlog.get_logger("gateway.ledger")
alarm_log = structlog.get_logger("gateway.alarms")
breaker_log = structlog.get_logger("gateway.breaker")

PREFIX = "getatext_gateway"
_ZONE = "GETATEXT_TIMEZONE"


class Metrics:
    """The core's Observer: counts events and logs failures. Per-request counts are plain ints."""

    def __init__(self) -> None:
        """Create and register all metrics."""
        # A creation time for each labelled metric would double every scrape.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._count_what_callers_do()
        self._count_what_the_provider_does()
        ProcessCollector(namespace=PREFIX, registry=self._registry)

    def _count_what_callers_do(self) -> None:
        self._operations = self._counter(
            "operations", "Operations that ended, by error code or ok.", "operation", "outcome"
        )
        self._lookups = self._counter(
            "price_lookups", "Looks into the kept price lists, by what was found.", "found"
        )
        self._ledger_failures = self._counter(
            "ledger_failures", "Purchases whose end could not be written down."
        )
        self._ledger_available = self._gauge(
            "ledger_available", "1 while the ledger can be read and written."
        )
        self._ledger_available.set(1)
        self._charged_above = self._counter(
            "charged_above_reserved", "Purchases that cost more than was reserved for them."
        )
        self._alarms = self._counter("alarms", "Alarms that this node wrote as events.", "type")
        self._alarms.expect([(type.value,) for type in ALARMS])
        self._followed = self._gauge(
            "followed_rentals", "Rentals that this node follows to their end."
        )
        self._following_lag = self._gauge(
            "following_lag_seconds",
            "How late the slow rounds are for the followed rental that is worst off.",
        )
        self._returned = self._counter(
            "returned_unused", "Numbers without a code that were given back before their end."
        )
        self._waits = self._histogram(
            "turn_wait_seconds", "How long calls to the provider waited for their turn."
        )
        self._limited = self._counter(
            "rate_limited", "Calls refused for a limit, by whom.", "call", "by"
        )
        self._shared_failures = self._counter(
            "shared_limit_failures", "Times the limits shared with other nodes were not to be had."
        )

    def _count_what_the_provider_does(self) -> None:
        self._calls = self._counter(
            "upstream_calls", "Calls to the provider, by how they ended.", "call", "outcome"
        )
        self._durations = self._histogram(
            "upstream_call_duration_seconds", "How long calls to the provider took."
        )
        self._retries = self._counter("retries", "Reads that were put once more.", "call")
        self._retries.expect([(call.name,) for call in CALLS if call.effect is Effect.READ])
        self._breakers = self._gauge(
            "breaker_state", "1 for the state a group of calls is in.", "group", "state"
        )
        for group in dict.fromkeys(call.group for call in CALLS):
            self._show_breaker(group, BreakerState.CLOSED)
        self._balance = self._gauge(
            "balance_dollars", "The last known balance of the server's account, where watched."
        )
        self._balance.set(nan)
        self._times_off = self._gauge(
            "provider_times_off_seconds",
            "How far the end of the newest rental lies off: GETATEXT_TIMEZONE is wrong.",
        )
        self._logged_off = timedelta(0)

    def operation_ended(self, operation: str, outcome: str) -> None:
        """An operation ended: `outcome` is ok or the code of its error."""
        self._operations.add((operation, outcome))

    def prices_looked_up(self, found: str) -> None:
        """The price cache was read or refreshed: `found` is fresh, stale, miss or failed."""
        self._lookups.add((found,))

    def ledger_lost(self, fault: Exception) -> None:
        """An outage of the ledger begins: the one line until it ends."""
        self._ledger_available.set(0)
        log.error("the ledger is not available; nothing is sold until it is", reason=str(fault))

    def ledger_back(self, seconds: float) -> None:
        """The outage is over, and everything is written."""
        self._ledger_available.set(1)
        log.warning("the ledger is available again", seconds=round(seconds, 1))

    def end_unwritten(self) -> None:
        """The end of a purchase could not be written, and is kept in memory."""
        self._ledger_failures.add(())

    def ends_lost(self, ledger_ids: Sequence[str]) -> None:
        """The process ends before these purchases' ends were written: their outcome is unknown."""
        log.error(
            "ends of purchases were never written",
            ledger_ids=list(ledger_ids),
            settle_with=settling(),
        )

    def content_refused(self, what: str, left_out: str, fault: Exception) -> None:
        """The ledger cannot hold a field of what the provider said; the rest is written."""
        log.error("written without a field", what=what, left_out=left_out, reason=str(fault))

    def charged_above(self, ledger_id: str, reserved: Decimal, charged: Decimal) -> None:
        """The provider charged more than was reserved; budgets count the charged amount."""
        self._charged_above.add(())
        log.error(
            "the provider charged more than was reserved",
            ledger_id=ledger_id,
            reserved=str(reserved),
            charged=str(charged),
        )

    def alarm_raised(self, alarm: Alarm) -> None:
        """This node wrote an alarm: the one line that tells it."""
        self._alarms.add((alarm.type.value,))
        details = alarm.details.model_dump(mode="json", exclude_none=True)
        if alarm.type is EventType.PURCHASE_OUTCOME_UNKNOWN:
            details["settle_with"] = settling(alarm.details.ledger_id)
        alarm_log.warning("alarm", type=alarm.type.value, account=alarm.account_id, **details)

    def balance_known(self, balance: Decimal) -> None:
        """The provider told the balance of the server's own account."""
        self._balance.set(float(balance))

    def background_failed(self, work: str, fault: BaseException) -> None:
        """Background work failed; it will be retried."""
        log.error("work in the background failed", work=work, exc_info=fault)

    def times_compared(self, off: timedelta) -> None:
        """A new rental's end was compared with the expected one; a new difference is logged."""
        self._times_off.set(off.total_seconds())
        if off and off != self._logged_off:
            hours = off.total_seconds() / 3600
            log.warning("the provider's times are in another zone", setting=_ZONE, hours_off=hours)
        self._logged_off = off

    def followed(self, rentals: int, lag: float) -> None:
        """This node follows so many rentals, and its slow rounds are so many seconds behind."""
        self._followed.set(rentals)
        self._following_lag.set(lag)

    def returned_unused(self) -> None:
        """A number without a code was given back shortly before its end."""
        self._returned.add(())

    def permit_waited(self, call: str, seconds: float) -> None:
        """A call to the provider waited for its rate limit."""
        self._waits.observe(call, seconds)

    def rate_limited(self, call: str, by: str) -> None:
        """A call was refused for a limit, by the gateway or the provider."""
        self._limited.add((call, by))

    def read_retried(self, call: str) -> None:
        """A read is retried."""
        self._retries.add((call,))

    def breaker_changed(self, group: str, state: str) -> None:
        """A circuit breaker changed its state."""
        self._show_breaker(group, state)
        breaker_log.warning("breaker", group=group, state=state)

    def shared_limits_failed(self) -> None:
        """The limits shared with other nodes were not available."""
        self._shared_failures.add(())

    def _show_breaker(self, group: str, state: str) -> None:
        for one in BreakerState:
            self._breakers.labels(group, one.value).set(one.value == state)

    def upstream_called(self, call: str, outcome: str, seconds: float) -> None:
        """A call to the provider ended after so many seconds."""
        self._calls.add((call, outcome))
        self._durations.observe(call, seconds)

    def render(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def _counter(self, name: str, help_text: str, *labels: str) -> Counts:
        counts = Counts(f"{PREFIX}_{name}", help_text, labels)
        self._registry.register(counts)
        return counts

    def _gauge(self, name: str, help_text: str, *labels: str) -> Gauge:
        return Gauge(f"{PREFIX}_{name}", help_text, labels, registry=self._registry)

    def _histogram(self, name: str, help_text: str) -> Durations:
        durations = Durations(f"{PREFIX}_{name}", help_text)
        self._registry.register(durations)
        return durations
