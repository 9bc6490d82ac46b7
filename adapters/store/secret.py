"""The secret under which keys are hashed: given, or made once and kept beside SQLite."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from adapters.store.errors import StoreError
from adapters.store.urls import postgres_dsn, sqlite_path

_FILE = "gateway.secret"
SECRET_FILE = f"the file {_FILE} beside the database"


class NoSecret(StoreError):
    """No secret is set, and there is no file beside the database to keep one in."""


def secret_for(url: str, given: str | None, *, make: bool) -> bytes:
    """The secret for the store at this URL.

    A given one is taken as it is. Beside SQLite one is kept in a file; where that is missing, one
    is made with mode 0600 if the database begins (`make`): several processes that start at once
    agree on one. Otherwise it was lost, and NoSecret is raised.
    """
    if given is not None:
        return given.encode()
    path = _beside(url)
    if not make and not path.exists():
        raise NoSecret(
            f"The file {path} is missing: without its secret no key in the database is known. "
            "Restore it from a backup, or set GATEWAY_SECRET to what stood in it. If it is lost "
            "for good, start with a new database."
        )
    return _kept(path)


def check_secret(url: str, given: str | None) -> None:
    """Raises NoSecret where `secret_for` would have none to give; it can be asked at any time."""
    if given is None:
        _beside(url)


def _beside(url: str) -> Path:
    """The file of the secret; raises NoSecret where there is no place for one."""
    path = sqlite_path(url)
    if path is None:
        postgres_dsn(url)  # a URL that is none is told first
        raise NoSecret("Set GATEWAY_SECRET: all nodes on one PostgreSQL must have the same one.")
    return path.with_name(_FILE)


def _kept(path: Path) -> bytes:
    """The secret in the file; where there is none, a new one that is whole from the first."""
    if not path.exists():
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_hex(32).encode())
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)  # fails where another process was first: its secret counts
        draft.unlink()
    return path.read_bytes()
