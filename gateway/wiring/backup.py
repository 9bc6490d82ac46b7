"""Backs a SQLite ledger up together with the secret in use, and restores both."""

from pathlib import Path

from adapters.store.errors import BackupError
from adapters.store.inspection import Inspection
from adapters.store.secret import secret_for
from adapters.store.sqlite.backup import back_up as write_backup
from adapters.store.sqlite.restoring import Restored
from adapters.store.sqlite.restoring import restore as put_back
from adapters.store.urls import postgres_dsn, sqlite_path
from gateway.settings import Settings
from gateway.wiring.core import revealed
from gateway.wiring.database import database_url
from gateway.wiring.secret import agrees

__all__ = ["Restored", "back_up", "restore"]

_NOT_SQLITE = (
    "The ledger is in PostgreSQL: use pg_dump and pg_restore. Keep GATEWAY_SECRET with the dump: "
    "without it no key in the ledger is known."
)
_OTHER = "its secret is not the one that it was made with, so no key in it would be known."


def back_up(settings: Settings, file: Path) -> None:
    """Write the ledger and the secret in use to a new file. Raises StoreError."""
    given = revealed(settings.gateway_secret)

    def secret_of(held: Inspection) -> bytes:
        secret = secret_for(database_url(settings), given, make=False)
        if held.secret_check is not None and not agrees(held.secret_check, secret):
            raise BackupError(f"The ledger cannot be backed up: {_OTHER}")
        return secret

    write_backup(_path(settings), file, secret_of)


def restore(settings: Settings, file: Path, *, replace: bool) -> Restored:
    """Put a backup in the place of the ledger, which `replace` keeps beside. Raises StoreError."""
    given = revealed(settings.gateway_secret)

    def check(held: Inspection, secret: bytes) -> None:
        if held.secret_check is not None and not agrees(held.secret_check, secret):
            raise BackupError(f"{file} is no use: {_OTHER}")
        if given is not None and given.encode() != secret:
            raise BackupError(
                f"GATEWAY_SECRET is not the secret in {file}. Unset it, so that the one in the "
                f"backup is used; or set it to what `tar xOf {file} gateway.secret` prints."
            )

    return put_back(file, _path(settings), check, replace=replace, own=given is None)


def _path(settings: Settings) -> Path:
    """The file of the ledger. Raises BackupError where it is in no file, and BadUrl."""
    url = database_url(settings)
    path = sqlite_path(url)
    if path is None:
        postgres_dsn(url)
        raise BackupError(_NOT_SQLITE)
    return path
