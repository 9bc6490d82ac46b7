import pytest

from bench.comparison import Change, Verdict, compare, differences
from bench.report import Row, Target
from bench.run import Line
from tests.bench.runs import row, run_of

LOWER, HIGHER = Target("≤", 1.5), Target("≥", 0.9)


def change(then: Row, now: Row) -> Change:
    return Change(Line.of("read", then), Line.of("read", now))


@pytest.mark.parametrize(
    ("then", "now", "verdict"),
    [
        pytest.param((1.8, 0.1), (1.3, 0.1), Verdict.CHANGED, id="far apart"),
        pytest.param((1.8, 0.6), (1.3, 0.1), Verdict.SAME, id="within the stored spread"),
        pytest.param((1.8, 0.1), (1.3, 0.6), Verdict.SAME, id="within today's spread"),
        pytest.param((1.0, 0.005), (1.015, 0.005), Verdict.SAME, id="apart, but by nothing"),
        pytest.param((50.0, 0.0), (54.0, 0.0), Verdict.SAME, id="once each, near"),
        pytest.param((50.0, 0.0), (60.0, 0.0), Verdict.CHANGED, id="once each, far"),
        pytest.param((0.0, 0.0), (0.0, 0.0), Verdict.SAME, id="nothing both times"),
        pytest.param((0.0, 0.0), (1.0, 0.0), Verdict.CHANGED, id="one where none was"),
    ],
)
def test_a_change_counts_beyond_the_noise_of_both(
    then: tuple[float, float], now: tuple[float, float], verdict: Verdict
) -> None:
    assert change(row("a", *then), row("a", *now)).verdict is verdict


@pytest.mark.parametrize(
    ("target", "now", "verdict"),
    [
        (LOWER, 0.5, Verdict.BETTER),
        (LOWER, 2.0, Verdict.WORSE),
        (HIGHER, 2.0, Verdict.BETTER),
        (HIGHER, 0.5, Verdict.WORSE),
    ],
)
def test_the_target_says_which_way_is_better(target: Target, now: float, verdict: Verdict) -> None:
    assert change(row("a", 1.0, 0.1), row("a", now, 0.1, target)).verdict is verdict


def test_rows_that_one_run_has_alone_are_told_apart() -> None:
    stored = run_of({"read": [row("gone", 1.0), row("both", 1.0)], "rent": [row("not run", 1.0)]})
    today = run_of({"read": [row("both", 1.0), row("new", 1.0)]})
    found = compare(stored, today)

    assert [line.what for line in found.only_stored] == ["gone"]
    assert [line.what for line in found.only_today] == ["new"]
    assert [each.today.what for each in found.changes.values()] == ["both"]


def test_a_value_in_another_unit_is_another_row() -> None:
    seconds = Row("a", "CPU per request", row("a", 1.0).value, unit=" s")
    found = compare(run_of({"read": [seconds]}), run_of({"read": [row("a", 1000.0)]}))

    assert (len(found.only_stored), len(found.only_today), found.changes) == (1, 1, {})


def test_other_rounds_and_another_machine_are_named() -> None:
    today = run_of({})
    elsewhere = today.machine.model_copy(update={"cores": 64})
    stored = run_of({}, rounds=3).model_copy(update={"machine": elsewhere})

    assert list(differences(today, today)) == []
    assert [
        word in told
        for word, told in zip(("64 cores", "3 rounds"), differences(stored, today), strict=True)
    ] == [True, True]
