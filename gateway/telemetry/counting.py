"""Counts that are plain numbers until they are scraped: the library's own cost five times that."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

# The provider answers in tenths of seconds, gives up after some, and a purchase may take 30.
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Counts(Collector):
    """One counter, by its labels."""

    def __init__(self, name: str, help_text: str, labels: tuple[str, ...]) -> None:
        self._about = name, help_text, labels
        # Without labels it is known from the start, as nothing.
        self._counts: dict[tuple[str, ...], int] = {} if labels else {(): 0}

    def expect(self, labels: Iterable[tuple[str, ...]]) -> None:
        """Show these from the start, as nothing: the first of them is then seen as a change."""
        self._counts.update(dict.fromkeys(labels, 0))

    def add(self, labels: tuple[str, ...]) -> None:
        """One more of these."""
        self._counts[labels] = self._counts.get(labels, 0) + 1

    def collect(self) -> Iterator[CounterMetricFamily]:
        """The counts as the library writes them."""
        name, help_text, labels = self._about
        family = CounterMetricFamily(name, help_text, labels=labels)
        for values, count in self._counts.items():
            family.add_metric(values, count)
        yield family


class Durations(Collector):
    """How long things took, by the call."""

    def __init__(self, name: str, help_text: str) -> None:
        self._about = name, help_text
        self._seen: dict[str, list[int]] = {}  # so many in each bucket, the last is without end
        self._sums: dict[str, float] = {}

    def observe(self, call: str, seconds: float) -> None:
        """One more call that took so long."""
        seen = self._seen.get(call)
        if seen is None:
            seen = self._seen[call] = [0] * (len(_SECONDS) + 1)
        seen[bisect_left(_SECONDS, seconds)] += 1
        self._sums[call] = self._sums.get(call, 0.0) + seconds

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """The durations as the library writes them, in buckets."""
        name, help_text = self._about
        family = HistogramMetricFamily(name, help_text, labels=("call",))
        ends = [*map(str, _SECONDS), "+Inf"]
        for call, seen in self._seen.items():
            buckets = list(zip(ends, accumulate(seen), strict=True))
            family.add_metric((call,), buckets, self._sums[call])
        yield family
