"""The command `services`: what the codes of legacy tools mean by today's price list."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import click

from gateway.cli.lazy import MISUSED

if TYPE_CHECKING:
    from gateway.cli.output import Row
    from gateway.core.prices.service_codes import CodeMatch, ServiceCodes
    from gateway.settings import Settings
    from gateway.wiring import Gateway


@click.command()
@click.option("--match", is_flag=True, help="What each code means today, and what is unmatched.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def services(match: bool, as_json: bool) -> None:
    """Show the service codes of SMS-Activate's protocol."""
    from gateway.cli.configuration import read_settings
    from gateway.cli.output import show_rows
    from gateway.wiring import service_codes

    settings = read_settings(gateway_pass_through=True)
    codes = service_codes(settings)
    if match:
        show_rows(_matched(codes, _key(settings)), as_json=as_json)
        return
    show_rows(
        [{"code": code, "means": ", ".join(names)} for code, names in codes.candidates.items()],
        as_json=as_json,
    )


def _matched(codes: ServiceCodes, key: str) -> list[Row]:
    """Each code with what it means by the price list of the moment."""
    from gateway.cli.session import with_gateway
    from gateway.core.model.prices import MAX_PAGE, PricePage
    from gateway.core.operations.call import Call
    from gateway.core.operations.prices import LIST_PRICES
    from gateway.core.prices.service_codes import overview

    async def prices(gateway: Gateway) -> PricePage:
        call = Call(await gateway.callers.identify(key), secrets.token_hex(8))
        return await gateway.invoker.invoke(LIST_PRICES, call, {"limit": MAX_PAGE})

    matches = overview(codes, with_gateway(prices).data).matches
    return [_row(each) for each in matches]


def _row(match: CodeMatch) -> Row:
    from gateway.core.model.values import money_text

    price = match.price
    return {
        "code": match.code,
        "service_code": price.service_code if price else None,
        "service_name": price.service_name if price else None,
        "price": money_text(price.price) if price else None,
        "stock": price.stock if price else None,
        "means": ", ".join(match.candidates),
    }


def _key(settings: Settings) -> str:
    from gateway.cli.session import KEY_ADVICE, NO_KEY

    if settings.getatext_api_key is None:
        click.echo(f"Error: {NO_KEY} {KEY_ADVICE}", err=True)
        raise SystemExit(MISUSED)
    return settings.getatext_api_key.get_secret_value()
