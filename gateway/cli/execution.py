"""Runs one operation for a person at a terminal, and shows its value or its error."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import click
from pydantic import BaseModel

from gateway.cli import output
from gateway.cli.exit_codes import FAILED, INTERRUPTED, MISUSED, OK, UNKNOWN
from gateway.cli.session import KEY_ADVICE, NO_KEY, own_caller, session_settings, with_gateway
from gateway.cli.verbs import Verb
from gateway.core.model.errors import (
    Forbidden,
    GatewayError,
    InternalError,
    InvalidRequest,
    LedgerUnavailable,
    OutcomeUnknown,
    RateLimited,
    Unauthorized,
)
from gateway.core.model.upstream_call import Effect
from gateway.core.model.values import Charged
from gateway.core.operations.call import Call
from gateway.core.operations.operation import AnyOperation, Operation

if TYPE_CHECKING:
    from gateway.settings import Settings
    from gateway.wiring import Gateway

In = TypeVar("In", bound=BaseModel)
Out = TypeVar("Out", bound=BaseModel)

_WHOLE = {"limit", "sort", "group_by", "wait_seconds"}  # inputs of lists that leave no row out


@dataclass(slots=True)
class _Execution(Generic[In, Out]):
    """One run of an operation, and how far it had come when a signal arrived.

    `each_page` is called with every page of a list.
    """

    op: Operation[In, Out]
    given: Mapping[str, Any]
    trace_id: str
    each_page: Callable[[Out], None] | None = None
    sent: bool = False
    answered: bool = False
    interrupted: bool = False

    async def work(self, gateway: Gateway) -> Out:
        from gateway.wiring import StoreError

        caller = await own_caller(gateway)
        self.sent = self.op.effect is not Effect.READ
        try:
            value = await self._invoke(gateway, Call(caller, self.trace_id))
        except StoreError as fault:  # not of opening: what was asked may have been done
            if isinstance(fault, LedgerUnavailable):
                raise LedgerUnavailable from fault
            _log_crash(self.trace_id)
            raise InternalError from fault
        self.answered = True
        return value

    async def _invoke(self, gateway: Gateway, call: Call) -> Out:
        value = await gateway.invoker.invoke(self.op, call, self.given)
        while self.each_page is not None:
            self.each_page(value)
            if (cursor := getattr(value, "next_cursor", None)) is None:
                break
            value = await gateway.invoker.invoke(self.op, call, {**self.given, "cursor": cursor})
        return value

    def on_signal(self) -> None:
        """Let a change or purchase under way finish; a second signal gives it up."""
        if self.answered:
            return  # the end is a moment away, and what was bought must be shown
        if not self.sent or self.interrupted:
            raise KeyboardInterrupt  # out of the loop, which then cancels everything
        self.interrupted = True
        output.to_stderr("Waiting for the provider's answer. Ctrl-C again gives it up.")


def execute_and_show(
    verb: Verb,
    op: Operation[In, Out],
    given: Mapping[str, Any],
    *,
    as_json: bool,
    wide: bool = False,
) -> int:
    """Run the operation, show its value or its error, and answer the exit code.

    `wide`: with every column of a list.
    """
    code, value = execute(verb, op, given, as_json=as_json)
    if value is not None:
        narrowed_by = _narrowing(verb, op, given)
        output.show(value, verb, as_json=as_json, wide=wide, narrowed_by=narrowed_by)
    return code


def execute(
    verb: Verb,
    op: Operation[In, Out],
    given: Mapping[str, Any],
    *,
    as_json: bool,
    each_page: Callable[[Out], None] | None = None,
) -> tuple[int, Out | None]:
    """Run the operation, and answer the exit code with its value. An error is shown here.

    With `each_page`, which is called with every page of a list, the value is the last one.
    """
    settings = session_settings()
    execution = _Execution(op, given, secrets.token_hex(8), each_page)
    try:
        value = _value(execution, settings)
    except GatewayError as error:
        advised = _advised(error)
        output.show_error(advised, verb, op, execution.trace_id, as_json=as_json)
        return exit_code(error), None
    return INTERRUPTED if execution.interrupted else OK, value


def _narrowing(verb: Verb, op: AnyOperation, given: Mapping[str, Any]) -> list[str]:
    """The options that leave rows out of a list, of those given."""
    fields = op.takes.model_fields
    return [
        verb.arguments.get(name) or verb.option(name)
        for name, value in given.items()
        if name not in _WHOLE and not fields[name].is_required() and value != fields[name].default
    ]


def exit_code(error: GatewayError) -> int:
    """The exit code that stands for an error."""
    if error.charged is Charged.UNKNOWN:
        return UNKNOWN
    misused = isinstance(error, InvalidRequest | Unauthorized | Forbidden)
    return MISUSED if misused else FAILED


def _value(execution: _Execution[In, Out], settings: Settings) -> Out:
    if settings.getatext_api_key is None:
        raise Unauthorized(NO_KEY, advice=KEY_ADVICE)
    try:
        return with_gateway(execution.work, settings=settings, on_signal=execution.on_signal)
    except KeyboardInterrupt:
        if execution.interrupted and execution.op.effect is Effect.SPEND:
            raise OutcomeUnknown("The purchase was sent, and its answer not waited for.") from None
        raise
    except BrokenPipeError:  # whoever read the rows has enough of them
        raise
    except (GatewayError, click.ClickException):
        raise
    except Exception as crash:
        _log_crash(execution.trace_id)
        raise InternalError from crash


def _log_crash(trace_id: str) -> None:
    import structlog

    structlog.get_logger("gateway.cli").exception("command failed", trace_id=trace_id)


def _advised(error: GatewayError) -> GatewayError:
    """The error with advice for a terminal: headers mean nothing here."""
    if isinstance(error, Unauthorized):
        error.detail = error.detail.replace(Unauthorized.advice, "Check GETATEXT_API_KEY.")
    if isinstance(error, RateLimited):
        wait = "a second" if error.retry_after is None else f"{math.ceil(error.retry_after)} s"
        error.detail = error.detail.replace(RateLimited.advice, f"Try again in {wait}.")
    return error
