"""Kinds of arguments and options that several commands take."""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

PORT = click.IntRange(0, 65_535)
_SECONDS = click.FloatRange(0, 86_400)

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


class SimulatedServices(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.5 on
    """Services of the simulated provider, with commas between them; `all` stands for every one."""

    name = "SERVICE[,SERVICE]"

    def convert(self, value: object, param: object, ctx: click.Context | None) -> frozenset[str]:
        """Their codes. Raises BadParameter where one is not on the price list."""
        from difflib import get_close_matches

        from gateway.wiring import simulated_services

        listed = simulated_services()
        named = {each.strip().lower() for each in str(value).split(",")}
        if named == {"all"}:
            return frozenset(listed)
        if unknown := sorted(named - set(listed)):
            near = get_close_matches(unknown[0], listed, n=3)
            meant = f" Did you mean {' or '.join(near)}?" if near else ""
            raise click.BadParameter(f"there is no service {unknown[0]!r}.{meant}", ctx)
        return frozenset(named)


_SIMULATED = (
    click.option(
        "--silent",
        type=click.FloatRange(0, 1),
        help="The share of simulated numbers that get no code, such as 0.4; default 0.",
    ),
    click.option(
        "--code-after",
        type=_SECONDS,
        help="After how many seconds a simulated number gets its code; default 4.",
    ),
    click.option(
        "--cancel-lock",
        type=_SECONDS,
        help="For how many seconds a simulated number cannot be cancelled; default 60.",
    ),
    click.option(
        "--no-stock",
        type=SimulatedServices(),
        help="Simulated services that have no numbers; all: none has.",
    ),
)


def simulated(command: Command) -> Command:
    """Gives a command the options of the simulated provider, named as `open_simulator` does."""
    for option in reversed(_SIMULATED):
        command = option(command)
    return command


def given(options: dict[str, Any]) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name, value in options.items() if value is not None}
