"""The commands `keys create`, `keys list` and `keys revoke`: the gateway's own keys."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from gateway.cli.exit_codes import FAILED
from gateway.cli.parameters import Moment, Usd, json_option
from gateway.cli.session import with_gateway

if TYPE_CHECKING:
    from decimal import Decimal

    from gateway.cli.output import Row
    from gateway.core.model.callers import GatewayKey, Limits
    from gateway.core.model.purchases import Spent
    from gateway.wiring import Gateway


@click.command()
@click.option("--name", required=True, help="What to call it: who has it, what it is for.")
@click.option("--read-only", is_flag=True, help="It may look, and change or buy nothing.")
@click.option("--max-price", type=Usd(), help="The highest price of one rental.")
@click.option("--budget-day", type=Usd(), help="The most it may spend in a day (UTC).")
@click.option("--budget-total", type=Usd(), help="The most it may spend in all.")
@click.option("--no-budget", is_flag=True, help="It may spend without end; say so on purpose.")
@click.option("--max-per-day", type=click.IntRange(1), help="The most purchases in a day (UTC).")
@click.option("--services", help="The services it may rent for, comma-separated.")
@click.option("--max-active", type=click.IntRange(1), help="The most rentals at one time.")
@click.option(
    "--long-rentals",
    is_flag=True,
    help="It may also buy what tells no price before: long rentals and renewals. Such a purchase "
    "can cost more than its highest price and pass its budgets; it counts once it is charged.",
)
@click.option(
    "--confirm-above",
    type=Usd(),
    help="Over MCP a person confirms what costs more; default GATEWAY_MCP_CONFIRM_ABOVE.",
)
@click.option("--admin", is_flag=True, help="It sees the whole account, not only what it bought.")
@click.option("--expires", type=Moment(), help="When it ends (UTC), such as 2027-01-31.")
def create(
    name: str,
    services: str | None,
    expires: datetime | None,
    no_budget: bool,
    **limits: object,
) -> None:
    """Make a key and print it, alone on a line: it is shown this once.

    A key that may buy needs --budget-day or --budget-total, or --no-budget. What numbers may be
    rented for: docs/acceptable-use.md.
    """
    from gateway.core.model.callers import Limits

    budgeted = limits["budget_day"] is not None or limits["budget_total"] is not None
    if no_budget and budgeted:
        raise click.UsageError("--no-budget does not go with --budget-day or --budget-total.")
    if not (no_budget or budgeted or limits["read_only"]):
        raise click.UsageError(
            "Say what it may spend: --budget-day USD or --budget-total USD; or --no-budget."
        )
    chosen = frozenset(filter(None, map(str.strip, (services or "").split(","))))
    granted = Limits(
        services=chosen or None,
        expires_at=expires,
        **limits,  # type: ignore[arg-type]  # click has checked their types
    )
    click.echo(with_gateway(lambda gateway: make_key(gateway, name, granted)))


@click.command("list")
@json_option
def list_keys(as_json: bool) -> None:
    """Show every key with its limits, what it spent and what is left; never the key itself."""
    from gateway.cli.output import show_rows

    show_rows([_row(key, spent) for key, spent in with_gateway(_all_keys)], as_json=as_json)


@click.command()
@click.argument("key")
def revoke(key: str) -> None:
    """Revoke a key by its id or name; every running gateway refuses it within seconds."""

    async def work(gateway: Gateway) -> bool:
        return await gateway.keys.revoke(key, datetime.now(UTC))

    if not with_gateway(work):
        click.echo("There is no such key to revoke. See `getatext-gateway keys list`.", err=True)
        raise SystemExit(FAILED)


async def _all_keys(gateway: Gateway) -> list[tuple[GatewayKey, Spent]]:
    from gateway.core.model.callers import caller_id

    now = datetime.now(UTC)
    return [
        (key, await gateway.ledger.spending(caller_id(key), now))
        for key in await gateway.keys.all()
    ]


def _row(key: GatewayKey, spent: Spent) -> Row:
    from gateway.core.model.account import left
    from gateway.core.model.values import instant_text, money_text

    def text(amount: Decimal | None) -> str | None:
        return None if amount is None else money_text(amount)

    def moment(at: datetime | None) -> str | None:
        return None if at is None else instant_text(at)

    limits = key.limits
    return {
        "id": key.id,
        "name": key.name,
        "created_at": instant_text(key.created_at),
        "revoked_at": moment(key.revoked_at),
        "expires_at": moment(limits.expires_at),
        "read_only": limits.read_only,
        "admin": limits.admin,
        "long_rentals": limits.long_rentals,
        "services": sorted(limits.services) if limits.services is not None else None,
        "max_price": text(limits.max_price),
        "max_active": limits.max_active,
        "max_per_day": limits.max_per_day,
        "budget_day": text(limits.budget_day),
        "budget_total": text(limits.budget_total),
        "confirm_above": text(limits.confirm_above),
        "spent_today": money_text(spent.today),
        "spent_total": money_text(spent.total),
        "left_today": text(left(limits.budget_day, spent.today)),
        "left_total": text(left(limits.budget_total, spent.total)),
    }


async def make_key(gateway: Gateway, name: str, limits: Limits) -> str:
    """Store a new key and answer it. Only its hash is stored, so it can never be read again."""
    from gateway.core.model.callers import GATEWAY_KEY_PREFIX, GatewayKey

    key = GATEWAY_KEY_PREFIX + secrets.token_urlsafe(24)
    created = GatewayKey(
        id=secrets.token_hex(4),
        name=name,
        hashed=gateway.hasher.name(key),
        limits=limits,
        created_at=datetime.now(UTC),
    )
    await gateway.keys.create(created)
    return key
