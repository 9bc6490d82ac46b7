"""Counts what happens, in a registry of its own, and writes it out for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.process_collector import ProcessCollector

PREFIX = "getatext_gateway"
# The provider answers in tenths of seconds, gives up after some, and a purchase may take 30.
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The core's Observer. A label's child is looked up once: that is a quarter of the cost."""

    def __init__(self) -> None:
        """Start every count at nothing."""
        self._registry = CollectorRegistry()
        self._operations = self._counter(
            "operations", "Operations that ended, by error code or ok.", "operation", "outcome"
        )
        self._lookups = self._counter(
            "price_lookups", "Looks into the kept price lists, by what was found.", "found"
        )
        self._calls = self._counter(
            "upstream_calls", "Calls to the provider, by how they ended.", "call", "outcome"
        )
        self._durations = Histogram(
            f"{PREFIX}_upstream_call_duration_seconds",
            "How long calls to the provider took.",
            ("call",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        ProcessCollector(namespace=PREFIX, registry=self._registry)
        self._counters: dict[tuple[Counter, tuple[str, ...]], Counter] = {}
        self._histograms: dict[str, Histogram] = {}

    def operation_ended(self, operation: str, outcome: str) -> None:
        """An operation ended: `outcome` is ok or the code of its error."""
        self._count(self._operations, operation, outcome)

    def prices_looked_up(self, found: str) -> None:
        """Somebody looked for a kept price list."""
        self._count(self._lookups, found)

    def upstream_called(self, call: str, outcome: str, seconds: float) -> None:
        """A call to the provider ended after so many seconds."""
        self._count(self._calls, call, outcome)
        histogram = self._histograms.get(call)
        if histogram is None:
            histogram = self._histograms[call] = self._durations.labels(call)
        histogram.observe(seconds)

    def render(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry)

    def _counter(self, name: str, help_text: str, *labels: str) -> Counter:
        return Counter(f"{PREFIX}_{name}", help_text, labels, registry=self._registry)

    def _count(self, counter: Counter, *labels: str) -> None:
        child = self._counters.get((counter, labels))
        if child is None:
            child = self._counters[counter, labels] = counter.labels(*labels)
        child.inc()
