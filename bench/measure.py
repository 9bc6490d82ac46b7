"""Measures contenders by turns, so that a noisy machine disturbs all of them alike."""

import asyncio
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.load import connected
from bench.process import Server

_WARM_UP = 64  # two on each connection
_SLICES = 5
"""A round is cut in slices, by turns too: what disturbs the machine then disturbs all alike."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A server, the requests it is asked (by number), and the status it must answer.

    `share`: a slow one may be asked for this part of the requests only.
    """

    server: Server
    request: Callable[[int], bytes]
    status: int = 200
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Sample:
    """What one segment of load took."""

    requests: int
    seconds: float
    cpu_seconds: float

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds

    @property
    def cpu_micros(self) -> float:
        return self.cpu_seconds / self.requests * 1e6


@dataclass(frozen=True, slots=True)
class Ratio:
    """The median of the rounds' ratios, with the lowest and the highest of them.

    `noise`: the median distance of the baseline's own rounds from their median, as a part of it.
    """

    median: float
    low: float
    high: float
    noise: float | None = None


Samples = Mapping[str, Sequence[Sample]]


def by_turns(contenders: Mapping[str, Contender], rounds: int, requests: int) -> Samples:
    """Every contender once a round; each round begins with another one."""
    with asyncio.Runner(loop_factory=new_event_loop()) as runner:
        return runner.run(_by_turns(contenders, rounds, requests))


def ratio(samples: Samples, ours: str, theirs: str, of: Callable[[Sample], float]) -> Ratio:
    """How many times theirs ours is, round by round."""
    baseline = [of(sample) for sample in samples[theirs]]
    found = [of(sample) / base for sample, base in zip(samples[ours], baseline, strict=True)]
    noise = distance(baseline) if len(baseline) > 1 else None
    return Ratio(statistics.median(found), min(found), max(found), noise)


def distance(values: Sequence[float]) -> float:
    """How far a value lies from the median of all, as a part of it: the median of that."""
    middle = statistics.median(values)
    return statistics.median(abs(value - middle) for value in values) / middle


def median(samples: Samples, name: str, of: Callable[[Sample], float]) -> float:
    """The median of one contender's rounds."""
    return statistics.median(map(of, samples[name]))


def new_event_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's loops where it is installed, as in `serve`."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _by_turns(
    contenders: Mapping[str, Contender], rounds: int, requests: int
) -> dict[str, list[Sample]]:
    names = list(contenders)
    samples: dict[str, list[Sample]] = {name: [] for name in names}
    for turn in range(rounds):
        parts: dict[str, list[Sample]] = {name: [] for name in names}
        for part in range(turn * _SLICES, (turn + 1) * _SLICES):
            first = part % len(names)
            for name in names[first:] + names[:first]:
                _progress(f"round {turn + 1}/{rounds}: {name}")
                one = contenders[name]
                count = int(requests * one.share / _SLICES)
                parts[name].append(await _slice(one, count, part))
        for name in names:
            samples[name].append(_whole(parts[name]))
    _progress("")
    return samples


async def _slice(contender: Contender, requests: int, part: int) -> Sample:
    begin = 1 + part * (requests + _WARM_UP)
    batch = [contender.request(number) for number in range(begin, begin + requests + _WARM_UP)]
    server = contender.server
    async with connected(server.port) as load:
        await load.run(batch[:_WARM_UP], contender.status)
        cpu, clock = server.cpu_seconds(), time.perf_counter()
        await load.run(batch[_WARM_UP:], contender.status)
        return Sample(requests, time.perf_counter() - clock, server.cpu_seconds() - cpu)


def _whole(parts: Sequence[Sample]) -> Sample:
    return Sample(
        sum(part.requests for part in parts),
        sum(part.seconds for part in parts),
        sum(part.cpu_seconds for part in parts),
    )


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()
