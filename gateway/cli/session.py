"""Runs one operation with a gateway of its own, for a person at a terminal."""

from __future__ import annotations

import asyncio
import math
import secrets
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import click
import structlog
from pydantic import BaseModel

from gateway.cli import output
from gateway.cli.configuration import read_settings, secrets_of
from gateway.cli.lazy import FAILED, INTERRUPTED, MISUSED, OK, UNKNOWN
from gateway.cli.verbs import Verb
from gateway.core.model.errors import (
    Forbidden,
    GatewayError,
    InternalError,
    InvalidRequest,
    OutcomeUnknown,
    RateLimited,
    Unauthorized,
)
from gateway.core.model.upstream_call import Effect
from gateway.core.model.values import Charged
from gateway.core.operations.call import Call
from gateway.core.operations.operation import Operation
from gateway.settings import Settings
from gateway.telemetry import logs
from gateway.wiring import Gateway, open_gateway

In = TypeVar("In", bound=BaseModel)
Out = TypeVar("Out", bound=BaseModel)

NO_KEY = "No key is set."
KEY_ADVICE = "Set the environment variable GETATEXT_API_KEY to your key from https://getatext.com."


@dataclass(slots=True)
class _Run(Generic[In, Out]):
    """One run of an operation; remembers how far it came before Ctrl-C."""

    op: Operation[In, Out]
    settings: Settings
    trace_id: str
    sent: bool = False
    answered: bool = False
    interrupted: bool = False

    async def answer(self, given: Mapping[str, Any]) -> Out:
        """The operation's value. A change or purchase under way outlives the first Ctrl-C."""
        key = self.settings.getatext_api_key
        if key is None:
            raise Unauthorized(NO_KEY, advice=KEY_ADVICE)
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._stop)
        async with open_gateway(self.settings) as gateway:
            caller = await gateway.callers.identify(key.get_secret_value())
            self.sent = self.op.effect is not Effect.READ
            value = await gateway.invoker.invoke(self.op, Call(caller, self.trace_id), given)
            self.answered = True
            return value

    def _stop(self) -> None:
        if self.answered:
            return  # the end is a moment away, and what was bought must be shown
        if not self.sent or self.interrupted:
            raise KeyboardInterrupt  # out of the loop, which then cancels everything
        self.interrupted = True
        output.tell("Waiting for the provider's answer. Ctrl-C again gives it up.")


def run(verb: Verb, op: Operation[In, Out], given: Mapping[str, Any], *, as_json: bool) -> int:
    """Run it, show its value or its error, and answer the exit code."""
    code, value = obtain(verb, op, given, as_json=as_json)
    if value is not None:
        output.show(value, verb, as_json=as_json)
    return code


def obtain(
    verb: Verb, op: Operation[In, Out], given: Mapping[str, Any], *, as_json: bool
) -> tuple[int, Out | None]:
    """Run it, and answer the exit code with its value; an error is shown."""
    # Whoever sits here holds the account's key; pass-through is a question for callers from afar.
    settings = read_settings(gateway_pass_through=True)
    _log(settings)
    one = _Run(op, settings, secrets.token_hex(8))
    try:
        value = _answer(one, given)
    except GatewayError as error:
        output.show_error(_advised(error), verb, op, one.trace_id, as_json=as_json)
        return exit_code(error), None
    return INTERRUPTED if one.interrupted else OK, value


def exit_code(error: GatewayError) -> int:
    """What the shell is told of an error."""
    if error.charged is Charged.UNKNOWN:
        return UNKNOWN
    misused = isinstance(error, InvalidRequest | Unauthorized | Forbidden)
    return MISUSED if misused else FAILED


def _answer(one: _Run[In, Out], given: Mapping[str, Any]) -> Out:
    try:
        return asyncio.run(one.answer(given))
    except KeyboardInterrupt:
        if one.interrupted and one.op.effect is Effect.SPEND:
            raise OutcomeUnknown("The purchase was sent, and its answer not waited for.") from None
        raise
    except GatewayError:
        raise
    except Exception as crash:
        structlog.get_logger("gateway.cli").exception("command failed", trace_id=one.trace_id)
        raise InternalError from crash


def _advised(error: GatewayError) -> GatewayError:
    """The error with advice for a terminal: headers mean nothing here."""
    if isinstance(error, Unauthorized):
        error.detail = error.detail.replace(Unauthorized.advice, "Check GETATEXT_API_KEY.")
    if isinstance(error, RateLimited):
        wait = "a second" if error.retry_after is None else f"{math.ceil(error.retry_after)} s"
        error.detail = error.detail.replace(RateLimited.advice, f"Try again in {wait}.")
    return error


def _log(settings: Settings) -> None:
    """Only what is wrong, unless the settings ask for more: people came for the answer."""
    asked = "gateway_log_level" in settings.model_fields_set
    level = settings.gateway_log_level if asked else "warning"
    logs.configure(settings.gateway_log_format, level, secrets_of(settings))


if TYPE_CHECKING:
    from gateway.wiring import Gateway

T = TypeVar("T")


def with_gateway(work: Callable[[Gateway], Awaitable[T]]) -> T:
    """What the work answers; what stands in its way is said in a sentence."""
    from gateway.cli.configuration import read_settings, secrets_of
    from gateway.telemetry import logs
    from gateway.wiring import StoreError, open_gateway

    settings = read_settings()
    logs.configure(settings.gateway_log_format, "warning", secrets_of(settings))

    async def opened() -> T:
        async with open_gateway(settings) as gateway:
            return await work(gateway)

    try:
        return asyncio.run(opened())
    except StoreError as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(MISUSED) from None
