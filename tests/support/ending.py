"""Runs a function in a process of its own: one that dies, has little room, or few rights."""

import ctypes
import os
import resource
import signal
from collections.abc import Callable
from typing import Any

from tests.support.forks import FORKS

# What changes the names or the lasting content of files.
STEPS = ("fsync", "link", "mkdir", "open", "rename", "replace", "unlink")
_CAPABILITIES_3 = 0x20080522  # of linux/capability.h


def killed_at(step: int, work: Callable[..., object], *args: object) -> bool:
    """Run the work with a SIGKILL before that step of it; False where it has no so many."""
    return _run(_kill, step, work, args) == -signal.SIGKILL


def with_room(size: int, work: Callable[..., object], *args: object) -> int:
    """Run the work where no file may become longer than that; its exit code."""
    return _run(_limit, size, work, args)


def _run(prepare: Callable[[int], None], number: int, work: Any, args: tuple[object, ...]) -> int:
    process = FORKS.Process(target=_child, args=(prepare, number, work, args))
    process.start()
    process.join(60)
    code = process.exitcode
    process.kill()
    process.join()
    process.close()
    assert code is not None, "it hangs"
    return code


def _child(
    prepare: Callable[[int], None], number: int, work: Any, args: tuple[object, ...]
) -> None:
    prepare(number)
    work(*args)


def _kill(step: int) -> None:
    left = iter(range(step))
    for name in STEPS:
        setattr(os, name, _counted(getattr(os, name), left))


def _counted(call: Callable[..., Any], left: Any) -> Callable[..., Any]:
    def counted(*args: Any, **more: Any) -> Any:
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*args, **more)

    return counted


def _limit(size: int) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def without_rights(work: Callable[..., object], *args: object) -> int:
    """Run the work with the rights of an ordinary user, whoever this is; its exit code."""
    return _run(_drop_rights, 0, work, args)


def _drop_rights(_: int) -> None:
    """Give up the capabilities by which root passes over the modes of files."""
    header, nothing = (ctypes.c_uint32 * 2)(_CAPABILITIES_3, 0), (ctypes.c_uint32 * 6)()
    assert ctypes.CDLL(None).capset(header, nothing) == 0
