"""The limit of open files, and how much the server may hold open within it."""

import resource
from contextlib import suppress
from dataclasses import dataclass

_UNLIMITED = 1 << 20
_MOST_CONNECTIONS = 50_000
_MOST_LONG_REQUESTS = 20_000
_LONGEST_BACKLOG = 4096
_OWN = 256  # files besides the callers' connections: databases, the provider, the log


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many connections may be open, and how many of them be held for long.

    `backlog`: connections that may arrive at once. The event loop accepts up to so many before any
    of them is looked at.
    """

    connections: int
    long_requests: int
    backlog: int


def raise_file_limit() -> None:
    """Raise the limit of open files as far as the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # for instance unlimited, where the kernel has a limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def capacity(files: int | None = None) -> Capacity:
    """What a process may hold open that may have so many files open, by default this one.

    Connections get less than that by four backlogs: three bursts may be accepted before the first
    is looked at, and as many connections may be in the midst of being refused. What is held for
    long gets four fifths of the connections, which is at most 60 % of the files.
    """
    if files is None:
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        files = _UNLIMITED
    backlog = min(max(files // 16, 1), _LONGEST_BACKLOG)
    own = min(files // 4, _OWN)
    connections = max(1, min(files - own - 4 * backlog, _MOST_CONNECTIONS))
    return Capacity(connections, min(connections * 4 // 5, _MOST_LONG_REQUESTS), backlog)
