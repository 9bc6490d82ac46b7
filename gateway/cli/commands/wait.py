"""The command `wait`: stay until a rental has its code."""

from __future__ import annotations

import asyncio
import math
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from gateway.cli.asking import can_ask, says_yes
from gateway.cli.exit_codes import FAILED, INTERRUPTED, OK
from gateway.cli.parameters import Number, gateway_option, json_option
from gateway.cli.verbs import VERBS, WAIT

if TYPE_CHECKING:
    from gateway.cli.session import Operations, Session
    from gateway.core.model.codes import Code
    from gateway.core.model.rentals import Rental

STATUS = next(verb for verb in VERBS if verb.operation == "get_rental")
CANCEL = next(verb for verb in VERBS if verb.operation == "cancel_rental")

_PATIENCE = 60.0  # seconds for which a waiter bears that nobody answers


@click.command()
@click.argument("rental_id", metavar="ID")
@click.option("--next", "another", is_flag=True, help="Wait for a code after the newest known one.")
@click.option(
    "--seconds",
    type=Number(0),
    help="Give up after so many, and exit with 1; 0 looks once. By default it waits to the end.",
)
@json_option
@gateway_option
def wait(
    rental_id: str, another: bool, seconds: int | None, as_json: bool, gateway_url: str | None
) -> None:
    """Wait until a rental has its code, or has ended; Ctrl-C offers to cancel it."""
    from gateway.cli.execution import execute
    from gateway.cli.session import open_session
    from gateway.core.operations.rentals import GET_RENTAL

    session = open_session(gateway_url)
    code, rental = execute(session, STATUS, GET_RENTAL, {"rental_id": rental_id}, as_json=as_json)
    if code != OK or rental is None:
        raise SystemExit(code)
    after = rental.code if another else None
    raise SystemExit(wait_for(session, rental, after, seconds, as_json=as_json))


@dataclass(frozen=True, slots=True)
class _Waiting:
    """What is waited for: a code other than `after`, for so many `seconds`, or to the end."""

    rental: Rental
    trace_id: str
    after: str | None = None
    seconds: int | None = None

    async def code(self, operations: Operations) -> Code:
        """The code, that none will come, or that none has come: long polls one after the other.

        What may pass, such as a restart of the gateway, is waited for, but not for long.
        """
        from gateway.core.model.codes import CodeStatus
        from gateway.core.model.errors import GatewayError

        loop = asyncio.get_running_loop()
        ends = loop.time() + (math.inf if self.seconds is None else self.seconds)
        answered = loop.time()
        with _live_line(self.rental):
            while True:
                try:
                    code = await self._poll(operations, ends - loop.time())
                except GatewayError as error:
                    if not error.retryable or loop.time() >= min(ends, answered + _PATIENCE):
                        raise
                    left = max(0, ends - loop.time())
                    await asyncio.sleep(min(left, error.retry_after or 1))
                    continue
                answered = loop.time()
                if code.status is not CodeStatus.PENDING or answered >= ends:
                    return code

    async def _poll(self, operations: Operations, left: float) -> Code:
        from gateway.core.model.codes import MAX_WAIT
        from gateway.core.operations.codes import WAIT_FOR_CODE

        asked = {
            "rental_id": self.rental.id,
            "wait_seconds": math.ceil(min(MAX_WAIT, max(0, left))),
            "after_code": self.after,
        }
        return (await operations.answer(WAIT_FOR_CODE, asked, self.trace_id)).value


def wait_for(
    session: Session,
    rental: Rental,
    after: str | None = None,
    seconds: int | None = None,
    *,
    as_json: bool,
) -> int:
    """Wait until the rental has a code other than `after`, or has ended; answer the exit code.

    `seconds`: after how many it is given up.
    """
    from gateway.cli.execution import advised_at_terminal, exit_code
    from gateway.cli.output import show_error, to_stderr
    from gateway.core.model.codes import CodeStatus
    from gateway.core.model.errors import GatewayError
    from gateway.core.operations.codes import WAIT_FOR_CODE

    waiting = _Waiting(rental, secrets.token_hex(8), after, seconds)
    try:
        code = session.run(waiting.code)
    except GatewayError as error:
        advised = advised_at_terminal(error, session)
        show_error(advised, WAIT, WAIT_FOR_CODE, waiting.trace_id, as_json=as_json)
        return exit_code(error)
    except KeyboardInterrupt:
        return _interrupted(session, rental, after, as_json=as_json)
    _show(code, as_json=as_json)
    if code.status is CodeStatus.PENDING:
        within = f"within {seconds} seconds" if seconds else "yet"
        to_stderr(f"No code {within}. {_goes_on(rental, after)}")
    return OK if code.status is CodeStatus.RECEIVED else FAILED


def _show(code: Code, *, as_json: bool) -> None:
    from gateway.cli.cells import printable
    from gateway.cli.output import to_stderr

    if as_json:
        click.echo(code.model_dump_json())
    elif code.code is not None:
        click.secho(printable(code.code), bold=True, fg="green")
    elif code.status == "ended":
        to_stderr(f"No code will come: the rental is {code.ended_reason}.")


@contextmanager
def _live_line(rental: Rental) -> Iterator[None]:
    """A spinner with the time left, where standard error is a terminal."""
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


def _interrupted(session: Session, rental: Rental, after: str | None, *, as_json: bool) -> int:
    """Ctrl-C: the rental goes on and is paid for, unless it is cancelled."""
    from gateway.cli.execution import execute_and_show
    from gateway.cli.output import to_stderr
    from gateway.core.operations.rentals import CANCEL_RENTAL

    to_stderr("")
    if can_ask():
        with suppress(KeyboardInterrupt):
            if says_yes("Cancel the rental for a refund?"):
                asked = {"rental_id": rental.id}
                code = execute_and_show(session, CANCEL, CANCEL_RENTAL, asked, as_json=as_json)
                return INTERRUPTED if code == OK else code
    to_stderr(_goes_on(rental, after))
    return INTERRUPTED


def _goes_on(rental: Rental, after: str | None) -> str:
    more = "" if after is None else " --next"
    return f"The rental goes on. Its code: getatext-gateway wait {rental.id}{more}"
