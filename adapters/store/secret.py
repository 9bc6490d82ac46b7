"""The secret that keys are hashed with: from the settings, or in a file beside SQLite."""

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from adapters.store.errors import StoreError
from adapters.store.urls import postgres_dsn, sqlite_path

SECRET_FILE = "gateway.secret"  # noqa: S105 - the name of a file
RESTORED_FILE = "gateway.secret.restored"


class NoSecret(StoreError):
    """No secret is set, and there is none in a file beside the database."""


def secret_for(url: str, given: str | None, *, make: bool) -> bytes:
    """The secret for the store at this URL.

    A given one is taken as it is. Without one a file beside SQLite holds it. Where that is missing,
    it is made, with mode 0600, if the database is new (`make`): several processes that start at
    once agree on one. Otherwise it was lost, and NoSecret is raised.
    """
    if given is not None:
        return given.encode()
    path = _secret_path(url)
    try:
        if make or path.exists():
            return _read_or_make(path)
    except OSError as error:
        raise NoSecret(f"The secret cannot be kept in {path}: {error.strerror}.") from error
    raise NoSecret(
        f"The file {path} is missing: without its secret no key in the database is known. "
        "Restore it from a backup, or set GATEWAY_SECRET to what stood in it. If it is lost "
        "for good, start with a new database."
    )


def check_secret(url: str, given: str | None) -> None:
    """Raises NoSecret where no secret is set and the database has no place for a file of one."""
    if given is None:
        _secret_path(url)


def _secret_path(url: str) -> Path:
    """The file of the secret; raises NoSecret for PostgreSQL, which has none."""
    path = sqlite_path(url)
    if path is None:
        postgres_dsn(url)  # raises BadUrl first
        raise NoSecret("Set GATEWAY_SECRET: all nodes on one PostgreSQL must have the same one.")
    return path.with_name(SECRET_FILE)


def finish_restore(url: str, agrees: Callable[[bytes], bool]) -> None:
    """Put the secret of a restored database beside it, where its restore was cut short before."""
    path = sqlite_path(url)
    if path is not None and restore_is_unfinished(path, agrees):
        with suppress(FileNotFoundError):  # another process was first
            path.with_name(RESTORED_FILE).replace(path.with_name(SECRET_FILE))


def restore_is_unfinished(path: Path, agrees: Callable[[bytes], bool]) -> bool:
    """Whether the secret of the restored database in this file is still to be put beside it."""
    try:
        return agrees(path.with_name(RESTORED_FILE).read_bytes())
    except FileNotFoundError:
        return False


def write_secret(path: Path, secret: bytes) -> None:
    """Write a new file that only this user may read, and make it outlast a power cut."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())


def _read_or_make(path: Path) -> bytes:
    """The secret in the file; a missing file is created atomically, with a new one."""
    if not path.exists():
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        write_secret(draft, secrets.token_hex(32).encode())
        with suppress(FileExistsError):
            os.link(draft, path)  # fails where another process was first: its secret is taken
        draft.unlink()
    return path.read_bytes()
