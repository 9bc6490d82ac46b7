"""The command `mcp`: the operations as tools for an AI agent, on standard input and output."""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from gateway.cli.exit_codes import MISUSED

if TYPE_CHECKING:
    from gateway.core.operations.operation import Toolset

TOOLSETS = ("rentals", "long_rentals", "account")
_COLLECT_AFTER = 10_000  # new objects before the garbage collector runs: most are of modules


def _gateway_url(ctx: click.Context, param: click.Parameter, url: str | None) -> str | None:
    from yarl import URL

    with suppress(ValueError):
        if url is None or (URL(url).scheme in {"http", "https"} and URL(url).host):
            return url
    raise click.BadParameter("must be an address such as https://gateway.example.com")


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
@click.option(
    "--gateway",
    "url",
    callback=_gateway_url,
    help="Pass everything on to the gateway that runs there.",
)
@click.option("--simulate", is_flag=True, help="Use a simulated provider: no key, no real money.")
def mcp(read_only: bool, toolsets: frozenset[Toolset], url: str | None, simulate: bool) -> None:
    """Serve MCP on standard input and output; AI clients start it by themselves.

    The key comes from GETATEXT_API_KEY, or, with limits, a gateway's own from GATEWAY_KEY.
    """
    gc.set_threshold(_COLLECT_AFTER)
    from gateway.cli.configuration import read_settings, secrets_of, warn_of_plain_http
    from gateway.core.model.errors import GatewayError
    from gateway.telemetry import logs
    from gateway.wiring import McpChoices, serve_stdio

    if simulate and url is not None:
        raise click.UsageError("--simulate runs a gateway here; it does not go with --gateway.")
    settings = read_settings(gateway_pass_through=True)
    logs.configure(settings.gateway_log_format, settings.gateway_log_level, secrets_of(settings))
    if simulate:
        click.echo("The provider is simulated: no real numbers, no real money.", err=True)
    else:
        warn_of_plain_http(settings, url)
    choices = McpChoices(read_only, toolsets, url, simulate)
    try:
        asyncio.run(serve_stdio(settings, choices))
    except GatewayError as error:
        click.echo(f"Error: {error.__cause__ or error}", err=True)
        raise SystemExit(MISUSED) from None
    finally:
        gc.freeze()  # the interpreter's last collections would be most of the time to its end
