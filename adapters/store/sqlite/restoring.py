"""Puts a backup in the place of a SQLite ledger: all of it at once, or not at all."""

import gzip
import os
import shutil
import sqlite3
import tarfile
import zlib
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import IO

from adapters.store import migrating
from adapters.store.errors import BackupError
from adapters.store.inspection import Inspection
from adapters.store.secret import RESTORED_FILE, SECRET_FILE, write_secret
from adapters.store.sqlite.backup import DATABASE, SECRET, make_file, sync_folder
from adapters.store.sqlite.database import LOCK_SECONDS
from adapters.store.sqlite.file_lock import FileLock, any_lives, make_private
from adapters.store.sqlite.inspecting import existing, inspect

Check = Callable[[Inspection, bytes], None]
_LONGEST_SECRET = 65_536
_PIECE = 1 << 20
_UNREADABLE = (
    *(tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile),
    *(ValueError, OverflowError),  # of numbers in its headers
)
_JOURNALS = ("-journal", "-wal")  # without which a file that was not closed is not whole
_COUNTS = (
    "SELECT count(*), count(*) FILTER (WHERE state NOT IN ('bought', 'refused', 'released')),"
    " (SELECT count(*) FROM keys WHERE revoked_at IS NULL) FROM spends"
)


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back, and where the ledger of before is kept, if there was one.

    `unknown` counts the purchases whose outcome is not known, or was not when it was backed up.
    """

    at: datetime
    purchases: int
    unknown: int
    keys: int
    kept: Path | None


def restore(file: Path, path: Path, check: Check, *, replace: bool, own: bool) -> Restored:
    """Put the ledger of a backup to the file `path`, and its secret beside it if `own`.

    `check` raises StoreError for a secret that is not the database's, or not the one in use.
    `replace`: what is there is kept in a folder beside it. Raises StoreError: nothing has changed
    then. A process that dies here leaves the ledger of before, or the new one: its secret is taken
    into use at the next start where that was still to be done.
    """
    try:
        make_private(path.parent)
        with FileLock(path.with_name(path.name + ".lock")) as lock, lock.held(LOCK_SECONDS):
            if any_lives(path.with_name(path.name + ".owners")):
                raise BackupError(f"{path} is in use: stop the gateways that run on it first.")
            return _restore(file, path, check, replace=replace, own=own)
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise BackupError(f"{file} cannot be restored: {reason}.") from error


def _restore(file: Path, path: Path, check: Check, *, replace: bool, own: bool) -> Restored:
    secret_path = path.with_name(SECRET_FILE)
    if path.is_symlink():  # what belongs to the file it leads to stands beside that one
        raise BackupError(
            f"{path} is a link to {path.resolve()}. Set GATEWAY_DATABASE_URL to that."
        )
    if path.exists() and not replace:
        raise BackupError(f"{path} exists. --replace puts the backup there, and keeps the old one.")
    draft = path.with_name(path.name + ".restoring")
    draft.unlink(missing_ok=True)
    try:
        secret, at = _unpack(file, draft)
        counts = _verified(draft, file, secret, check)
        other = secret_path.exists() and secret_path.read_bytes() != secret
        if own and other and not replace:
            raise BackupError(
                f"{secret_path} holds another secret, perhaps of another ledger in this folder. "
                "--replace puts that of the backup there, and keeps the old one."
            )
        stands = path.exists() or _filled_journals(path) or (own and other)
        kept = _keep(path, secret_path) if stands else None
        _put(draft, path, secret if own else None)
    finally:
        draft.unlink(missing_ok=True)
    return Restored(at, *counts, kept)


def _unpack(file: Path, draft: Path) -> tuple[bytes, datetime]:
    """Write the database of a backup to a new file; the secret, and when the backup was made."""
    make_file(draft)
    try:
        with gzip.open(file) as zipped, tarfile.open(fileobj=zipped, mode="r:") as tar:
            database, content = _next(tar, DATABASE)
            with draft.open("wb") as out:
                shutil.copyfileobj(content, out, _PIECE)
                out.flush()
                os.fsync(out.fileno())
            at = datetime.fromtimestamp(database.mtime, UTC)
            secret = _next(tar, SECRET)[1].read(_LONGEST_SECRET)
            while zipped.read(_PIECE):  # to the end, where the checksum is
                pass
    except _UNREADABLE as error:
        raise BackupError(f"{file} is not a whole backup of a ledger: {error}.") from None
    return secret, at


def _next(tar: tarfile.TarFile, name: str) -> tuple[tarfile.TarInfo, IO[bytes]]:
    """The next file in the archive, which has this name."""
    member = tar.next()
    found = member is not None and member.isreg() and member.name == name
    content = tar.extractfile(member) if member is not None and found else None
    if member is None or content is None:
        raise tarfile.ReadError(f"there is no {name} in its place")
    return member, content


def _verified(draft: Path, file: Path, secret: bytes, check: Check) -> tuple[int, int, int]:
    """The counts of what the database holds, if it is whole and of this program."""
    with closing(existing(draft, seconds=0)) as connection:
        held = inspect(connection, file)
        if held.revision is None:
            raise BackupError(f"{file} holds no ledger.")
        migrating.needed(held.revision)
        (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            raise BackupError(f"The ledger in {file} is damaged: {found}.")
        check(held, secret)
        purchases, unknown, keys = connection.execute(_COUNTS).fetchone()
        return purchases, unknown, keys


def _keep(path: Path, secret: Path) -> Path:
    """Give what is there further names, in a folder of its own: a ledger that can be opened."""
    if path.exists():
        with suppress(sqlite3.Error), closing(existing(path, seconds=0)) as connection:
            connection.execute("BEGIN IMMEDIATE")  # undoes what a killed process began
            connection.execute("ROLLBACK")
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    folder = Path(mkdtemp(prefix=f"{path.name}.replaced-{stamp}-", dir=path.parent))
    for each in (path, *_filled_journals(path), secret):
        if each.exists():
            os.link(each, folder / each.name)
    sync_folder(folder)
    return folder


def _put(draft: Path, path: Path, secret: bytes | None) -> None:
    """Make the draft the ledger, and then its secret the one beside it."""
    restored = path.with_name(RESTORED_FILE)
    restored.unlink(missing_ok=True)
    if secret is not None:
        write_secret(restored, secret)
    for each in _journals(path):  # what is left of them here belongs to another file
        each.unlink(missing_ok=True)
    sync_folder(path.parent)
    draft.replace(path)  # the moment from which on it is restored
    sync_folder(path.parent)
    if secret is not None:
        restored.replace(path.with_name(SECRET_FILE))
        sync_folder(path.parent)


def _journals(path: Path) -> list[Path]:
    return [path.with_name(path.name + end) for end in _JOURNALS]


def _filled_journals(path: Path) -> list[Path]:
    return [each for each in _journals(path) if each.exists() and each.stat().st_size]
