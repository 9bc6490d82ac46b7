"""The services that a key is made for, by the price list of this machine's account."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from gateway.cli.words import in_dollars

if TYPE_CHECKING:
    from gateway.core.model.prices import Price
    from gateway.wiring import Gateway


async def codes_of(gateway: Gateway, services: list[str]) -> frozenset[str]:
    """The codes of services; as they are given where the price list cannot be read."""
    from gateway.core.model.errors import GatewayError

    try:
        prices = await _price_list(gateway)
    except GatewayError as fault:
        click.echo(
            "Warning: the services were not checked, for the price list cannot be read "
            f"({fault.code}).",
            err=True,
        )
        return frozenset(services)
    return frozenset(_code_of(prices, service) for service in services)


async def _price_list(gateway: Gateway) -> list[Price]:
    """Every service of the account of GETATEXT_API_KEY, also those that are withheld."""
    from gateway.core.model.values import MAX_PAGE
    from gateway.core.operations.call import Call
    from gateway.core.operations.prices import LIST_PRICES

    key = gateway.settings.getatext_api_key
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
