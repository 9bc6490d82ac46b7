from bench.comparison import compare
from bench.noise import Noise
from bench.report import Row, Target
from bench.run import Took
from bench.table import text
from tests.bench.runs import QUIET, row, run_of

STORED = run_of({"read": [row("a", 1.84, 0.05, Target("≤", 1.25)), row("gone", 1.0)]})
TODAY = run_of({"read": [row("a", 1.21, 0.05, Target("≤", 1.25)), row("new", 3.0)]})


def cells(told: str, what: str) -> list[str]:
    """The cells of the table's line about this."""
    (line,) = [line for line in told.splitlines() if line.startswith(f"| read  | {what} ")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_row_shows_today_the_spread_and_whether_the_target_is_met() -> None:
    met = ["read", "a", "CPU per request", "1.21x", "1.16-1.26", "≤ 1.25x", "yes", "12 / 10 µs"]

    assert cells(text(TODAY, None), "a") == met
    assert cells(text(STORED, None), "a")[5:7] == ["≤ 1.25x", "NO"]
    assert cells(text(TODAY, None), "new")[5:7] == ["", ""]


def test_beside_a_stored_run_a_row_shows_both_and_the_change() -> None:
    told = text(TODAY, compare(STORED, TODAY))

    assert cells(told, "a")[7:9] == ["1.84x", "-34 % better"]
    assert cells(told, "new")[7:9] == ["", "only today"]
    assert cells(told, "gone")[3:9] == ["", "", "", "", "1.00x", "only stored"]
    assert "- read, a, CPU per request: 1.84x -> 1.21x (-34 % better)" in told
    assert "1 rows are in the stored run only." in told


def test_a_run_that_changed_nothing_says_so() -> None:
    told = text(TODAY, compare(TODAY, TODAY))

    assert "2 of 2 rows in both did not change beyond the noise." in told
    assert "->" not in told
    assert "only" not in told


def test_the_noise_of_every_bench_is_told_and_the_noisy_are_named() -> None:
    loud = Noise(rounds=0.06, others=0.12, stolen=0.0)
    run = run_of({"read": [], "rent": []}).with_bench(
        "prices", Took(seconds=20, failed=False, noise=loud), []
    )
    told = text(run, None)

    assert "- read: 62 s; rounds ±1.0 %, other processes 0 %" in told
    assert "- prices: 20 s; rounds ±6.0 %, other processes 12 %" in told
    assert "- all: 2 min 23 s" in told
    assert "Noisy: prices. Measure" in told
    assert "Noisy" not in text(run_of({"read": []}), None)


def test_a_bench_that_failed_is_told() -> None:
    took = Took(seconds=5, failed=True, noise=QUIET)

    assert "- rent: FAILED after 5 s" in text(run_of({}).with_bench("rent", took, []), None)


def test_a_value_of_nothing_has_a_difference_and_no_part() -> None:
    broken = [Row("a", "limits broken", row("a", count).value, unit="") for count in (0.0, 3.0)]
    then, now = (run_of({"read": [each]}) for each in broken)

    assert cells(text(now, compare(then, now)), "a")[8] == "+3 changed"
