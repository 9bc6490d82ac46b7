"""Kinds of arguments and options that several commands take."""

from decimal import Decimal, InvalidOperation

import click

PORT = click.IntRange(0, 65_535)

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")


class Usd(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.5 on
    """An amount of US dollars on the command line."""

    name = "USD"

    def convert(self, value: object, param: object, ctx: click.Context | None) -> Decimal:
        """The exact amount. Raises BadParameter where it is none, or more than a million."""
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            amount = Decimal(-1)
        if not (amount.is_finite() and 0 <= amount <= 1_000_000):
            raise click.BadParameter("must be an amount of dollars, such as 5 or 0.55", ctx)
        return amount
