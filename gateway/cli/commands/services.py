"""The command `services`: what the codes of legacy tools mean by today's price list."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gateway.cli.parameters import gateway_option, json_option, wide_option
from gateway.cli.session import open_session
from gateway.cli.verbs import VERBS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.cli.output import Row
    from gateway.core.prices.service_codes import CodeMatch

_OWN = "GATEWAY_SERVICE_CODES"
PRICES = next(verb for verb in VERBS if verb.operation == "list_prices")


@click.command()
@click.option("--match", is_flag=True, help="What each code means today, and what is unmatched.")
@wide_option
@json_option
@gateway_option
def services(match: bool, wide: bool, as_json: bool, gateway_url: str | None) -> None:
    """Show the service codes of SMS-Activate's protocol."""
    from gateway.cli.execution import execute
    from gateway.cli.listings import SERVICE_CODES
    from gateway.cli.output import show_rows
    from gateway.core.model.values import MAX_PAGE
    from gateway.core.operations.prices import LIST_PRICES
    from gateway.core.prices.service_codes import overview
    from gateway.wiring import service_codes

    session = open_session(gateway_url)
    codes = service_codes(session.settings)
    if match:
        session.require_key()
        code, page = execute(session, PRICES, LIST_PRICES, {"limit": MAX_PAGE}, as_json=as_json)
        if page is None:
            raise SystemExit(code)
        rows = [_row(each) for each in overview(codes, page.data).matches]
    else:
        rows = [
            {
                "code": code,
                "dialect": _told(codes.dialects.get(code, ())) or _OWN,
                "means": _told(names),
            }
            for code, names in codes.candidates.items()
        ]
    show_rows(rows, SERVICE_CODES, as_json=as_json, wide=wide)


def _row(match: CodeMatch) -> Row:
    from gateway.core.model.values import money_text

    price = match.price
    return {
        "code": match.code,
        "service_code": price.service_code if price else None,
        "service_name": price.service_name if price else None,
        "price": money_text(price.price) if price else None,
        "stock": price.stock if price else None,
        "dialect": _told(match.dialects) or _OWN,
        "means": _told(match.candidates),
    }


def _told(names: Iterable[str]) -> str:
    return ", ".join(names)
