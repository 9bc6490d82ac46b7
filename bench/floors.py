"""Floors: the same web framework with nothing to do, so that its own price can be told apart."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

from bench.contenders import empty
from bench.measure import Contender, Sample, Samples, median, ratio
from bench.report import Row, Target

APP, NO_APP = "empty handler", "no application"


@contextmanager
def floors(request: bytes) -> Iterator[Mapping[str, Contender]]:
    """Both are asked the same: an application with one empty route, and a server without one."""
    path = urlsplit(request.split(b" ", 2)[1].decode()).path
    with ExitStack() as stack:
        yield {
            name: Contender(stack.enter_context(empty(route)), lambda _: request)
            for name, route in ((APP, path), (NO_APP, None))
        }


def against(
    samples: Samples, what: str, ours: str, theirs: str, target: Target | None = None
) -> list[Row]:
    """Two rows: requests per second, with the target, and CPU per request."""

    def row(measure: str, of: Callable[[Sample], float], form: str, target: Target | None) -> Row:
        medians = [median(samples, name, of) for name in (ours, theirs)]
        value = ratio(samples, ours, theirs, of)
        return Row(
            f"{what}: {ours} / {theirs}", measure, value, target, absolute=form.format(*medians)
        )

    return [
        row(
            "requests per second", lambda one: one.per_second, "{:,.0f} / {:,.0f} a second", target
        ),
        row("CPU per request", lambda one: one.cpu_micros, "{:.0f} / {:.0f} µs", None),
    ]
