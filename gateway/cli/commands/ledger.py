"""The commands `ledger list` and `ledger resolve`: purchases, and those of unknown outcome."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from gateway.cli.exit_codes import FAILED
from gateway.cli.parameters import Usd, json_option
from gateway.cli.session import with_gateway

if TYPE_CHECKING:
    from decimal import Decimal

    from gateway.cli.output import Row
    from gateway.core.model.purchases import Spend
    from gateway.wiring import Gateway


@click.command("list")
@click.option("--unknown", is_flag=True, help="Only those whose outcome is unknown.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@json_option
def list_spends(unknown: bool, limit: int, as_json: bool) -> None:
    """Show purchases, newest first.

    With --unknown also what was seen of the account and may be what such a purchase bought, each
    with the command that settles it so. Compare it with your pages at the provider first.
    """
    from gateway.cli.output import show_rows

    async def work(gateway: Gateway) -> list[tuple[Spend, list[str]]]:
        if not unknown:
            return [(spend, []) for spend in await gateway.ledger.spends(limit)]
        found = list(reversed(await gateway.ledger.unknown()))[:limit]
        return [(spend, await _suggested(gateway, spend)) for spend in found]

    listed = with_gateway(work)
    if as_json or not sys.stdout.isatty():
        more = [{"suggestions": commands} if unknown else {} for _, commands in listed]
        rows = zip(listed, more, strict=True)
        show_rows([{**_row(spend), **suggested} for (spend, _), suggested in rows], as_json=True)
        return
    show_rows([_row(spend) for spend, _ in listed], as_json=False)
    for command in (command for _, commands in listed for command in commands):
        click.echo(f"It may have been bought: {command}")


@click.command()
@click.argument("ledger_id")
@click.option("--not-charged", is_flag=True, help="The provider charged nothing.")
@click.option("--rental-id", type=click.IntRange(1), help="It bought this: the provider's id.")
@click.option("--price", type=Usd(), help="What it cost; as reserved where not given.")
def resolve(
    ledger_id: str, not_charged: bool, rental_id: int | None, price: Decimal | None
) -> None:
    """Settle a purchase whose outcome is unknown, as the provider's own pages tell it."""
    from gateway.core.model.purchases import SpendState
    from gateway.core.purchases.settlement import resolution

    if not_charged == (rental_id is not None):
        raise click.UsageError("Say either --not-charged or --rental-id ID.")

    async def work(gateway: Gateway) -> bool:
        spend = await gateway.ledger.spend(ledger_id)
        if spend is None or spend.state is not SpendState.UNKNOWN:
            return False
        if rental_id is not None and await _bought_by_another(gateway, spend, rental_id):
            raise click.UsageError(f"{rental_id} was bought by another purchase.")
        outcome = resolution(spend, rental_id, price)
        return await gateway.ledger.settle(ledger_id, outcome, datetime.now(UTC))

    if not with_gateway(work):
        click.echo("There is no purchase of unknown outcome with this id.", err=True)
        raise SystemExit(FAILED)
    click.echo(f"{ledger_id} is settled.")


async def _suggested(gateway: Gateway, spend: Spend) -> list[str]:
    """The commands that settle a purchase as what it may have bought."""
    return [
        f"getatext-gateway ledger resolve {spend.ledger_id} --rental-id {rental.id}"
        for rental in await gateway.suggestions(spend)
    ]


async def _bought_by_another(gateway: Gateway, spend: Spend, provider_id: int) -> bool:
    """Whether another purchase is known to have bought it; a renewal pays for what exists."""
    if spend.operation == "renew_long_rental":
        return False
    return await gateway.ledger.is_bought(spend.account_id, spend.kind, provider_id)


def _row(spend: Spend) -> Row:
    from gateway.core.model.values import instant_text, money_text

    amounts = {
        name: None if amount is None else money_text(amount)
        for name, amount in (
            ("reserved", spend.reserved),
            ("charged", spend.charged),
            ("refunded", spend.refunded),
        )
    }
    return {
        "ledger_id": spend.ledger_id,
        "at": instant_text(spend.at),
        "state": spend.state.value,
        "operation": spend.operation,
        "service_code": spend.service_code,
        **amounts,
        "caller": spend.caller_id,
    }
