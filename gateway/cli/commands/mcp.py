"""The command `mcp`: the operations as tools for an AI agent, on standard input and output."""

import asyncio

import click

from gateway.cli.exit_codes import MISUSED

TOOLSETS = ("rentals", "long_rentals", "account")


@click.command()
@click.option("--read-only", is_flag=True, help="Only tools that read.")
@click.option(
    "--toolsets", default=",".join(TOOLSETS), show_default=True, help="Which tools, by subject."
)
@click.option("--gateway", "url", help="Use the gateway that runs there, over REST.")
def mcp(read_only: bool, toolsets: str, url: str | None) -> None:
    """Serve MCP on standard input and output; AI clients start it by themselves.

    The key comes from GETATEXT_API_KEY, or, with limits, a gateway's own from GATEWAY_KEY.
    """
    from gateway.cli.configuration import read_settings, secrets_of, warn_of_plain_http
    from gateway.core.model.errors import GatewayError
    from gateway.telemetry import logs
    from gateway.wiring import McpChoices, StoreError, serve_stdio

    chosen = frozenset(filter(None, map(str.strip, toolsets.split(","))))
    if not chosen or not chosen <= set(TOOLSETS):
        raise click.BadParameter(f"must be some of {', '.join(TOOLSETS)}", param_hint="--toolsets")
    settings = read_settings(gateway_pass_through=True)
    logs.configure(settings.gateway_log_format, settings.gateway_log_level, secrets_of(settings))
    warn_of_plain_http(settings, url)
    choices = McpChoices(read_only, chosen, url)  # type: ignore[arg-type]  # checked above
    try:
        asyncio.run(serve_stdio(settings, choices))
    except (GatewayError, StoreError) as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(MISUSED) from None
