"""Both floors answer nothing, and the rows say which of two is which."""

from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from bench.floors import APP, NO_APP, against, floors
from bench.load import get
from bench.measure import Sample
from bench.report import Target


def test_both_floors_answer_nothing_and_only_one_has_routes() -> None:
    with floors(get("/v1/prices?limit=1000")) as found:
        for name in (APP, NO_APP):
            with urlopen(f"{found[name].server.url}/v1/prices?limit=1000", timeout=10) as answer:
                assert answer.read() == b""
        with urlopen(f"{found[NO_APP].server.url}/other", timeout=10) as answer:
            assert answer.status == 200
        with pytest.raises(HTTPError, match="404") as refused:
            urlopen(f"{found[APP].server.url}/other", timeout=10)
        refused.value.close()


def test_rows_show_the_rate_with_its_target_and_the_cpu_of_a_request() -> None:
    samples = {"a": [Sample(100, 2.0, 0.02)] * 7, "b": [Sample(100, 1.0, 0.01)] * 7}
    rate, cpu = against(samples, "what", "a", "b", Target("≥", 0.9))

    assert (rate.value.median, rate.target, rate.absolute) == (
        0.5,
        Target("≥", 0.9),
        "50 / 100 a second",
    )
    assert (cpu.value.median, cpu.target, cpu.absolute) == (2.0, None, "200 / 100 µs")
    assert {rate.what, cpu.what} == {"what: a / b"}
