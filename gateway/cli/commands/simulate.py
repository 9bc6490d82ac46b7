"""The command `simulate`: a stand-in provider on a real socket, without a gateway."""

import asyncio
import signal
from shlex import quote
from tempfile import mkdtemp
from typing import Any

import click

from gateway.cli.parameters import PORT, given, simulated
from gateway.cli.serving import run_server


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=PORT, default=0, help="The port; a free one where none is given.")
@simulated
def simulate(host: str, port: int, **options: Any) -> None:
    """Run a stand-in provider alone, and print the settings of gateways before it.

    Their ledger is a new file, which stays when this ends: no real ledger gets what is played.
    """
    run_server(_simulate(host, port, given(options)), host, port)


async def _simulate(host: str, port: int, options: dict[str, Any]) -> None:
    from gateway.wiring import open_simulator

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with open_simulator(host, port, **options) as provider:
        ledger = quote(f"sqlite:///{mkdtemp(prefix='getatext-gateway-')}/simulated.db")
        click.echo(
            f"export GETATEXT_BASE_URL={provider.url} GETATEXT_API_KEY={provider.key} "
            f"GATEWAY_DATABASE_URL={ledger}"
        )
        click.echo(f"Its books: curl -sS {provider.url}/_control/books", err=True)
        await stop.wait()
