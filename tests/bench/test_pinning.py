import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from bench.pinning import apart
from bench.process import Server


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    """Two programs that do nothing until they are ended."""
    command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    started = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(2)]
    yield [Server(each.pid, 0) for each in started]
    for each in started:
        each.communicate()


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one CPU")
def test_the_tested_server_has_a_cpu_that_nobody_else_has(servers: list[Server]) -> None:
    tested, provider = servers
    every = os.sched_getaffinity(0)
    with apart([tested], provider):
        its = os.sched_getaffinity(tested.pid)
        others = [os.sched_getaffinity(0), os.sched_getaffinity(provider.pid)]

    assert len(its) == 1
    assert others == [every - its] * 2
    assert os.sched_getaffinity(0) == every


def test_on_one_cpu_all_share_it(servers: list[Server], monkeypatch: pytest.MonkeyPatch) -> None:
    every = os.sched_getaffinity(0)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    with apart(servers[:1], servers[1]):
        monkeypatch.undo()

        assert os.sched_getaffinity(servers[0].pid) == every
