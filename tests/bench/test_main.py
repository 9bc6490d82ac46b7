"""The command, with a bench that measures nothing."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from bench import __main__ as program
from bench.report import Row
from bench.run import read
from tests.bench.runs import row


@pytest.fixture(autouse=True)
def benches(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Row] | None]:
    """What each bench finds, by name; None is one that fails."""
    found: dict[str, list[Row] | None] = {"first": [row("a", 1.0)], "second": [row("b", 2.0)]}
    for name in list(found):
        module = ModuleType(f"bench.{name}")

        def run(rounds: int, *, name: str = name) -> list[Row]:
            rows = found[name]
            if rows is None:
                raise RuntimeError("a server ended at once")
            return rows

        setattr(module, "run", run)  # noqa: B010 - a module that mypy does not know
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(program, "BENCHES", dict.fromkeys(found, "nothing"))
    return found


def bench(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["bench", *words])
    return program.main()


def test_a_run_is_kept_and_the_next_compared_with_it(
    monkeypatch: pytest.MonkeyPatch,
    benches: dict[str, list[Row] | None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before, after = str(tmp_path / "before.json"), str(tmp_path / "after.json")
    assert bench(monkeypatch, "first", "--rounds", "3", "--json", before) == 0
    benches["first"] = [row("a", 1.5)]

    assert bench(monkeypatch, "first", "--json", after, "--against", before) == 0
    told = capsys.readouterr().out
    assert "1.00x -> 1.50x (+50 % changed)" in told
    assert "the stored run had 3 rounds, today's 7" in told
    assert read(tmp_path / "before.json").rounds == 3


def test_a_bench_that_fails_keeps_the_others(
    monkeypatch: pytest.MonkeyPatch, benches: dict[str, list[Row] | None], tmp_path: Path
) -> None:
    benches["first"] = None

    assert bench(monkeypatch, "--json", str(tmp_path / "run.json")) == 1
    run = read(tmp_path / "run.json")
    assert {name: took.failed for name, took in run.benches.items()} == {
        "first": True,
        "second": False,
    }
    assert [line.what for line in run.rows] == ["b"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["third"], "no such bench: third; --list says"),
        (["--rounds", "0"], "--rounds: give 1 or more"),
        (["--json", "missing/run.json"], "no folder missing; make it first"),
        (["--json", "."], "--json: . is a folder"),
        (["--json", "x.json", "--against", "missing.json"], "name a file of --json"),
        (["--json", "x.json", "--against", "./x.json"], "would replace the run"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    why: str,
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SystemExit) as ended:
        bench(monkeypatch, *words)
    assert ended.value.code == 2
    assert why in " ".join(capsys.readouterr().err.split())
    assert list(tmp_path.iterdir()) == []
