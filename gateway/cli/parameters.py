"""Kinds of arguments and options that several commands take."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


class Number(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.5 on
    """A number on the command line, from `least` up to `most`: a whole one, or not."""

    name = "NUMBER"

    def __init__(self, least: int, most: int | None = None, *, whole: bool = True) -> None:
        """None: without an end."""
        kind = "a whole number" if whole else "a number"
        ends = f" from {least} to {most}" if most is not None else f" of at least {least}"
        self._wanted = f"must be {kind}{ends}"
        self._read = int if whole else float
        self._least, self._most = least, most

    def convert(self, value: object, param: object, ctx: click.Context | None) -> float:
        """The number. Raises BadParameter where it is none, or out of bounds."""
        with suppress(ValueError):
            number = self._read(str(value))
            if number >= self._least and (self._most is None or number <= self._most):
                return number
        raise click.BadParameter(f"{self._wanted}.", ctx)


PORT = Number(0, 65_535)
_SECONDS = Number(0, 86_400, whole=False)


def _gateway_url(ctx: click.Context, param: click.Parameter, url: str | None) -> str | None:
    from yarl import URL

    with suppress(ValueError):
        if url is None or (URL(url).scheme in {"http", "https"} and URL(url).host):
            return url
    raise click.BadParameter("must be an address such as https://gateway.example.com")


gateway_option = click.option(
    "--gateway",
    "gateway_url",
    metavar="URL",
    callback=_gateway_url,
    help="Use the gateway that runs there, with its key in GATEWAY_KEY (GATEWAY_URL).",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
wide_option = click.option("--wide", is_flag=True, help="Every column.")


class Usd(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.5 on
    """An amount of US dollars on the command line."""

    name = "USD"

    def convert(self, value: object, param: object, ctx: click.Context | None) -> Decimal:
        """The exact amount. Raises BadParameter where it is none, or more than a million."""
        from gateway.core.model.values import amount_in

        amount = value if isinstance(value, Decimal) else amount_in(str(value))
        if amount is None or not 0 <= amount <= 1_000_000:
            raise click.BadParameter("must be an amount of dollars, such as 5 or 0.55", ctx)
        return amount


class Moment(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.5 on
    """A date or a time on the command line, in UTC where it names no zone."""

    name = "TIME"

    def convert(self, value: object, param: object, ctx: click.Context | None) -> datetime:
        """The moment. Raises BadParameter where it is none."""
        from gateway.core.model.moments import moment_asked

        try:
            moment = moment_asked(value)
        except ValueError as error:
            raise click.BadParameter(str(error), ctx) from None
        assert isinstance(moment, datetime)  # noqa: S101 - for the type checker
        return moment


class SimulatedServices(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.5 on
    """Services of the simulated provider, with commas between them; `all` stands for every one."""

    name = "SERVICE[,SERVICE]"

    def convert(self, value: object, param: object, ctx: click.Context | None) -> frozenset[str]:
        """Their codes. Raises BadParameter where one is not on the price list."""
        from difflib import get_close_matches

        from gateway.cli.words import did_you_mean
        from gateway.wiring import simulated_services

        listed = simulated_services()
        named = {each.strip().lower() for each in str(value).split(",")}
        if named == {"all"}:
            return frozenset(listed)
        if unknown := sorted(named - set(listed)):
            meant = did_you_mean(get_close_matches(unknown[0], listed, n=3))
            raise click.BadParameter(f"there is no service {unknown[0]!r}.{meant}", ctx)
        return frozenset(named)


_SIMULATED = (
    click.option(
        "--silent",
        type=Number(0, 1, whole=False),
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
