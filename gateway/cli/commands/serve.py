"""The commands that run until they are told to stop: `serve` and `simulate`."""

from __future__ import annotations

import asyncio
import errno
import gc
import json
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from functools import partial
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from gateway.settings import Settings

PORT = click.IntRange(0, 65_535)
_COLLECT_AFTER = 10_000  # objects that may be made before the garbage is looked at
_NOT_LISTENING = {errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL}


@click.command()
@click.option("--host", help="The address to listen on (GATEWAY_HOST).")
@click.option("--port", type=PORT, help="The port; 0 takes a free one (GATEWAY_PORT).")
@click.option("--simulate", is_flag=True, help="Use a simulated provider, and show calls to try.")
@click.option(
    "--trust-secret",
    is_flag=True,
    help="Once: take the secret for that of a database which an older version made.",
)
@click.option(
    "--log-format", type=click.Choice(["console", "json"]), help="How the log is written."
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    help="The least grave level that is logged.",
)
def serve(
    host: str | None,
    port: int | None,
    simulate: bool,
    trust_secret: bool,
    log_format: str | None,
    log_level: str | None,
) -> None:
    """Run the gateway until Ctrl-C or SIGTERM; purchases under way get their answers first."""
    from gateway.cli.configuration import read_settings, secrets_of
    from gateway.telemetry import logs

    settings = read_settings(
        gateway_host=host,
        gateway_port=port,
        gateway_log_format=log_format,
        gateway_log_level=log_level,
    )
    logs.configure(settings.gateway_log_format, settings.gateway_log_level, secrets_of(settings))
    from gateway.settings import misspelt
    from gateway.wiring import StoreError

    for told in misspelt():
        click.echo(f"Warning: {told}", err=True)
    try:
        with _listening_on(settings.gateway_host, settings.gateway_port):
            _run(_serve(settings, simulate=simulate, trust_secret=trust_secret))
    except StoreError as error:
        raise click.ClickException(str(error)) from None


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=PORT, default=0, help="The port; a free one where none is given.")
def simulate(host: str, port: int) -> None:
    """Run a stand-in provider alone: its address goes into GETATEXT_BASE_URL."""
    with _listening_on(host, port):
        _run(_simulate(host, port))


async def _serve(settings: Settings, *, simulate: bool, trust_secret: bool) -> None:
    from gateway.http.serving import server
    from gateway.wiring import open_gateway, open_simulator

    async with AsyncExitStack() as opened:
        started: Callable[[str], None] = partial(_log_address, pass_through=settings.pass_through)
        if simulate:
            provider = await opened.enter_async_context(open_simulator())
            data = opened.enter_context(TemporaryDirectory(prefix="getatext-gateway-"))
            settings = _pointed_at(settings, provider.url, provider.key, data)
            started = _show_calls(provider.key, provider.first_rental)
        gateway = await opened.enter_async_context(
            open_gateway(settings, trust_secret=trust_secret)
        )
        await server.serve(
            gateway.app(),
            host=settings.gateway_host,
            port=settings.gateway_port,
            keepalive=settings.gateway_keepalive_seconds,
            drain_seconds=settings.getatext_connect_seconds + settings.getatext_spend_seconds + 5,
            started=partial(_settled, started),
        )


def _pointed_at(settings: Settings, url: str, key: str, data: str) -> Settings:
    """The settings with another provider and a ledger of its own.

    The real provider's key must not be sent to it, nor its rentals be mixed with real ones.
    """
    from pydantic import AnyHttpUrl, SecretStr

    return settings.model_copy(
        update={
            "getatext_base_url": AnyHttpUrl(url),
            "getatext_api_key": SecretStr(key),
            "getatext_tier": "standard",
            "getatext_timezone": "America/New_York",
            "gateway_pass_through": True,
            "gateway_database_url": f"sqlite:///{data}/simulated.db",
        }
    )


def _settled(started: Callable[[str], None], url: str) -> None:
    """What is there by now stays: without it every full collection goes over all of it again.

    And of what comes later most is gone by itself: collecting as often as Python does by default
    takes a tenth of all the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)
    started(url)


def _log_address(url: str, *, pass_through: bool) -> None:
    import structlog

    log = structlog.get_logger("gateway")
    log.info("listening", url=url, pass_through="on" if pass_through else "off")


def _show_calls(key: str, first_rental: int) -> Callable[[str], None]:

    return lambda url: click.echo(demo_text(url, key, first_rental))


async def _simulate(host: str, port: int) -> None:
    from gateway.wiring import open_simulator

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with open_simulator(host, port) as provider:
        click.echo(f"export GETATEXT_BASE_URL={provider.url} GETATEXT_API_KEY={provider.key}")
        click.echo(f"Its books: curl -sS {provider.url}/_control/books", err=True)
        await stop.wait()


def _run(main: Coroutine[Any, Any, None]) -> None:
    """Run on uvloop where it is installed: it is the faster loop."""
    loops: Callable[[], asyncio.AbstractEventLoop] | None = None
    with suppress(ImportError):
        from uvloop import new_event_loop as loops
    with asyncio.Runner(loop_factory=loops) as runner:
        runner.run(main)


@contextmanager
def _listening_on(host: str, port: int) -> Iterator[None]:
    """Say in a sentence why nothing could listen there."""
    try:
        yield
    except OSError as error:
        if not (isinstance(error, socket.gaierror) or error.errno in _NOT_LISTENING):
            raise
        reason = "is in use" if error.errno == errno.EADDRINUSE else "cannot be listened on"
        raise click.ClickException(
            f"Port {port} of {host} {reason}. Choose another --port or --host."
        ) from None


RENTAL = {"service_code": "whatsapp", "max_price": "1.00"}


def demo_text(url: str, key: str, first_rental: int) -> str:
    """The text, in colours; whoever prints it takes them off where there is no terminal."""
    curl = f"curl -sS -H 'X-API-Key: {key}'"
    as_json = f"-H 'Content-Type: application/json' -d '{json.dumps(RENTAL)}'"
    rental = f"{url}/v1/rentals/{first_rental}"
    steps = (
        ("What a number costs", f"{curl} '{url}/v1/prices?query=whatsapp'"),
        ("Rent one", f"{curl} {as_json} {url}/v1/rentals"),
        ("Wait for its code: some seconds", f"{curl} '{rental}/code?wait_seconds=20'"),
        ("Read the whole rental", f"{curl} {rental}"),
        ("Done with it", f"{curl} -X POST {rental}/complete"),
        ("What is left", f"{curl} {url}/v1/balance"),
    )
    lines = [
        "",
        f"{click.style('Getatext Gateway', bold=True)} on {click.style(url, fg='cyan', bold=True)}",
        "The provider is simulated: no real numbers, no real money. Paste in order:",
    ]
    for title, call in steps:
        lines += ["", click.style(f"# {title}", fg="bright_black"), click.style(call, fg="green")]
    return "\n".join([*lines, "", f"The API: {url}/openapi.yaml · Ctrl-C ends it.", ""])
