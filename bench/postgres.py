"""The PostgreSQL of a bench."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.noise import count_as_ours
from tests.support.postgres import Postgres, running


@contextmanager
def durable_postgres() -> Iterator[Postgres]:
    """A server that writes as durably as any: nothing is turned off for speed."""
    with running(quick=False) as server:
        yield server
        count_as_ours(cpu_seconds(server))  # it is a daemon, and no child of this process


def cpu_seconds(server: Postgres) -> float:
    """Of the server so far: its first process, those it has now, and those that have ended."""
    folder = Path(server.sql("SHOW data_directory").strip())
    first = int((folder / "postmaster.pid").read_text().split("\n", 1)[0])
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, words = int(path.parent.name), path.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        user, system, ended_user, ended_system = map(int, words[11:15])
        if pid == first:
            ticks += user + system + ended_user + ended_system
        elif int(words[1]) == first:
            ticks += user + system
    return ticks / os.sysconf("SC_CLK_TCK")
