"""Metrics in a registry of their own, rendered for Prometheus."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from importlib.metadata import version
from math import inf, nan
from platform import python_version
from time import monotonic

import structlog
from prometheus_client import CollectorRegistry, Gauge, disable_created_metrics
from prometheus_client.exposition import generate_latest
from prometheus_client.process_collector import ProcessCollector

from gateway.core.model.callers import SHORT_ID, TEST_ACCOUNT_ID
from gateway.core.model.events import Alarm, EventType
from gateway.core.model.ledger_news import CodeRead, FirstCode, LedgerNews, MoneyBack, PurchaseEnded
from gateway.core.model.purchases import REPLACE, LedgerCounts, SpendState
from gateway.core.model.settling import settling
from gateway.core.model.webhooks import DeliveryState
from gateway.core.upstream.circuit_breaker import BreakerState
from gateway.telemetry import declared
from gateway.telemetry.counting import Counts, Durations
from gateway.telemetry.declared import PREFIX, Counter, Histogram, Level

log = structlog.get_logger("gateway.ledger")
alarm_log = structlog.get_logger("gateway.alarms")
breaker_log = structlog.get_logger("gateway.breaker")
purchase_log = structlog.get_logger("gateway.purchases")
provider_log = structlog.get_logger("gateway.provider")

_CAUSE_EVERY = 60.0  # seconds
# An older balance may have been topped up since; where it is watched, it is asked for more often.
_BALANCE_TOLD_FOR = 900.0  # seconds
_ZONE = "GETATEXT_TIMEZONE"


class Metrics:
    """The core's Observer: counts events and logs failures. Per-request counts are plain ints."""

    def __init__(self, *, log_causes: bool = True) -> None:
        """Create and register all metrics.

        `log_causes`: log why the provider gives no answer; who waits at a terminal reads it in the
        error.
        """
        self._log_causes = log_causes
        # A creation time for each labelled metric would double every scrape.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._measure_callers()
        self._measure_the_ledger()
        self._measure_the_provider()
        self._gauge(declared.BUILD).labels(version("getatext-gateway"), python_version()).set(1)
        ProcessCollector(namespace=PREFIX, registry=self._registry)

    def _measure_callers(self) -> None:
        self._operations = self._counter(declared.OPERATIONS)
        self._requests = self._counter(declared.REQUESTS)
        self._request_seconds = self._histogram(declared.REQUEST_SECONDS)
        self._lookups = self._counter(declared.LOOKUPS)
        self._alarms = self._counter(declared.ALARMS_RAISED)
        self._webhook_tries = self._counter(declared.WEBHOOK_TRIES)

    def _measure_the_ledger(self) -> None:
        self._charged = self._counter(declared.CHARGED)
        self._refunded = self._counter(declared.REFUNDED)
        self._purchases = self._counter(declared.PURCHASES)
        self._replacements = self._counter(declared.REPLACEMENTS)
        self._codes = self._counter(declared.CODES)
        self._time_to_code = self._histogram(declared.TIME_TO_CODE)
        self._unknown = self._gauge(declared.UNKNOWN_PURCHASES)
        self._active = self._gauge(declared.ACTIVE_RENTALS)
        self._wishes = self._gauge(declared.CANCEL_WISHES)
        self._oldest_wish = self._gauge(declared.OLDEST_CANCEL_WISH)
        for counted in (self._unknown, self._active, self._wishes, self._oldest_wish):
            counted.set(nan)
        self._ledger_available = self._gauge(declared.LEDGER_AVAILABLE)
        self._ledger_available.set(1)
        self._ledger_failures = self._counter(declared.LEDGER_FAILURES)
        self._charged_above = self._counter(declared.CHARGED_ABOVE)

    def _measure_the_provider(self) -> None:
        self._calls = self._counter(declared.UPSTREAM_CALLS)
        self._durations = self._histogram(declared.UPSTREAM_SECONDS)
        self._waits = self._histogram(declared.TURN_WAIT)
        self._limited = self._counter(declared.RATE_LIMITED)
        self._shared_failures = self._counter(declared.SHARED_LIMIT_FAILURES)
        self._retries = self._counter(declared.RETRIES)
        self._followed = self._gauge(declared.FOLLOWED)
        self._following_lag = self._gauge(declared.FOLLOWING_LAG)
        self._returned = self._counter(declared.RETURNED_UNUSED)
        self._breakers = self._gauge(declared.BREAKERS)
        for group, state in declared.BREAKERS.expected:
            self._breakers.labels(group, state).set(state == BreakerState.CLOSED)
        self._balance = nan, -inf  # and when it was told
        self._gauge(declared.BALANCE).set_function(self._recent_balance)
        self._times_off = self._gauge(declared.TIMES_OFF)
        self._logged_off = timedelta(0)
        self._causes: dict[str, tuple[float, int]] = {}  # when each was told, and how many since

    def operation_ended(self, operation: str, outcome: str) -> None:
        """An operation ended: `outcome` is ok or the code of its error."""
        self._operations.add((operation, outcome))

    def request_ended(self, face: str, operation: str, status: int, seconds: float) -> None:
        """An HTTP request was answered; `operation` "": it asked for none."""
        self._requests.add((face, str(status)))
        if operation:
            self._request_seconds.observe(operation, seconds)

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

    def ledger_written(self, news: LedgerNews) -> None:
        """This node wrote something into the ledger."""
        match news:
            case PurchaseEnded():
                self._purchase_ended(news)
            case MoneyBack():
                self._refunded.add((), news.amount)
            case CodeRead():
                self._codes.add(())
            case FirstCode():
                self._time_to_code.observe("", news.seconds)

    def _purchase_ended(self, end: PurchaseEnded) -> None:
        """Count it, but not a test key's, and write its one line without its number or code."""
        test = end.account_id == TEST_ACCOUNT_ID
        if not test:
            self._purchases.add((end.state.value,))
        if end.charged is not None and not test:
            self._charged.add((), end.charged)
            if end.operation == REPLACE:
                self._replacements.add(())
        told = {
            "test": test or None,
            "key_name": end.key_name,
            "account": end.account_id[:SHORT_ID] if end.key_name is None else None,
            "operation": end.operation,
            "service": end.service_code,
            "rental_id": end.rental_id,
            "charged": end.charged,
            "reserved": end.reserved,
            "settle_with": settling(end.ledger_id) if end.state is SpendState.UNKNOWN else None,
        }
        known = {name: value for name, value in told.items() if value is not None}
        purchase_log.info("purchase", outcome=end.state.value, ledger_id=end.ledger_id, **known)

    def ledger_counted(self, counts: LedgerCounts, oldest_wish: float) -> None:
        """What stands open in the whole ledger was counted."""
        self._unknown.set(counts.unknown_purchases)
        self._active.set(counts.active_rentals)
        self._wishes.set(counts.cancel_wishes)
        self._oldest_wish.set(oldest_wish)

    def alarm_raised(self, alarm: Alarm) -> None:
        """This node wrote an alarm: the one line that tells it."""
        self._alarms.add((alarm.type.value,))
        details = alarm.details.model_dump(mode="json", exclude_none=True)
        if alarm.type is EventType.PURCHASE_OUTCOME_UNKNOWN:
            details["settle_with"] = settling(alarm.details.ledger_id)
        alarm_log.warning("alarm", type=alarm.type.value, account=alarm.account_id, **details)

    def balance_known(self, balance: Decimal) -> None:
        """The provider told the balance of the server's own account."""
        self._balance = float(balance), monotonic()

    def _recent_balance(self) -> float:
        balance, told_at = self._balance
        return balance if monotonic() - told_at < _BALANCE_TOLD_FOR else nan

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
        for one in BreakerState:
            self._breakers.labels(group, one.value).set(one.value == state)
        breaker_log.warning("breaker", group=group, state=state)

    def webhook_tried(self, state: DeliveryState) -> None:
        """An event was sent to a webhook, and its delivery stands so since."""
        self._webhook_tries.add((state.value,))

    def shared_limits_failed(self) -> None:
        """The limits shared with other nodes were not available."""
        self._shared_failures.add(())

    def provider_unreached(self, cause: str, chain: str) -> None:
        """A call got no answer: one line a minute for each cause, whatever many calls meet it."""
        now = monotonic()
        told_at, unsaid = self._causes.get(cause, (-inf, 0))
        if now - told_at < _CAUSE_EVERY:
            self._causes[cause] = told_at, unsaid + 1
            return
        self._causes[cause] = now, 0
        if self._log_causes:
            provider_log.warning(
                "no answer of the provider", cause=cause, errors=chain, unsaid=unsaid
            )

    def upstream_called(self, call: str, outcome: str, seconds: float) -> None:
        """A call to the provider ended after so many seconds."""
        self._calls.add((call, outcome))
        self._durations.observe(call, seconds)

    def render(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def _counter(self, metric: Counter) -> Counts:
        counts = Counts(metric)
        self._registry.register(counts)
        return counts

    def _gauge(self, metric: Level) -> Gauge:
        return Gauge(metric.full_name, metric.help, metric.labels, registry=self._registry)

    def _histogram(self, metric: Histogram) -> Durations:
        durations = Durations(metric)
        self._registry.register(durations)
        return durations
