"""Rows of one table: what was measured, its ratio or value, and whether that is good enough."""

import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from bench.measure import Ratio

_HEAD = ("bench", "what", "measure", "median", "spread", "target", "met", "absolute medians")


@dataclass(frozen=True, slots=True)
class Target:
    """What a median must keep to."""

    sign: Literal["<", "≤", "≥"]
    limit: float

    def met(self, value: float) -> bool:
        if self.sign == "≥":
            return value >= self.limit
        return value <= self.limit if self.sign == "≤" else value < self.limit


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; without a target it is for information."""

    what: str
    measure: str
    value: Ratio
    target: Target | None = None
    unit: str = "x"
    absolute: str = ""

    def cells(self, bench: str) -> tuple[str, ...]:
        value, target = self.value, self.target
        return (
            bench,
            self.what,
            self.measure,
            f"{value.median:.2f}{self.unit}",
            f"{value.low:.2f}-{value.high:.2f}",
            f"{target.sign} {target.limit:g}{self.unit}" if target else "",
            ("yes" if target.met(value.median) else "NO") if target else "",
            self.absolute,
        )


def table(rows: Sequence[tuple[str, Row]]) -> str:
    """The rows with their bench's name, as a Markdown table that also reads well in a terminal."""
    lines = [_HEAD, *(row.cells(bench) for bench, row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEAD))]
    ruler = tuple("-" * width for width in widths)
    return "\n".join(
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) + " |"
        for line in (lines[0], ruler, *lines[1:])
    )


def machine() -> str:
    """On what it was measured."""
    libraries = ("aiohttp", "pydantic", "uvloop", "fastapi", "uvicorn", "httptools", "httpx")
    known = [f"{name} {found}" for name in libraries if (found := _version(name))]
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {', '.join(known)}"


def command(names: Sequence[str]) -> str:
    """How to measure the same again."""
    python = os.path.relpath(sys.executable) if sys.prefix != sys.base_prefix else "python"
    return " ".join((python, "-m", "bench", *names))


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
