"""The commands `ledger`: purchases, those of unknown outcome, and refunds only people know of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from gateway.cli.exit_codes import FAILED
from gateway.cli.parameters import Number, Usd, json_option, wide_option
from gateway.cli.session import with_gateway
from gateway.cli.words import dollars

if TYPE_CHECKING:
    from decimal import Decimal

    from gateway.cli.output import Row
    from gateway.core.model.purchases import Spend
    from gateway.wiring import Gateway


_MOST_NAMED = 5  # ids of purchases that an ambiguous beginning may mean


@click.command("list")
@click.option("--unknown", is_flag=True, help="Only those whose outcome is unknown.")
@click.option("--test", is_flag=True, help="Those of test keys, in place of all others.")
@click.option(
    "--limit",
    type=Number(1, 1000),
    default=50,
    show_default=True,
    help="How many purchases at the most.",
)
@wide_option
@json_option
def list_spends(unknown: bool, test: bool, limit: int, wide: bool, as_json: bool) -> None:
    """Show purchases, newest first.

    With --unknown also what was seen of the account and may be what such a purchase bought, each
    with the command that settles it so. Compare it with your pages at the provider first.
    """
    from gateway.cli.listings import PURCHASES, UNKNOWN_PURCHASES
    from gateway.cli.output import show_rows
    from gateway.core.model.callers import TEST_ACCOUNT_ID

    async def work(gateway: Gateway) -> list[tuple[Spend, list[str]]]:
        if not unknown:
            return [(spend, []) for spend in await gateway.ledger.spends(limit, test=test)]
        account_id = TEST_ACCOUNT_ID if test else None
        found = list(reversed(await gateway.ledger.unknown(account_id)))[:limit]
        return [(spend, await _suggested(gateway, spend)) for spend in found]

    listed = with_gateway(work)
    rows = [_row(spend) for spend, _ in listed]
    if as_json and unknown:
        commands = [commands for _, commands in listed]
        rows = [{**row, "suggestions": each} for row, each in zip(rows, commands, strict=True)]
    listing = UNKNOWN_PURCHASES if unknown else PURCHASES
    show_rows(rows, listing, as_json=as_json, wide=wide)
    if not as_json:
        _say_what_settles(listed)


def _say_what_settles(listed: list[tuple[Spend, list[str]]]) -> None:
    """Write the commands that settle purchases of unknown outcome, where some are listed."""
    from gateway.cli.output import say
    from gateway.core.model.purchases import SpendState
    from gateway.core.model.settling import settling

    lost = [spend.ledger_id for spend, _ in listed if spend.state is SpendState.UNKNOWN]
    if lost:
        command = settling(lost[0] if len(lost) == 1 else None)
        say(f"Settle what is unknown with `{command}`, and --not-charged or --rental-id ID.")
    for command in (command for _, commands in listed for command in commands):
        click.echo(f"It may have been bought: {command}")


@click.command()
@click.argument("ledger_id")
@click.option("--not-charged", is_flag=True, help="The provider charged nothing.")
@click.option("--rental-id", type=Number(1), help="It bought this: the provider's id.")
@click.option("--price", type=Usd(), help="What it cost; as reserved where not given.")
def resolve(
    ledger_id: str, not_charged: bool, rental_id: int | None, price: Decimal | None
) -> None:
    """Settle a purchase whose outcome is unknown, as the provider's own pages tell it.

    LEDGER_ID may be its beginning, where no other purchase begins so.
    """
    from gateway.core.model.audit import COMMAND, AuditAction, AuditRecord
    from gateway.core.model.purchases import SpendState
    from gateway.core.purchases.settlement import resolution

    if not_charged == (rental_id is not None):
        raise click.UsageError("Say either --not-charged or --rental-id ID.")

    async def work(gateway: Gateway) -> str | None:
        spend = await _begun_with(gateway, ledger_id)
        if spend is None or spend.state is not SpendState.UNKNOWN:
            return None
        if rental_id is not None and await _bought_by_another(gateway, spend, rental_id):
            raise click.UsageError(f"{rental_id} was bought by another purchase.")
        outcome = resolution(spend, rental_id, price)
        now = datetime.now(UTC)
        details = {"rental_id": rental_id, "not_charged": not_charged}
        audit = AuditRecord(now, COMMAND, AuditAction.PURCHASE_SETTLED, spend.ledger_id, details)
        settled = await gateway.ledger.settle(spend.ledger_id, outcome, now, audit)
        return spend.ledger_id if settled else None

    settled = with_gateway(work)
    if settled is None:
        click.echo(
            "There is no purchase of unknown outcome with this id. "
            "See `getatext-gateway ledger list --unknown`.",
            err=True,
        )
        raise SystemExit(FAILED)
    click.echo(f"{settled} is settled.")


@click.command("record-refund")
@click.argument("ledger_id")
@click.option("--amount", type=Usd(), required=True, help="What came back.")
def record_refund(ledger_id: str, amount: Decimal) -> None:
    """Write down what the provider gave back for a purchase and did not tell. No money moves.

    LEDGER_ID may be its beginning, where no other purchase begins so.
    """
    from gateway.core.model.audit import COMMAND, AuditAction, AuditRecord
    from gateway.core.model.values import money_text

    async def work(gateway: Gateway) -> Spend:
        spend, now = await _begun_with(gateway, ledger_id), datetime.now(UTC)
        if spend is not None:
            told = {"amount": money_text(amount)}
            audit = AuditRecord(now, COMMAND, AuditAction.PURCHASE_REFUNDED, spend.ledger_id, told)
            if await gateway.ledger.record_refund(spend.ledger_id, amount, now, audit):
                return spend
        raise click.UsageError(_not_refundable(spend, amount))

    spend = with_gateway(work)
    charged = amount if spend.charged is None else spend.charged
    click.echo(
        f"{dollars(amount)} of {dollars(charged)} is written down as refunded for "
        f"{spend.ledger_id}, and its budgets have it back; no money was moved."
    )


async def _begun_with(gateway: Gateway, given: str) -> Spend | None:
    """The purchase whose ledger id this is, or begins. Raises UsageError where several do."""
    given = given.strip()
    whole = await gateway.ledger.spend(given)
    if whole is not None or not given:
        return whole
    found = await gateway.ledger.spends(_MOST_NAMED + 1, given)
    if len(found) > 1:
        ids = [spend.ledger_id for spend in found]
        named = ", ".join(ids[:_MOST_NAMED]) + (", and more" if len(ids) > _MOST_NAMED else "")
        raise click.UsageError(f"Several purchases begin with {given}: {named}. Give more of it.")
    return found[0] if found else None


def _not_refundable(spend: Spend | None, amount: Decimal) -> str:
    from gateway.core.model.purchases import SpendState
    from gateway.core.model.values import instant_text

    if spend is None:
        return "There is no purchase with this id."
    if spend.state is not SpendState.BOUGHT:
        return f"It is {spend.state.value}: only what was bought can be refunded."
    if spend.refunded and spend.refunded_at is not None:
        refunded = f"{dollars(spend.refunded)} on {instant_text(spend.refunded_at)}"
        return f"It was refunded before: {refunded} ({spend.refund_reason})."
    if not amount:
        return "A refund is more than 0."
    charged = "nothing that is known" if spend.charged is None else dollars(spend.charged)
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
