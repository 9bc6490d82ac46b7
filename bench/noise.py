"""What disturbed a bench: other processes, other machines on the same host, unequal rounds."""

import os
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from bench.measure import Ratio

ROUNDS, OTHERS, STOLEN = 0.05, 0.05, 0.02
"""From here on a bench counts as noisy."""


class Noise(BaseModel):
    """Parts of one.

    `rounds`: how far the baselines' own rounds lie from their median (of each baseline the median
    of these distances, of them the largest); None where nothing was measured by turns.
    `others`: the time of all cores that went to processes which are not the bench's.
    `stolen`: the time of all cores that the host gave to other machines.
    """

    model_config = ConfigDict(frozen=True)

    rounds: float | None
    others: float
    stolen: float

    @property
    def loud(self) -> bool:
        return (self.rounds or 0) > ROUNDS or self.others > OTHERS or self.stolen > STOLEN

    def __str__(self) -> str:
        rounds = "" if self.rounds is None else f"rounds ±{self.rounds:.1%}, "
        stolen = f", stolen {self.stolen:.0%}" if self.stolen >= 0.005 else ""
        return f"{rounds}other processes {self.others:.0%}{stolen}".replace("%", " %")


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """Seconds of all cores together: there were, went to processes, were stolen."""

    all: float
    processes: float
    stolen: float


class _Elsewhere:
    """Seconds of CPU of processes that are the bench's but were never its children."""

    seconds = 0.0


def count_as_ours(seconds: float) -> None:
    """For a program that is none of this process' children, like a server that is a daemon."""
    _Elsewhere.seconds += seconds


def cpu_times(stat: str, ticks: int) -> CpuTimes:
    """Of the text of /proc/stat, with so many ticks a second."""
    user, nice, system, idle, waiting, irq, soft, stolen = (
        int(each) / ticks for each in stat.split("\n", 1)[0].split()[1:9]
    )
    processes = user + nice + system
    return CpuTimes(processes + idle + waiting + irq + soft + stolen, processes, stolen)


def between(before: CpuTimes, after: CpuTimes, ours: float) -> Noise:
    """What happened between the two, of which so many seconds were the bench's own."""
    total = max(after.all - before.all, 1e-9)
    others = max(after.processes - before.processes - ours, 0.0)
    return Noise(rounds=None, others=others / total, stolen=(after.stolen - before.stolen) / total)


def watch() -> Callable[[], Noise]:
    """Call what it returns when the bench and all its servers have ended."""
    before, ours = _now(), _our_seconds()

    def ended() -> Noise:
        return between(before, _now(), _our_seconds() - ours)

    return ended


def before_anything(seconds: float = 1.0) -> Noise:
    """What the machine does while the bench does nothing."""
    ended = watch()
    time.sleep(seconds)
    return ended()


def with_rounds(noise: Noise, values: Sequence[Ratio]) -> Noise:
    """With the largest noise of these baselines."""
    known = [value.noise for value in values if value.noise is not None]
    return noise.model_copy(update={"rounds": max(known, default=None)})


def _now() -> CpuTimes:
    return cpu_times(Path("/proc/stat").read_text(), os.sysconf("SC_CLK_TCK"))


def _our_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used) + _Elsewhere.seconds
