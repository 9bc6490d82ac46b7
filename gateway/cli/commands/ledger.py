"""The commands `ledger`: purchases, those of unknown outcome, and refunds only people know of."""

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


@click.command("record-refund")
@click.argument("ledger_id")
@click.option("--amount", type=Usd(), required=True, help="What came back.")
def record_refund(ledger_id: str, amount: Decimal) -> None:
    """Write down what the provider gave back for a purchase and did not tell. No money moves."""
    from gateway.core.model.values import money_text

    async def work(gateway: Gateway) -> Spend | None:
        if not await gateway.ledger.record_refund(ledger_id, amount, datetime.now(UTC)):
            raise click.UsageError(_not_refundable(await gateway.ledger.spend(ledger_id), amount))
        return await gateway.ledger.spend(ledger_id)

    spend = with_gateway(work)
    charged = spend.charged if spend is not None and spend.charged is not None else amount
    click.echo(
        f"${money_text(amount)} of ${money_text(charged)} is written down as refunded for "
        f"{ledger_id}, and its budgets have it back; no money was moved."
    )


def _not_refundable(spend: Spend | None, amount: Decimal) -> str:
    from gateway.core.model.purchases import SpendState
    from gateway.core.model.values import instant_text, money_text

    if spend is None:
        return "There is no purchase with this id."
    if spend.state is not SpendState.BOUGHT:
        return f"It is {spend.state.value}: only what was bought can be refunded."
    if spend.refunded and spend.refunded_at is not None:
        refunded = f"${money_text(spend.refunded)} on {instant_text(spend.refunded_at)}"
        return f"It was refunded before: {refunded} ({spend.refund_reason})."
    if not amount:
        return "A refund is more than 0."
    charged = "nothing that is known" if spend.charged is None else f"${money_text(spend.charged)}"
    return f"It cost {charged}: no more than that can come back."


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

    refunded_at, reason = spend.refunded_at, spend.refund_reason
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
        "replaces": spend.replaces,
        "reference": spend.reference,
        **amounts,
        "refunded_at": None if refunded_at is None else instant_text(refunded_at),
        "refund_reason": None if reason is None else reason.value,
        "caller": spend.caller_id,
    }
