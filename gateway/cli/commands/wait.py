"""The command `wait`: stay until a rental has its code."""

import asyncio
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import click

from gateway.cli import output
from gateway.cli.configuration import read_settings
from gateway.cli.lazy import FAILED, INTERRUPTED, OK
from gateway.cli.session import exit_code, run
from gateway.cli.verbs import VERBS, WAIT
from gateway.core.model.codes import MAX_WAIT, Code, CodeStatus
from gateway.core.model.errors import GatewayError
from gateway.core.model.rentals import Rental
from gateway.core.operations.call import Call
from gateway.core.operations.catalog import BY_NAME
from gateway.core.operations.codes import WAIT_FOR_CODE
from gateway.wiring import open_gateway


@click.command()
@click.argument("rental_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def wait(rental_id: str, as_json: bool) -> None:
    """Wait until a rental has its code, or has ended; Ctrl-C offers to cancel it."""
    from gateway.cli.session import obtain
    from gateway.cli.verbs import VERBS
    from gateway.core.model.rentals import Rental
    from gateway.core.operations.rentals import GET_RENTAL

    status = next(verb for verb in VERBS if verb.operation == "get_rental")
    code, rental = obtain(status, GET_RENTAL, {"rental_id": rental_id}, as_json=as_json)
    if code != OK or not isinstance(rental, Rental):
        raise SystemExit(code)
    raise SystemExit(wait_for(rental, as_json=as_json))


CANCEL = next(verb for verb in VERBS if verb.operation == "cancel_rental")


def wait_for(rental: Rental, *, as_json: bool) -> int:
    """Wait until the rental has a code or has ended; answer the exit code."""
    try:
        code = asyncio.run(_code(rental))
    except GatewayError as error:
        trace_id = error.trace_id or secrets.token_hex(8)
        output.show_error(error, WAIT, WAIT_FOR_CODE, trace_id, as_json=as_json)
        return exit_code(error)
    except KeyboardInterrupt:
        return _way_out(rental, as_json=as_json)
    if as_json or not sys.stdout.isatty():
        click.echo(code.model_dump_json())
    elif code.code is not None:
        click.secho(output.seen(code.code), bold=True, fg="green")
    else:
        output.tell(f"No code will come: the rental is {code.ended_reason}.")
    return OK if code.status is CodeStatus.RECEIVED else FAILED


async def _code(rental: Rental) -> Code:
    settings = read_settings(gateway_pass_through=True)
    key = settings.getatext_api_key.get_secret_value() if settings.getatext_api_key else None
    async with open_gateway(settings) as gateway:
        caller = await gateway.callers.identify(key)
        call = Call(caller, secrets.token_hex(8))
        asked = {"rental_id": rental.id, "wait_seconds": MAX_WAIT}
        with _live_line(rental):
            while True:
                code = await gateway.invoker.invoke(WAIT_FOR_CODE, call, asked)
                if code.status is not CodeStatus.PENDING:
                    return code


@contextmanager
def _live_line(rental: Rental) -> Iterator[None]:
    """A spinner with the time left, where somebody is there to see it."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(_line(rental)) as status:

        async def tick() -> None:
            while True:
                await asyncio.sleep(1)
                status.update(_line(rental))

        ticking = asyncio.ensure_future(tick())
        try:
            yield
        finally:
            ticking.cancel()


def _line(rental: Rental) -> str:
    left = ""
    if rental.ends_at is not None:
        seconds = max(0, int((rental.ends_at - datetime.now(UTC)).total_seconds()))
        left = f", {seconds // 60}:{seconds % 60:02d} left"
    return f"Waiting for the code to {rental.number}{left}. Ctrl-C to stop."


def _way_out(rental: Rental, *, as_json: bool) -> int:
    """Ctrl-C: the rental goes on and is paid for, unless it is cancelled."""
    output.tell("")
    if sys.stdin.isatty():
        with suppress(click.Abort):
            if click.confirm("Cancel the rental for a refund?", err=True):
                code = run(
                    CANCEL, BY_NAME["cancel_rental"], {"rental_id": rental.id}, as_json=as_json
                )
                return INTERRUPTED if code == OK else code
    output.tell(f"The rental goes on. Its code: getatext-gateway wait {rental.id}")
    return INTERRUPTED
