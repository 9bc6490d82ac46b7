"""The command `services`: what the codes of legacy tools mean by today's price list."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import click

from gateway.cli.parameters import json_option, wide_option
from gateway.cli.session import own_caller, own_key, session_settings, with_gateway

if TYPE_CHECKING:
    from gateway.cli.output import Row
    from gateway.core.model.prices import Price
    from gateway.core.prices.service_codes import CodeMatch, ServiceCodes
    from gateway.settings import Settings
    from gateway.wiring import Gateway


@click.command()
@click.option("--match", is_flag=True, help="What each code means today, and what is unmatched.")
@wide_option
@json_option
def services(match: bool, wide: bool, as_json: bool) -> None:
    """Show the service codes of SMS-Activate's protocol."""
    from gateway.cli.listings import SERVICE_CODES
    from gateway.cli.output import show_rows
    from gateway.wiring import service_codes

    settings = session_settings()
    codes = service_codes(settings)
    if match:
        rows = _matched(codes, settings)
    else:
        rows = [
            {"code": code, "means": ", ".join(names)} for code, names in codes.candidates.items()
        ]
    show_rows(rows, SERVICE_CODES, as_json=as_json, wide=wide)


async def whole_price_list(gateway: Gateway) -> list[Price]:
    """Every service of the account's price list, also those that are withheld."""
    from gateway.core.model.values import MAX_PAGE
    from gateway.core.operations.call import Call
    from gateway.core.operations.prices import LIST_PRICES

    call = Call(await own_caller(gateway), secrets.token_hex(8))
    page = await gateway.invoker.invoke(LIST_PRICES, call, {"limit": MAX_PAGE})
    prices = [*page.data, *page.withheld]
    while page.next_cursor is not None:
        given = {"limit": MAX_PAGE, "cursor": page.next_cursor}
        page = await gateway.invoker.invoke(LIST_PRICES, call, given)
        prices += page.data
    return prices


def _matched(codes: ServiceCodes, settings: Settings) -> list[Row]:
    """Each code with what it means by the current price list."""
    from gateway.core.prices.service_codes import overview

    own_key(settings)
    prices = with_gateway(whole_price_list, settings=settings)
    return [_row(each) for each in overview(codes, prices).matches]


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
