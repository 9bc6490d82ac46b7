"""Counts what happens, in a registry of its own, and writes it out for Prometheus."""

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate

import structlog
from prometheus_client import CollectorRegistry, Gauge, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from gateway.core.breaker import State
from gateway.core.upstream import Hooks

log = structlog.get_logger("gateway.ledger")

PREFIX = "getatext_gateway"
# The provider answers in tenths of seconds, gives up after some, and a purchase may take 30.
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The core's Observer. What every request is counted by is kept in plain numbers."""

    def __init__(self) -> None:
        """Start every count at nothing."""
        # A time of birth for each child would double every scrape.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._operations = self._counter(
            "operations", "Operations that ended, by error code or ok.", "operation", "outcome"
        )
        self._lookups = self._counter(
            "price_lookups", "Looks into the kept price lists, by what was found.", "found"
        )
        self._waits = self._histogram(
            "turn_wait_seconds", "How long calls to the provider waited for their turn."
        )
        self._limited = self._counter(
            "rate_limited", "Calls refused for a limit, by whom.", "call", "by"
        )
        self._retries = self._counter("retries", "Reads that were put once more.", "call")
        self._shared_failures = self._counter(
            "shared_limit_failures", "Times the limits shared with other nodes were not to be had."
        )
        self._breakers = self._gauge(
            "breaker_state", "1 for the state a group of calls is in.", "group", "state"
        )
        self._ledger_failures = self._counter(
            "ledger_failures", "Purchases whose end could not be written down."
        )
        self._calls = self._counter(
            "upstream_calls", "Calls to the provider, by how they ended.", "call", "outcome"
        )
        self._durations = self._histogram(
            "upstream_call_duration_seconds", "How long calls to the provider took."
        )
        ProcessCollector(namespace=PREFIX, registry=self._registry)

    def operation_ended(self, operation: str, outcome: str) -> None:
        """An operation ended: `outcome` is ok or the code of its error."""
        self._operations.add((operation, outcome))

    def prices_looked_up(self, found: str) -> None:
        """Somebody looked for a kept price list."""
        self._lookups.add((found,))

    def ledger_failed(self, ledger_id: str, fault: Exception) -> None:
        """The end of a purchase could not be written down; what it is named goes into the log."""
        self._ledger_failures.add(())
        log.error("the end of a purchase was not written", ledger_id=ledger_id, exc_info=fault)

    def background_failed(self, work: str, fault: BaseException) -> None:
        """Something that nobody waits for failed; it will be tried again."""
        log.error("work in the background failed", work=work, exc_info=fault)

    def hooks(self) -> Hooks:
        """What the policies around the provider's calls tell."""
        return Hooks(
            waited=self._waits.observe,
            limited=lambda call, by: self._limited.add((call, by)),
            retried=lambda call: self._retries.add((call,)),
            tripped=self._tripped,
            shared_failed=lambda: self._shared_failures.add(()),
        )

    def _tripped(self, group: str, state: str) -> None:
        for one in State:
            self._breakers.labels(group, one.value).set(one.value == state)
        log.warning("breaker", group=group, state=state)

    def upstream_called(self, call: str, outcome: str, seconds: float) -> None:
        """A call to the provider ended after so many seconds."""
        self._calls.add((call, outcome))
        self._durations.observe(call, seconds)

    def render(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry)

    def _counter(self, name: str, help_text: str, *labels: str) -> "_Counts":
        counts = _Counts(f"{PREFIX}_{name}", help_text, labels)
        self._registry.register(counts)
        return counts

    def _gauge(self, name: str, help_text: str, *labels: str) -> Gauge:
        return Gauge(f"{PREFIX}_{name}", help_text, labels, registry=self._registry)

    def _histogram(self, name: str, help_text: str) -> "_Durations":
        durations = _Durations(f"{PREFIX}_{name}", help_text)
        self._registry.register(durations)
        return durations


class _Counts(Collector):
    """One counter, by its labels: a plain number costs a fifth of the library's locked one."""

    def __init__(self, name: str, help_text: str, labels: tuple[str, ...]) -> None:
        self._about = name, help_text, labels
        # Without labels it is known from the start, as nothing.
        self._counts: dict[tuple[str, ...], int] = {} if labels else {(): 0}

    def add(self, labels: tuple[str, ...]) -> None:
        self._counts[labels] = self._counts.get(labels, 0) + 1

    def collect(self) -> Iterator[CounterMetricFamily]:
        name, help_text, labels = self._about
        family = CounterMetricFamily(name, help_text, labels=labels)
        for values, count in self._counts.items():
            family.add_metric(values, count)
        yield family


class _Durations(Collector):
    """How long things took, by the call; as cheap as a count, for the same reason."""

    def __init__(self, name: str, help_text: str) -> None:
        self._about = name, help_text
        self._seen: dict[str, list[int]] = {}  # so many in each bucket, the last is without end
        self._sums: dict[str, float] = {}

    def observe(self, call: str, seconds: float) -> None:
        seen = self._seen.get(call)
        if seen is None:
            seen = self._seen[call] = [0] * (len(_SECONDS) + 1)
        seen[bisect_left(_SECONDS, seconds)] += 1
        self._sums[call] = self._sums.get(call, 0.0) + seconds

    def collect(self) -> Iterator[HistogramMetricFamily]:
        name, help_text = self._about
        family = HistogramMetricFamily(name, help_text, labels=("call",))
        ends = [*map(str, _SECONDS), "+Inf"]
        for call, seen in self._seen.items():
            buckets = list(zip(ends, accumulate(seen), strict=True))
            family.add_metric((call,), buckets, self._sums[call])
        yield family
