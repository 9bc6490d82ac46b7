import subprocess
import sys

import pytest

from bench.measure import Ratio, Sample, distance, ratio
from bench.noise import CpuTimes, Noise, between, count_as_ours, cpu_times, watch, with_rounds

STAT = "cpu  1000 50 250 700 30 4 16 150 7 0\ncpu0 1 2 3 4 5 6 7 8 9 0\n"
#            user nice system idle iowait irq softirq steal guest


def test_the_first_line_of_proc_stat_is_read_as_seconds() -> None:
    assert cpu_times(STAT, ticks=100) == CpuTimes(all=22.0, processes=13.0, stolen=1.5)


def test_what_is_not_ours_is_the_others() -> None:
    before, after = CpuTimes(100, 50, 1), CpuTimes(120, 62, 2)

    assert between(before, after, ours=9) == Noise(rounds=None, others=0.15, stolen=0.05)


def test_ours_is_never_more_than_there_was() -> None:
    assert between(CpuTimes(0, 0, 0), CpuTimes(10, 4, 0), ours=4.2).others == 0.0


def test_a_program_that_ran_for_the_bench_is_no_noise() -> None:
    """Of a second of work of its own, and of one by somebody else, this knows only the second."""
    work = "import time; e = time.process_time() + 1\nwhile time.process_time() < e: pass"
    ended = watch()
    subprocess.run([sys.executable, "-c", work], check=True)
    with_child = ended()
    count_as_ours(3600)

    assert with_child.others <= 1
    assert ended().others == 0.0


def test_rounds_of_which_one_is_bad_are_not_noisy() -> None:
    assert distance([100, 101, 99, 100, 240]) == pytest.approx(0.01)
    assert distance([100, 130, 70, 100, 160]) == pytest.approx(0.3)


def test_a_ratio_carries_the_noise_of_its_baseline_only() -> None:
    ours = [Sample(1, 1, cpu) for cpu in (9.0, 1.0, 5.0)]
    theirs = [Sample(1, 1, cpu) for cpu in (2.0, 2.2, 2.0)]
    found = ratio({"ours": ours, "theirs": theirs}, "ours", "theirs", lambda one: one.cpu_seconds)

    assert found.noise == 0.0
    assert found.low == pytest.approx(1 / 2.2)
    assert found.high == 4.5


def test_of_one_round_the_noise_is_unknown() -> None:
    samples = {"ours": [Sample(1, 1, 1)], "theirs": [Sample(1, 1, 1)]}

    assert ratio(samples, "ours", "theirs", lambda one: one.seconds).noise is None


def test_the_noise_of_a_bench_is_that_of_its_worst_baseline() -> None:
    found = Noise(rounds=None, others=0.2, stolen=0.0)
    values = [Ratio(1, 1, 1, 0.02), Ratio(1, 1, 1), Ratio(1, 1, 1, 0.07)]

    assert with_rounds(found, values).rounds == 0.07
    assert with_rounds(found, values[1:2]).rounds is None


@pytest.mark.parametrize(
    ("noise", "loud", "told"),
    [
        (Noise(rounds=0.012, others=0.03, stolen=0.0), False, "rounds ±1.2 %, other processes 3 %"),
        (Noise(rounds=0.06, others=0.0, stolen=0.0), True, "rounds ±6.0 %, other processes 0 %"),
        (Noise(rounds=None, others=0.12, stolen=0.0), True, "other processes 12 %"),
        (
            Noise(rounds=None, others=0.0, stolen=0.03),
            True,
            "other processes 0 %, stolen 3 %",
        ),
    ],
)
def test_noise_is_told_in_words(noise: Noise, loud: bool, told: str) -> None:
    assert (noise.loud, str(noise)) == (loud, told)
