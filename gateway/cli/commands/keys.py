"""The commands `keys create`, `keys list` and `keys revoke`: the gateway's own keys."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from gateway.cli.exit_codes import FAILED
from gateway.cli.parameters import Moment, Number, Usd, json_option, wide_option
from gateway.cli.session import with_gateway
from gateway.cli.words import in_dollars

if TYPE_CHECKING:
    from decimal import Decimal

    from gateway.cli.output import Row
    from gateway.core.model.callers import GatewayKey, Limits
    from gateway.core.model.prices import Price
    from gateway.core.model.purchases import Spent
    from gateway.wiring import Gateway


@click.command()
@click.option("--name", required=True, help="What to call it: who has it, what it is for.")
@click.option("--read-only", is_flag=True, help="It may look, and change or buy nothing.")
@click.option("--max-price", type=Usd(), help="The highest price of one rental.")
@click.option("--budget-day", type=Usd(), help="The most it may spend in a day (UTC).")
@click.option("--budget-total", type=Usd(), help="The most it may spend in all.")
@click.option("--no-budget", is_flag=True, help="It may spend without end; say so on purpose.")
@click.option("--max-per-day", type=Number(1), help="The most purchases in a day (UTC).")
@click.option("--services", help="The services it may rent for, comma-separated.")
@click.option("--max-active", type=Number(1), help="The most rentals at one time.")
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
@click.option("--test", is_flag=True, help="A sandbox answers it: no real number, no money.")
def create(
    name: str,
    test: bool,
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

    if expires is not None and expires <= datetime.now(UTC):
        raise click.UsageError("--expires: is over; such a key would never be accepted.")
    budgeted = limits["budget_day"] is not None or limits["budget_total"] is not None
    if no_budget and budgeted:
        raise click.UsageError("--no-budget does not go with --budget-day or --budget-total.")
    if not (no_budget or budgeted or limits["read_only"]):
        raise click.UsageError(
            "Say what it may spend: --budget-day USD or --budget-total USD; or --no-budget."
        )
    granted = Limits(
        expires_at=expires,
        **limits,  # type: ignore[arg-type]  # click has checked their types
    )
    asked = list(filter(None, map(str.strip, (services or "").split(","))))
    click.echo(
        with_gateway(lambda gateway: _create(gateway, name.strip(), granted, asked, test=test))
    )


@click.command("list")
@wide_option
@json_option
def list_keys(wide: bool, as_json: bool) -> None:
    """Show every key with its limits, what it spent and what is left; never the key itself."""
    from gateway.cli.listings import KEYS
    from gateway.cli.output import show_rows

    now = datetime.now(UTC)
    found = with_gateway(_all_keys)
    rows = [_row(key, spent) for key, spent in found]
    if not as_json:
        states = [_state(key, now) for key, _ in found]
        rows = [{**row, "state": state} for row, state in zip(rows, states, strict=True)]
    show_rows(rows, KEYS, as_json=as_json, wide=wide)


@click.command()
@click.argument("key")
def revoke(key: str) -> None:
    """Revoke a key by its id, the beginning of that, or its name.

    Every running gateway refuses it within seconds.
    """
    from gateway.cli.cells import printable

    async def work(gateway: Gateway) -> GatewayKey | None:
        now = datetime.now(UTC)
        found = _called(key.strip(), await gateway.keys.all(), now)
        return found if found and await gateway.keys.revoke(found.id, now) else None

    revoked = with_gateway(work)
    if revoked is None:
        click.echo("There is no such key to revoke. See `getatext-gateway keys list`.", err=True)
        raise SystemExit(FAILED)
    click.echo(f"Revoked {printable(revoked.name)} ({revoked.id}).")


def _called(given: str, keys: Sequence[GatewayKey], now: datetime) -> GatewayKey | None:
    """The key with this id; else the living one with this name, or whose id begins so.

    Raises UsageError where there are several.
    """
    from gateway.cli.cells import printable

    found = [key for key in keys if key.id == given] or [
        key
        for key in keys
        if given and key.is_living(now) and (key.name.strip() == given or key.id.startswith(given))
    ]
    if len(found) > 1:
        named = ", ".join(f"{printable(key.name)} ({key.id})" for key in found)
        raise click.UsageError(f"{len(found)} keys are meant by {given}: {named}. Give an id.")
    return found[0] if found else None


async def _create(
    gateway: Gateway, name: str, limits: Limits, services: list[str], *, test: bool
) -> str:
    """Make a key for these services, as the price list calls them."""
    from gateway.core.ports.storage import NameTaken

    if not name:
        raise click.UsageError("--name: is required.")
    if services:
        limits = replace(limits, services=await _codes_of(gateway, services, test=test))
    try:
        return await make_key(gateway, name, limits, test=test)
    except NameTaken as taken:
        raise click.ClickException(
            f"The key {taken.key_id} has this name. Choose another, or revoke that one first: "
            f"getatext-gateway keys revoke {taken.key_id}"
        ) from None


async def _codes_of(gateway: Gateway, services: list[str], *, test: bool) -> frozenset[str]:
    """The codes of services; as they are given where the price list cannot be read."""
    from gateway.core.model.errors import GatewayError

    try:
        prices = await _price_list(gateway, test=test)
    except GatewayError as fault:
        click.echo(
            "Warning: the services were not checked, for the price list cannot be read "
            f"({fault.code}).",
            err=True,
        )
        return frozenset(services)
    return frozenset(_code_of(prices, service) for service in services)


async def _price_list(gateway: Gateway, *, test: bool) -> list[Price]:
    """Every service of the account that the key leads to, also those that are withheld."""
    from gateway.core.model.callers import TEST_ACCOUNT, TEST_ACCOUNT_ID, Caller
    from gateway.core.model.values import MAX_PAGE
    from gateway.core.operations.call import Call
    from gateway.core.operations.prices import LIST_PRICES

    key = gateway.settings.getatext_api_key
    if test:
        caller = Caller(TEST_ACCOUNT_ID, TEST_ACCOUNT)
    else:
        caller = await gateway.callers.identify(key.get_secret_value() if key else None)
    call, asked = Call(caller, secrets.token_hex(8)), {"limit": MAX_PAGE}
    page = await gateway.invoker.invoke(LIST_PRICES, call, asked)
    prices = [*page.data, *page.withheld]
    while page.next_cursor is not None:
        following = {**asked, "cursor": page.next_cursor}
        page = await gateway.invoker.invoke(LIST_PRICES, call, following)
        prices += page.data
    return prices


def _code_of(prices: Sequence[Price], service: str) -> str:
    """The code of the one service that is called so. Raises UsageError."""
    from gateway.core.model.prices import close_to_it
    from gateway.core.prices.service_names import not_found, services_called

    called = services_called(prices, service)
    if len(called) == 1:
        return called[0].service_code
    happened = f"{len(called)} services have this name" if called else "there is no such service"
    close = in_dollars(close_to_it(not_found(prices, service, called).candidates))
    raise click.UsageError(
        " ".join(filter(None, (f"--services: {service}: {happened}.", close, "See `prices`.")))
    )


async def _all_keys(gateway: Gateway) -> list[tuple[GatewayKey, Spent]]:
    from gateway.core.model.callers import caller_id

    now = datetime.now(UTC)
    return [
        (key, await gateway.ledger.spending(caller_id(key), now))
        for key in await gateway.keys.all()
    ]


def _state(key: GatewayKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "active" if key.is_living(now) else "expired"


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
        "test": key.test,
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


async def make_key(gateway: Gateway, name: str, limits: Limits, *, test: bool = False) -> str:
    """Store a new key and answer it. Only its hash is stored, so it can never be read again.

    Raises NameTaken where a living key has the name.
    """
    from gateway.core.model.callers import GATEWAY_KEY_PREFIX, TEST_KEY_PREFIX, GatewayKey

    key = (TEST_KEY_PREFIX if test else GATEWAY_KEY_PREFIX) + secrets.token_urlsafe(24)
    created = GatewayKey(
        id=secrets.token_hex(4),
        name=name,
        hashed=gateway.hasher.name(key),
        limits=limits,
        created_at=datetime.now(UTC),
        test=test,
    )
    await gateway.keys.create(created)
    return key
