"""Runs work in a process that may mount, without being root."""

import ctypes
import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_NEW_MOUNTS, _NEW_USER = 0x00020000, 0x10000000  # of linux/sched.h
_FORKS = multiprocessing.get_context("fork")


def apart(work: Callable[[], T]) -> T:
    """The work's result, from a process with mounts of its own in which this user is root.

    Where the system does not allow that, the process is an ordinary one.
    """
    here, there = _FORKS.Pipe(duplex=False)
    process = _FORKS.Process(target=_run, args=(there, work), daemon=True)
    process.start()
    there.close()
    try:
        result: T = here.recv()
    except EOFError:
        raise RuntimeError("it ended without a result") from None
    except SystemExit:  # SIGTERM came to this process only, and Ctrl-C comes to both
        process.terminate()
        raise
    finally:
        process.join()
    return result


def _run(told: Connection, work: Callable[[], object]) -> None:
    user, group = os.getuid(), os.getgid()
    if ctypes.CDLL(None).unshare(_NEW_MOUNTS | _NEW_USER) == 0:
        me = Path("/proc/self")
        (me / "setgroups").write_text("deny")
        (me / "uid_map").write_text(f"0 {user} 1")
        (me / "gid_map").write_text(f"0 {group} 1")
    told.send(work())
