"""Locks on files: seen by every process, and released by the system when their holder dies."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from adapters.store.errors import Busy

_PAUSE = 0.001  # seconds between attempts


class FileLock:
    """An exclusive flock on a file of its own, created where it is missing."""

    def __init__(self, path: Path) -> None:
        """Open the file without locking it."""
        self.path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def try_take(self) -> bool:
        """Lock it if it is free; whether it was."""
        with suppress(BlockingIOError):
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return False

    def release(self) -> None:
        """Unlock it."""
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    @contextmanager
    def held(self, timeout: float) -> Iterator[None]:
        """Hold it during the block; raises Busy where it is not free within so many seconds."""
        deadline = time.monotonic() + timeout
        while not self.try_take():
            if time.monotonic() > deadline:
                raise Busy(f"Another process has held {self.path} for {timeout:g} s.")
            time.sleep(_PAUSE)
        try:
            yield
        finally:
            self.release()

    def close(self) -> None:
        """Close the file, which releases the lock."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
