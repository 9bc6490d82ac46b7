"""The commands `backup` and `restore`: a SQLite ledger with its secret, in one file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gateway.wiring import Restored

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("file", type=FILE)
def backup(file: Path) -> None:
    """Write the SQLite ledger and its secret to FILE, a new file, also while gateways run on it.

    FILE is a .tar.gz that only you may read. Keep it as safe as the ledger: who has it knows codes,
    numbers and the secret.
    """
    from gateway.cli.session import StoreFailed, session_settings
    from gateway.wiring import BackupError, StoreError, back_up

    settings = session_settings()
    try:
        back_up(settings, file)
    except BackupError as error:
        raise click.ClickException(str(error)) from None
    except StoreError as error:
        raise StoreFailed(str(error)) from None
    click.echo(f"The ledger and its secret are in {file} ({file.stat().st_size:,} bytes).")


@click.command()
@click.argument("file", type=FILE)
@click.option("--replace", is_flag=True, help="Where there is a ledger: keep it beside the new.")
def restore(file: Path, replace: bool) -> None:
    """Put the ledger and the secret in FILE, written by `backup`, where the settings want them.

    FILE is checked whole before anything changes. No gateway may run on the ledger.
    """
    from gateway.cli.output import say
    from gateway.cli.session import StoreFailed, session_settings
    from gateway.wiring import BackupError, StoreError, database_url
    from gateway.wiring import restore as put_back

    settings = session_settings()
    try:
        restored = put_back(settings, file, replace=replace)
    except BackupError as error:
        raise click.ClickException(str(error)) from None
    except StoreError as error:
        raise StoreFailed(str(error)) from None
    place = database_url(settings).removeprefix("sqlite:///")
    for line in _lines(restored, place):
        say(line)


def _lines(restored: Restored, place: str) -> list[str]:
    lines = [
        f"{place} is the ledger of {restored.at:%Y-%m-%d %H:%M:%S} UTC again: "
        f"purchases: {restored.purchases}, keys: {restored.keys}.",
        "What was bought, refunded or revoked since is unknown to it: look at your pages at the "
        "provider, revoke again what was revoked, and repeat no purchase of that time by its "
        "request id.",
    ]
    if restored.unknown:
        lines.append(
            f"Purchases of unknown outcome: {restored.unknown}. "
            "List them: getatext-gateway ledger list --unknown"
        )
    if restored.kept is not None:
        lines.append(f"The ledger of before is kept in {restored.kept}")
    return lines
