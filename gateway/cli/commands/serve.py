"""The command `serve`: run the gateway until it is stopped, if wanted on a simulated provider."""

from __future__ import annotations

import gc
import json
import shlex
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from decimal import Decimal
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.parameters import PORT, given, simulated
from gateway.cli.serving import run_server
from gateway.cli.session import StoreAway, StoreFailed

if TYPE_CHECKING:
    from gateway.settings import Settings
    from gateway.wiring import Gateway

DEMO_RENTAL = {"service_code": "whatsapp", "max_price": "1.00"}
DEMO_BUDGET = Decimal("20.00")  # USD a day, of the key for the console
_COLLECT_AFTER = 10_000  # new objects before the garbage collector runs


@click.command()
@click.option("--host", help="The address to listen on, or unix:PATH (GATEWAY_HOST).")
@click.option("--port", type=PORT, help="The port; 0 takes a free one (GATEWAY_PORT).")
@click.option("--simulate", is_flag=True, help="Use a simulated provider, and show calls to try.")
@simulated
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
    **simulating: Any,
) -> None:
    """Run the gateway until Ctrl-C or SIGTERM; purchases under way get their answers first."""
    from gateway.cli.configuration import read_settings, secrets_of
    from gateway.settings import Settings, misspelt
    from gateway.telemetry import logs
    from gateway.wiring import StoreError

    options = given(simulating)
    if options and not simulate:
        named = " and ".join("--" + name.replace("_", "-") for name in options)
        raise click.UsageError(f"Only with --simulate: {named}.")
    settings = read_settings(
        gateway_host=host,
        gateway_port=port,
        gateway_log_format=log_format,
        gateway_log_level=log_level,
    )
    logs.configure(settings.gateway_log_format, settings.gateway_log_level, secrets_of(settings))
    for warning in misspelt(Settings):
        click.echo(f"Warning: {warning}", err=True)
    try:
        run_server(
            _serve(settings, options if simulate else None, trust_secret=trust_secret),
            settings.gateway_host,
            settings.gateway_port,
        )
    except StoreError as error:
        kind = StoreAway if error.passing else StoreFailed
        raise kind(str(error)) from None


async def _serve(
    settings: Settings, simulate: dict[str, Any] | None, *, trust_secret: bool
) -> None:
    """Serve the settings; `simulate`: the options of the simulated provider, where there is one."""
    import structlog

    from gateway.cli.configuration import warn_of_plain_http
    from gateway.http.serving import server
    from gateway.http.serving.file_limit import raise_file_limit
    from gateway.wiring import open_gateway, open_simulator, pointed_at

    raise_file_limit()
    begun, log = time.monotonic(), structlog.get_logger("gateway")
    async with AsyncExitStack() as opened:
        show: Callable[[str], None] | None = None
        if simulate is not None:
            provider = await opened.enter_async_context(open_simulator(**simulate))
            data = opened.enter_context(TemporaryDirectory(prefix="getatext-gateway-"))
            settings = pointed_at(settings, provider, data)
        warn_of_plain_http(settings)
        gateway = await opened.enter_async_context(
            open_gateway(settings, trust_secret=trust_secret)
        )
        if simulate is not None:
            show = _show_calls(provider.key, provider.first_rental, await _demo_key(gateway))
        why = await server.serve(
            gateway.app(),
            host=settings.gateway_host,
            port=settings.gateway_port,
            keepalive=settings.gateway_keepalive_seconds,
            drain_seconds=settings.getatext_connect_seconds + settings.getatext_spend_seconds + 5,
            started=partial(_settled, gateway.surroundings, show),
        )
    log.info("stopped", reason=why, seconds_up=round(time.monotonic() - begun, 1))


def _settled(surroundings: dict[str, object], show: Callable[[str], None] | None, url: str) -> None:
    """Tune the garbage collector once everything is loaded, log the first line, and `show` it.

    Freezing saves every full collection a pass over the modules, which stay. A collection before
    it would be a tenth of the start, and find next to nothing. A threshold of
    10,000 saves a tenth of all the time: most objects of a request are freed without the collector.
    """
    import structlog

    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)
    structlog.get_logger("gateway").info("listening", url=url, **surroundings)
    if show is not None:
        show(url)


async def _demo_key(gateway: Gateway) -> str:
    """A gateway key with a budget, for the console."""
    from gateway.core.model.audit import COMMAND
    from gateway.core.model.key_inputs import CreateKey

    asked = CreateKey(name="demo", budget_day=DEMO_BUDGET)
    return (await gateway.core.services.key_management.create(COMMAND, asked)).secret


def _show_calls(key: str, first_rental: int, demo_key: str) -> Callable[[str], None]:
    def show(url: str) -> None:
        path = url.removeprefix("unix:")
        if path == url:
            click.echo(demo_text(url, key, demo_key, first_rental, _program()))
            return
        socket = f"curl -sS --unix-socket {shlex.quote(path)} -H 'X-API-Key: {key}'"
        click.echo(f"The provider is simulated. To try: {socket} http://localhost/v1/prices")

    return show


def _program() -> str:
    """How to call this program again from the same folder."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m {called.parent.name}"
    found = shutil.which(called.name)
    return called.name if found and Path(found).samefile(called) else shlex.quote(str(called))


def demo_text(url: str, key: str, demo_key: str, first_rental: int, program: str) -> str:
    """The calls to try, with colours; click.echo removes those where there is no terminal."""
    curl = f"curl -sS -H 'X-API-Key: {key}'"
    as_json = f"-H 'Content-Type: application/json' -d '{json.dumps(DEMO_RENTAL)}'"
    rental = f"{url}/v1/rentals/{first_rental}"
    steps = (
        ("What a number costs", f"{curl} '{url}/v1/prices?query=whatsapp'"),
        ("Rent one", f"{curl} {as_json} {url}/v1/rentals"),
        ("Wait for its code: some seconds", f"{curl} '{rental}/code?wait_seconds=20'"),
        ("Read the whole rental", f"{curl} {rental}"),
        ("Done with it", f"{curl} -X POST {rental}/complete"),
        ("What is left", f"{curl} {url}/v1/balance"),
        (
            "The same as commands, in another terminal",
            f"export GATEWAY_URL={url} GATEWAY_KEY= GETATEXT_API_KEY={key}",
        ),
        (
            "Rent one and wait for its code",
            f"{program} rent whatsapp --max-price 1.00 --yes --wait",
        ),
        ("What was spent", f"{program} usage"),
    )
    lines = [
        "",
        f"{click.style('Getatext Gateway', bold=True)} on {click.style(url, fg='cyan', bold=True)}",
        "The provider is simulated: no real numbers, no real money. Paste in order:",
    ]
    for title, call in steps:
        lines += ["", click.style(f"# {title}", fg="bright_black"), click.style(call, fg="green")]
    console = click.style(f"{url}/console", fg="cyan", bold=True)
    lines += ["", f"In a browser: {console}", f"with the key  {click.style(demo_key, fg='green')}"]
    return "\n".join([*lines, "Ctrl-C ends it.", ""])
