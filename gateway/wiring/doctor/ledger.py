"""Checks the ledger, the secret that goes with it, and the folder that both are in."""

import asyncio
import os
import stat
from functools import partial
from pathlib import Path

from adapters.store import Inspection, StoreError, inspect_store
from adapters.store.errors import Unreachable
from adapters.store.migrating import HEAD, needed
from adapters.store.secret import SECRET_FILE, restore_is_unfinished, secret_for
from adapters.store.urls import sqlite_path
from gateway.settings import Settings
from gateway.settings.masking import masked_url
from gateway.wiring.core import revealed
from gateway.wiring.database import database_url
from gateway.wiring.doctor.findings import Finding, State
from gateway.wiring.secret import SHORTEST, agrees

_LITTLE = 50_000_000  # bytes of free space


async def check_ledger(settings: Settings) -> list[Finding]:
    """The database, and whether the secret is its own. Neither is made, migrated or written to."""
    try:
        url = database_url(settings)
        held = await inspect_store(url)
        if held is not None and held.revision is not None:
            needed(held.revision)
    except StoreError as error:
        advice = "Check GATEWAY_DATABASE_URL." if isinstance(error, Unreachable) else None
        return [
            Finding("database", State.FAILED, f"{str(error).removesuffix('.')}.", advice),
            Finding("secret", State.SKIPPED, "It needs database."),
        ]
    return [_database(url, held), _secret(settings, held or Inspection())]


def _database(url: str, held: Inspection | None) -> Finding:
    where = masked_url(url)
    if held is not None and held.refuses is not None:
        return Finding("database", State.FAILED, f"{where} cannot be written: {held.refuses}.")
    if held is not None and held.unfinished:
        found = f"A process ended while it wrote to {where}."
        return Finding("database", State.WARNING, found, "The next start undoes that write.")
    if held is None or held.revision is None:
        return Finding("database", State.OK, f"{where} is new: the first start fills it.")
    if not held.migrated:
        return Finding(
            "database",
            State.WARNING,
            f"{where} has the schema {held.revision}, and this version {HEAD}.",
            "The next start migrates it; back it up before.",
        )
    return Finding("database", State.OK, f"{where} can be written, and has schema {HEAD}.")


def _secret(settings: Settings, held: Inspection) -> Finding:
    given, url = revealed(settings.gateway_secret), database_url(settings)
    path = sqlite_path(url)
    file = path.with_name(SECRET_FILE) if path is not None and given is None else None
    if file is not None and (found := _still_to_be_put(file, held)):
        return found
    try:
        secret = secret_for(url, given, make=False)
    except (StoreError, OSError) as error:
        return Finding("secret", State.FAILED, str(error))
    source = "GATEWAY_SECRET" if file is None else str(file)
    if held.secret_check is not None and not agrees(held.secret_check, secret):
        return Finding(
            "secret",
            State.FAILED,
            f"{source} is not the secret that the database was made with.",
            "Restore it as it was: with another no key in the database is known.",
        )
    if len(secret) < SHORTEST:
        return Finding("secret", State.WARNING, f"{source} is short: {len(secret)} characters.")
    if file is not None and _open_to_others(file):
        return Finding("secret", State.WARNING, f"Others can read {file}.", f"chmod 600 {file}")
    known = "is that of the database" if held.secret_check else "is set"
    return Finding("secret", State.OK, f"{source} {known}.")


def _still_to_be_put(file: Path, held: Inspection) -> Finding | None:
    """What is found where the next start makes or moves the file of the secret."""
    check = held.secret_check
    if check is not None and restore_is_unfinished(file, partial(agrees, check)):
        found = "A restore ended before it had put the secret in its place."
        return Finding("secret", State.WARNING, found, "The next start does that.")
    if file.exists() or held.holds or check is not None:
        return None
    return Finding("secret", State.OK, f"The first start makes it, in {file}.")


async def check_data(settings: Settings) -> list[Finding]:
    """The folder of the ledger and its secret, where they are files."""
    path = sqlite_path(database_url(settings))
    if path is None:
        return [Finding("data", State.SKIPPED, "The ledger is in no file here.")]
    return [await asyncio.to_thread(_folder, path.parent, path)]


def _folder(folder: Path, path: Path) -> Finding:
    there = next(each for each in (folder, *folder.parents) if os.path.lexists(each))
    advice = "Let this user write there, or set GATEWAY_DATA_DIR."
    if not there.is_dir():
        return Finding("data", State.FAILED, f"{there} is no folder.", advice)
    if not os.access(there, os.W_OK | os.X_OK):
        why = "is on a read-only file system" if _read_only(there) else "cannot be written"
        return Finding("data", State.FAILED, f"{there} {why}.", advice)
    if there is not folder:
        return Finding("data", State.OK, f"{folder} is made at the first start.")
    free = os.statvfs(folder)
    if free.f_bavail * free.f_frsize < _LITTLE:
        left = free.f_bavail * free.f_frsize // 1_000_000
        return Finding("data", State.WARNING, f"{folder} has {left} MB left.", "Make room.")
    if path.exists() and _open_to_others(path):
        return Finding("data", State.WARNING, f"Others can read {path}.", f"chmod 600 {path}")
    return Finding("data", State.OK, f"{folder} can be written.")


def _read_only(folder: Path) -> bool:
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


def _open_to_others(path: Path) -> bool:
    return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)
