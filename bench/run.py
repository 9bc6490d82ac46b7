"""A run as it is kept: on what, when, every row, and the noise; written as JSON and read again."""

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from bench.noise import Noise
from bench.report import Row, Sign
from bench.report import Target as RowTarget

ROOT = Path(__file__).resolve().parents[1]
_LIBRARIES = ("aiohttp", "pydantic", "uvloop", "fastapi", "uvicorn", "httptools", "httpx")


class UnreadableRunError(Exception):
    """There is no run in a file; says why, and what to do."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class Target(_Frozen):
    sign: Sign
    limit: float


class Line(_Frozen):
    """A row, and the bench that it is of. `noise`: of its baseline, as in `Ratio`."""

    bench: str
    what: str
    measure: str
    unit: str
    median: float
    low: float
    high: float
    target: Target | None
    met: bool | None
    absolute: str = ""
    noise: float | None = None

    @classmethod
    def of(cls, bench: str, row: Row) -> "Line":
        value, target = row.value, row.target
        return cls(
            bench=bench,
            what=row.what,
            measure=row.measure,
            unit=row.unit,
            median=value.median,
            low=value.low,
            high=value.high,
            target=_target(target) if target else None,
            met=target.met(value.median) if target else None,
            absolute=row.absolute,
            noise=value.noise,
        )

    @property
    def key(self) -> tuple[str, ...]:
        """By which it is found in another run."""
        return self.bench, self.what, self.measure, self.unit


class Took(_Frozen):
    """How long a bench ran and beside what; a failed one has no rows."""

    seconds: float
    failed: bool
    noise: Noise


class Machine(_Frozen):
    cores: int
    processor: str
    system: str
    python: str
    libraries: Mapping[str, str]

    def __str__(self) -> str:
        libraries = ", ".join(f"{name} {found}" for name, found in self.libraries.items())
        return f"{self.cores} cores ({self.processor}), Python {self.python}, {libraries}"


class Run(_Frozen):
    """`before`: the noise of a second before the first bench, `load` the load average then.

    `changed`: whether files differed from those of the commit.
    """

    format: Literal[1] = 1
    began: AwareDatetime
    commit: str | None
    changed: bool | None
    machine: Machine
    rounds: int
    load: float
    before: Noise
    benches: Mapping[str, Took] = Field(default_factory=dict)
    rows: Sequence[Line] = ()

    def with_bench(self, name: str, took: Took, rows: Sequence[Row]) -> "Run":
        lines = [Line.of(name, row) for row in rows]
        benches = {**self.benches, name: took}
        return self.model_copy(update={"benches": benches, "rows": [*self.rows, *lines]})

    def write(self, path: Path) -> None:
        """Whole or not at all."""
        beside = path.with_name(path.name + ".new")
        beside.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
        beside.replace(path)


def begun(rounds: int, before: Noise) -> Run:
    """A run that has no row yet."""
    commit = _git("rev-parse", "--short=12", "HEAD")
    changes = _git("status", "--porcelain", "--untracked-files=no") if commit else None
    return Run(
        began=datetime.now(UTC).replace(microsecond=0),
        commit=commit,
        changed=None if changes is None else bool(changes),
        machine=_machine(),
        rounds=rounds,
        load=os.getloadavg()[0],
        before=before,
    )


def read(path: Path) -> Run:
    """Raises UnreadableRunError."""
    try:
        return Run.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UnreadableRunError(f"{path}: {error.strerror}: name a file of --json") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        why = f"{place}: {first['msg']}" if place else first["msg"]
        told = f"{path} is no run of this bench ({why}): write it anew with --json"
        raise UnreadableRunError(told) from error


def _target(target: RowTarget) -> Target:
    return Target(sign=target.sign, limit=target.limit)


def _machine() -> Machine:
    found = {name: known for name in _LIBRARIES if (known := _version(name))}
    return Machine(
        cores=os.cpu_count() or 1,
        processor=_processor(),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        libraries=found,
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _git(*words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *words], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
