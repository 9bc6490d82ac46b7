"""Writes the backup of a SQLite ledger: one file, a tar of the database and its secret, gzipped.

Whoever has lost this program takes it apart with `tar`; gzip's checksums tell a file that was cut
or damaged; and nothing takes it for a database by mistake.
"""

import gzip
import os
import secrets
import sqlite3
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from io import BytesIO
from pathlib import Path
from time import time

from adapters.store import migrating
from adapters.store.errors import BackupError
from adapters.store.inspection import Inspection
from adapters.store.sqlite.database import LOCK_SECONDS
from adapters.store.sqlite.file_lock import FileLock
from adapters.store.sqlite.inspecting import existing, inspect

DATABASE, SECRET = "gateway.db", "gateway.secret"
_FAST = 1  # gzip's level: a ledger has much that repeats


def back_up(path: Path, file: Path, secret_of: Callable[[Inspection], bytes]) -> None:
    """Write the ledger in the file `path` and its secret to a new file, while it is in use too.

    What was committed before this began is in it. Raises StoreError, after which there is no file.
    """
    if os.path.lexists(file):
        raise BackupError(f"{file} exists, and is not overwritten.")
    if not path.is_file():
        raise BackupError(f"There is no ledger to back up: {path} does not exist.")
    try:
        with _draft(file) as archive, _draft(file) as database:
            began = time()
            secret = secret_of(_copy(path, database))
            _pack(archive, database, secret, began)
            _publish(archive, file)
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise BackupError(f"The backup {file} cannot be made: {reason}.") from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder outlast a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_file(path: Path) -> None:
    """Make an empty file that only this user may read. Raises FileExistsError."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


@contextmanager
def _draft(file: Path) -> Iterator[Path]:
    """A new file beside that one; gone at the end unless it got its name."""
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    make_file(draft)
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _copy(path: Path, target: Path) -> Inspection:
    """Copy the database at one moment of its life; what it holds."""
    with (
        closing(existing(path, seconds=LOCK_SECONDS)) as source,
        closing(sqlite3.connect(target, isolation_level=None)) as copy,
    ):
        # Nobody begins to write while this waits to read, so that its turn comes.
        with FileLock(path.with_name(path.name + ".lock")) as lock, lock.held(LOCK_SECONDS):
            source.execute("BEGIN")
            held = inspect(source, path)
        if held.revision is None:
            raise BackupError(f"There is no ledger to back up: {path} is empty.")
        migrating.needed(held.revision)
        copy.execute("PRAGMA journal_mode = OFF")
        copy.execute("PRAGMA synchronous = OFF")
        source.backup(copy)
        return held


def _pack(archive: Path, database: Path, secret: bytes, began: float) -> None:
    with archive.open("wb") as out:
        with (
            gzip.GzipFile("", "wb", _FAST, out) as zipped,
            tarfile.open(fileobj=zipped, mode="w") as tar,
            database.open("rb") as content,
        ):
            tar.addfile(_member(DATABASE, database.stat().st_size, began), content)
            tar.addfile(_member(SECRET, len(secret), began), BytesIO(secret))
        out.flush()
        os.fsync(out.fileno())


def _member(name: str, size: int, at: float) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o600, int(at)
    return member


def _publish(draft: Path, file: Path) -> None:
    """Give the draft its name, unless another file has it by now."""
    try:
        os.link(draft, file)
    except FileExistsError:
        raise BackupError(f"{file} exists, and is not overwritten.") from None
    except OSError:  # a file system without links
        if os.path.lexists(file):
            raise BackupError(f"{file} exists, and is not overwritten.") from None
        draft.rename(file)
    with suppress(OSError):  # not every file system can
        sync_folder(file.parent)
