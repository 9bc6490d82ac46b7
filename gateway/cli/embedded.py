"""Runs one operation with a gateway of its own, for a person at a terminal."""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import structlog
from pydantic import BaseModel

from gateway.cli import output
from gateway.cli.configuration import read_settings, secrets_of
from gateway.cli.lazy import FAILED, INTERRUPTED, MISUSED, OK, UNKNOWN
from gateway.cli.verbs import Verb
from gateway.core.errors import (
    Forbidden,
    GatewayError,
    InternalError,
    InvalidRequest,
    OutcomeUnknown,
    Unauthorized,
)
from gateway.core.invoke import Call
from gateway.core.operation import Effect, Operation
from gateway.core.values import Charged
from gateway.settings import Settings
from gateway.telemetry import logs
from gateway.wiring import open_gateway

In = TypeVar("In", bound=BaseModel)
Out = TypeVar("Out", bound=BaseModel)

NO_KEY = "No key is set."
KEY_ADVICE = "Set the environment variable GETATEXT_API_KEY to your key."


@dataclass(slots=True)
class _Run(Generic[In, Out]):
    """One run of an operation; remembers how far it came before Ctrl-C."""

    op: Operation[In, Out]
    settings: Settings
    trace_id: str
    sent: bool = False
    interrupted: bool = False

    async def answer(self, given: Mapping[str, Any]) -> Out:
        """The operation's value. A change or purchase under way outlives the first Ctrl-C."""
        key = self.settings.getatext_api_key
        if key is None:
            raise Unauthorized(NO_KEY, advice=KEY_ADVICE)
        async with open_gateway(self.settings) as gateway:
            caller = await gateway.callers.identify(key.get_secret_value())
            call = Call(caller, self.trace_id)
            task = asyncio.ensure_future(gateway.invoker.invoke(self.op, call, given))
            if self.op.effect is Effect.READ:
                return await task
            self.sent = True
            try:
                return await asyncio.shield(task)
            except asyncio.CancelledError:
                self.interrupted = True
                output.tell("Waiting for the provider's answer. Ctrl-C again gives it up.")
                return await task


def run(verb: Verb, op: Operation[In, Out], given: Mapping[str, Any], *, as_json: bool) -> int:
    """Run it, show its value or its error, and answer the exit code."""
    # Whoever sits here holds the account's key; pass-through is a question for callers from afar.
    settings = read_settings(gateway_pass_through=True)
    _log(settings)
    one = _Run(op, settings, secrets.token_hex(8))
    try:
        value = _answer(one, given)
    except GatewayError as error:
        output.show_error(_advised(error), verb, op, one.trace_id, as_json=as_json)
        return exit_code(error)
    output.show(value, verb, as_json=as_json)
    return INTERRUPTED if one.interrupted else OK


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
        if one.sent and one.op.effect is Effect.SPEND:
            raise OutcomeUnknown("The purchase was sent, and its answer not waited for.") from None
        raise
    except GatewayError:
        raise
    except Exception as crash:
        structlog.get_logger("gateway.cli").exception("command failed", trace_id=one.trace_id)
        raise InternalError from crash


def _advised(error: GatewayError) -> GatewayError:
    """Advice about headers means nothing at a terminal."""
    if isinstance(error, Unauthorized):
        error.detail = error.detail.replace(Unauthorized.advice, "Check GETATEXT_API_KEY.")
    return error


def _log(settings: Settings) -> None:
    """Only what is wrong, unless the settings ask for more: people came for the answer."""
    asked = "gateway_log_level" in settings.model_fields_set
    level = settings.gateway_log_level if asked else "warning"
    logs.configure(settings.gateway_log_format, level, secrets_of(settings))
