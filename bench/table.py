"""A run as text: the table, then what took how long, what disturbed it, and what changed."""

import os
import shlex
import sys
from collections.abc import Iterator, Sequence

from bench.comparison import Change, Comparison, Verdict, differences
from bench.run import Line, Run

_HEAD = ("bench", "what", "measure", "today", "spread", "target", "met", "absolute medians")
_STORED_HEAD = ("stored", "change")


def text(run: Run, compared: Comparison | None) -> str:
    """All there is to say of a run."""
    parts = [_head(run), _table(run, compared), "\n".join(_noise(run))]
    if compared is not None:
        parts.append("\n".join(_changes(run, compared)))
    return "\n\n".join(parts)


def command(words: Sequence[str]) -> str:
    """How to measure the same again."""
    python = os.path.relpath(sys.executable) if sys.prefix != sys.base_prefix else "python"
    return shlex.join((python, "-m", "bench", *words))


def _head(run: Run) -> str:
    changed = ", with changes that are not committed" if run.changed else ""
    commit = f"commit {run.commit}{changed}" if run.commit else "commit unknown"
    return f"{run.machine}; {run.rounds} rounds; {commit}; {run.began:%Y-%m-%d %H:%M} UTC"


def _table(run: Run, compared: Comparison | None) -> str:
    """In Markdown that also reads well in a terminal."""
    if compared is None:
        lines = [_HEAD, *(_cells(line) for line in run.rows)]
    else:
        lines = [(*_HEAD[:-1], *_STORED_HEAD, _HEAD[-1]), *_beside(run, compared)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    ruler = tuple("-" * width for width in widths)
    return "\n".join(
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) + " |"
        for line in (lines[0], ruler, *lines[1:])
    )


def _cells(line: Line) -> tuple[str, ...]:
    target = line.target
    return (
        line.bench,
        line.what,
        line.measure,
        _value(line),
        f"{line.low:.2f}-{line.high:.2f}",
        f"{target.sign} {target.limit:g}{line.unit}" if target else "",
        {True: "yes", False: "NO", None: ""}[line.met],
        line.absolute,
    )


def _beside(run: Run, compared: Comparison) -> Iterator[tuple[str, ...]]:
    for line in run.rows:
        change = compared.changes.get(line.key)
        told = (_value(change.stored), _change(change)) if change else ("", "only today")
        *cells, absolute = _cells(line)
        yield (*cells, *told, absolute)
    for line in compared.only_stored:
        bench, what, measure, value, *_ = _cells(line)
        yield bench, what, measure, "", "", "", "", value, "only stored", ""


def _value(line: Line) -> str:
    return f"{line.median:.2f}{line.unit}"


def _change(change: Change) -> str:
    difference = change.today.median - change.stored.median
    told = f"{difference:+g}" if change.part is None else f"{change.part * 100:+.0f} %"
    return f"{told} {change.verdict}".rstrip()


def _noise(run: Run) -> Iterator[str]:
    yield (
        "Time, and noise: how far the baseline's rounds lie from their median, and what other "
        "processes took of all cores."
    )
    for name, took in run.benches.items():
        failed = "FAILED after " if took.failed else ""
        yield f"- {name}: {failed}{took.seconds:.0f} s; {took.noise}"
    total = sum(took.seconds for took in run.benches.values())
    yield f"- all: {total // 60:.0f} min {total % 60:.0f} s; before the first: {run.before}"
    if loud := [name for name, took in run.benches.items() if took.noise.loud]:
        yield f"Noisy: {', '.join(loud)}. Measure these again while nothing else runs."


def _changes(run: Run, compared: Comparison) -> Iterator[str]:
    stored = compared.stored
    of = f"{stored.began:%Y-%m-%d %H:%M} UTC, commit {stored.commit or 'unknown'}"
    yield f"Against the run of {of}:"
    yield from (f"- Take care: {why}." for why in differences(stored, run))
    for change in compared.changed:
        line = change.today
        told = f"{_value(change.stored)} -> {_value(line)} ({_change(change)})"
        yield f"- {line.bench}, {line.what}, {line.measure}: {told}"
    same = sum(change.verdict is Verdict.SAME for change in compared.changes.values())
    yield f"- {same} of {len(compared.changes)} rows in both did not change beyond the noise."
    for name, lines in (("stored", compared.only_stored), ("today's", compared.only_today)):
        if lines:
            yield f"- {len(lines)} rows are in the {name} run only."
