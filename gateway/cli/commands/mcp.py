"""The command `mcp`: the operations as tools for an AI agent, on standard input and output."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from gateway.cli.exit_codes import MISUSED
from gateway.cli.parameters import gateway_option

if TYPE_CHECKING:
    from gateway.core.operations.operation import Toolset

TOOLSETS = ("rentals", "long_rentals", "account")


def _toolsets(ctx: click.Context, param: click.Parameter, text: str) -> frozenset[str]:
    chosen = frozenset(filter(None, map(str.strip, text.split(","))))
    if not chosen or not chosen <= set(TOOLSETS):
        raise click.BadParameter(f"must be some of {', '.join(TOOLSETS)}")
    return chosen


@click.command()
@click.option("--read-only", is_flag=True, help="Only tools that read.")
@click.option(
    "--toolsets",
    default=",".join(TOOLSETS),
    show_default=True,
    callback=_toolsets,
    help="Which tools, by subject.",
)
@gateway_option
@click.option("--simulate", is_flag=True, help="Use a simulated provider: no key, no real money.")
def mcp(
    read_only: bool, toolsets: frozenset[Toolset], gateway_url: str | None, simulate: bool
) -> None:
    """Serve MCP on standard input and output; AI clients start it by themselves.

    The key comes from GETATEXT_API_KEY, or, with limits, a gateway's own from GATEWAY_KEY.
    """
    from gateway.cli.configuration import (
        read_settings,
        secrets_of,
        warn_of_account_key,
        warn_of_plain_http,
    )
    from gateway.core.model.errors import GatewayError
    from gateway.telemetry import logs
    from gateway.wiring import McpChoices, serve_stdio

    if simulate and gateway_url is not None:
        raise click.UsageError("--simulate runs a gateway here; it does not go with --gateway.")
    settings = read_settings(gateway_pass_through=True, gateway_url=gateway_url)
    logs.configure(settings.gateway_log_format, settings.gateway_log_level, secrets_of(settings))
    if simulate:
        click.echo("The provider is simulated: no real numbers, no real money.", err=True)
    else:
        url = None if settings.gateway_url is None else str(settings.gateway_url)
        warn_of_plain_http(settings, url)
        if url is not None:
            warn_of_account_key(settings, url)
    choices = McpChoices(read_only, toolsets, simulate)
    try:
        asyncio.run(serve_stdio(settings, choices))
    except GatewayError as error:
        click.echo(f"Error: {error.__cause__ or error}", err=True)
        raise SystemExit(MISUSED) from None
