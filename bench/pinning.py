"""Each side on CPUs of its own, so that the scheduler moves nobody about while it is measured."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.process import Server


@contextmanager
def apart(tested: Iterable[Server], *beside: Server) -> Iterator[None]:
    """The tested servers on one CPU, this process and the servers beside it on the others.

    Rounds lie half as far apart as without. Where there is one CPU, nothing is pinned. It is for
    servers that take one CPU at most; those with threads and databases are left to the scheduler.
    """
    every = os.sched_getaffinity(0)
    if len(every) < 2:
        yield
        return
    one = {max(every)}
    try:
        for server in tested:
            pin(server.pid, one)
        for pid in (os.getpid(), *(server.pid for server in beside)):
            pin(pid, every - one)
        yield
    finally:
        pin(os.getpid(), every)


def pin(pid: int, cpus: Iterable[int]) -> None:
    """All threads of a process; those that they start later go with them."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(ProcessLookupError):  # it has just ended
            os.sched_setaffinity(int(task.name), cpus)
