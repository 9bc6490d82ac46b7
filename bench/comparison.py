"""Two runs, row by row: what changed by more than both of them are unsure of."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bench.run import Line, Run

_ONCE = 0.1
"""A value that was measured once has no spread: this part of it is taken for one."""
_LEAST = 0.02
"""Runs of the same program differ by so much whatever their spread."""


class Verdict(StrEnum):
    """What became of a row; better and worse are for rows with a target."""

    SAME = ""
    BETTER = "better"
    WORSE = "WORSE"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """A row that both runs have."""

    stored: Line
    today: Line

    @property
    def part(self) -> float | None:
        """Of the stored median; None where that is nothing."""
        then = self.stored.median
        return (self.today.median - then) / abs(then) if then else None

    @property
    def verdict(self) -> Verdict:
        if not self._beyond_noise():
            return Verdict.SAME
        target = self.today.target or self.stored.target
        if target is None:
            return Verdict.CHANGED
        more = self.today.median > self.stored.median
        return Verdict.BETTER if more == (target.sign == "≥") else Verdict.WORSE

    def _beyond_noise(self) -> bool:
        """Whether each median lies outside the other run's spread, and not only just."""
        if self.part is not None and abs(self.part) < _LEAST:
            return False
        return _outside(self.today.median, self.stored) and _outside(self.stored.median, self.today)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`changes` by the row's key; a row that only one run has is in `only_stored` or is missing."""

    stored: Run
    changes: Mapping[tuple[str, ...], Change]
    only_stored: Sequence[Line]
    only_today: Sequence[Line]

    @property
    def changed(self) -> Sequence[Change]:
        return [each for each in self.changes.values() if each.verdict is not Verdict.SAME]


def compare(stored: Run, today: Run) -> Comparison:
    """Of the stored run only the benches that ran today are looked at."""
    then = {line.key: line for line in stored.rows if line.bench in today.benches}
    now = {line.key: line for line in today.rows}
    return Comparison(
        stored,
        {key: Change(then[key], line) for key, line in now.items() if key in then},
        [line for key, line in then.items() if key not in now],
        [line for key, line in now.items() if key not in then],
    )


def differences(stored: Run, today: Run) -> Iterator[str]:
    """Why the two may not be comparable."""
    if stored.machine != today.machine:
        yield f"the stored run is of another machine or of other libraries: {stored.machine}"
    if stored.rounds != today.rounds:
        yield f"the stored run had {stored.rounds} rounds, today's {today.rounds}"


def _outside(value: float, line: Line) -> bool:
    low, high = line.low, line.high
    if low == high:
        low, high = sorted((low * (1 - _ONCE), high * (1 + _ONCE)))
    return not low <= value <= high
