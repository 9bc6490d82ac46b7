"""Liveness by locked files beside the database, which the system unlocks when their holder dies."""

from pathlib import Path
from uuid import uuid4

from adapters.store.sql.statement import Tx
from adapters.store.sqlite.file_lock import FileLock


class FileLiveness:
    """A folder with one locked file for each living process, named by its owner id."""

    def __init__(self, folder: Path) -> None:
        """Make a file of our own, and delete those of the dead.

        To be called by one process at a time: a file not yet locked looks dead.
        """
        folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder
        self._delete_dead()
        self.own_id = uuid4().hex
        self._lock = FileLock(folder / self.own_id)
        self._lock.try_take()

    async def is_dead(self, tx: Tx, owner: str) -> bool:
        """Whether no process holds the file of this name."""
        return _is_unlocked(self._folder / owner)

    def close(self) -> None:
        """Delete our own file: from here on this process counts as dead."""
        self._lock.path.unlink(missing_ok=True)
        self._lock.close()

    def _delete_dead(self) -> None:
        for path in self._folder.iterdir():
            if _is_unlocked(path):
                path.unlink(missing_ok=True)


def _is_unlocked(path: Path) -> bool:
    if not path.exists():
        return True
    with FileLock(path) as lock:
        return lock.try_take()
