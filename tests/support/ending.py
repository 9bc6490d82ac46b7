"""Runs a function in a process of its own that ends at one of its steps, or has little room."""

import multiprocessing
import os
import resource
import signal
from collections.abc import Callable
from typing import Any

# What changes the names or the lasting content of files.
STEPS = ("fsync", "link", "mkdir", "open", "rename", "replace", "unlink")
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.support.program", "gateway.wiring.backup", "pytest"])


def killed_at(step: int, work: Callable[..., object], *args: object) -> bool:
    """Run the work with a SIGKILL before that step of it; False where it has no so many."""
    return _run(_kill, step, work, args) == -signal.SIGKILL


def with_room(size: int, work: Callable[..., object], *args: object) -> int:
    """Run the work where no file may become longer than that; its exit code."""
    return _run(_limit, size, work, args)


def _run(prepare: Callable[[int], None], number: int, work: Any, args: tuple[object, ...]) -> int:
    process = _FORKS.Process(target=_child, args=(prepare, number, work, args))
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
