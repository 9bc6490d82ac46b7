"""The command `purge`: delete old codes and texts at once, not when they are due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from gateway.cli.parameters import Number
from gateway.cli.session import with_gateway

if TYPE_CHECKING:
    from gateway.wiring import Gateway


@click.command()
@click.option("--days", type=Number(0, 3650), help="Older than this; else GATEWAY_RETENTION_DAYS.")
def purge(days: int | None) -> None:
    """Delete old codes and texts now; what was paid stays."""

    async def work(gateway: Gateway) -> int:
        now = datetime.now(UTC)
        retained = gateway.settings.gateway_retention_days if days is None else days
        return await gateway.ledger.purge(now - timedelta(days=retained), now - timedelta(days=1))

    click.echo(f"{with_gateway(work)} entries were stripped of codes, texts and kept answers.")
