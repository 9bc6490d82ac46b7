"""Owners as locked files beside the database: the system lets a lock go when its holder dies."""

from pathlib import Path
from uuid import uuid4

from adapters.store.sql.statement import Tx
from adapters.store.sqlite.file_lock import FileLock


class FileOwners:
    """A folder with one locked file for each living process."""

    def __init__(self, folder: Path) -> None:
        """Sign in. Call it while no other process does: a file not yet locked looks dead."""
        folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder
        self._bury()
        self.own_id = uuid4().hex
        self._lock = FileLock(folder / self.own_id)
        self._lock.try_take()

    async def is_dead(self, tx: Tx, owner: str) -> bool:
        """Whether nobody holds the file of this name."""
        return _dead(self._folder / owner)

    def close(self) -> None:
        """Sign out."""
        self._lock.path.unlink(missing_ok=True)
        self._lock.close()

    def _bury(self) -> None:
        for path in self._folder.iterdir():
            if _dead(path):
                path.unlink(missing_ok=True)


def _dead(path: Path) -> bool:
    if not path.exists():
        return True
    with FileLock(path) as lock:
        return lock.try_take()
