"""Locks on files, seen by every process and released by the system when their holder dies.

Which processes live is told by them: each holds the lock of a file of its own.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self
from uuid import uuid4

from adapters.store.errors import Busy
from adapters.store.sql.statement import Tx

_PAUSE = 0.001  # seconds between attempts


class FileLock:
    """An exclusive flock on a file of its own, created where it is missing."""

    def __init__(self, path: Path) -> None:
        """Open the file without locking it."""
        self.path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def take(self) -> None:
        """Lock it as soon as it is free."""
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

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

    def length(self) -> int:
        """The length of the file, which all processes see at once."""
        return os.fstat(self._descriptor).st_size

    def lengthen(self) -> None:
        """Make the file one byte longer. It is a hole, so that this succeeds on a full disk."""
        os.ftruncate(self._descriptor, self.length() + 1)

    def close(self) -> None:
        """Close the file, which releases the lock."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class FileLiveness:
    """A folder with one locked file for each living process, named by its owner id.

    A process announces itself by making the file of `counter` longer. One that has found itself
    alone stays so until another does: to see that costs one system call, without any lock.
    """

    def __init__(self, folder: Path, counter: FileLock) -> None:
        """Make a file of our own, and delete those of the dead.

        To be called by one process at a time: a file not yet locked looks dead.
        """
        make_private(folder)
        self._folder = folder
        self._counter = counter
        self._alone_at = -1
        self._delete_dead()
        self.own_id = uuid4().hex
        self._lock = FileLock(folder / self.own_id)
        self._lock.take()

    async def is_dead(self, tx: Tx, owner: str) -> bool:
        """Whether no process holds the file of this name."""
        return self.has_ended(owner)

    def has_ended(self, owner: str) -> bool:
        """Whether no process holds the file of this name."""
        return _is_unlocked(self._folder / owner)

    def others(self) -> bool:
        """Whether another process lives."""
        return any_lives(self._folder, but=self.own_id)

    def announced(self) -> int:
        """How often processes have announced themselves."""
        return self._counter.length()

    def announce(self) -> None:
        """End the solitude of every process that is alone."""
        self._counter.lengthen()

    def stay_alone(self, since: int) -> None:
        """Be alone as long as `announced` is `since`."""
        self._alone_at = since

    def alone(self) -> bool:
        """Whether no process has announced itself since this one was found to be alone."""
        return self._counter.length() == self._alone_at

    def close(self) -> None:
        """Delete our own file: from here on this process counts as dead."""
        self._lock.path.unlink(missing_ok=True)
        self._lock.close()
        self._counter.close()

    def _delete_dead(self) -> None:
        for path in self._folder.iterdir():
            if _is_unlocked(path):
                path.unlink(missing_ok=True)


def any_lives(folder: Path, *, but: str = "") -> bool:
    """Whether a process holds the file of another name than `but` in the folder of a liveness."""
    found = (path for path in folder.iterdir() if path.name != but) if folder.is_dir() else ()
    return not all(map(_is_unlocked, found))


def make_private(folder: Path) -> None:
    """Make a folder and its missing parents for this user alone; those that exist are left."""
    for each in (*reversed(folder.parents), folder):
        if not each.exists():
            each.mkdir(mode=0o700, exist_ok=True)


def _is_unlocked(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        # Shared: of two processes that look at once neither takes the other for the holder.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
