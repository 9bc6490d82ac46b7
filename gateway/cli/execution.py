"""Runs one operation for a person at a terminal, and shows its value or its error."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import click
from pydantic import BaseModel

from gateway.cli import output
from gateway.cli.exit_codes import FAILED, INTERRUPTED, MISUSED, OK, UNKNOWN
from gateway.cli.session import Operations, Session
from gateway.cli.verbs import Verb
from gateway.cli.words import UNWRITABLE
from gateway.core.model.errors import (
    Forbidden,
    GatewayBusy,
    GatewayError,
    InternalError,
    InvalidRequest,
    NotFound,
    RateLimited,
    Unauthorized,
)
from gateway.core.model.problem import lost_purchase
from gateway.core.model.upstream_call import Effect
from gateway.core.model.values import Charged
from gateway.core.operations.call import Answer
from gateway.core.operations.operation import AnyOperation, Operation

_REPLAYED = "This is the answer to the first purchase with this request id; nothing was bought now."
In = TypeVar("In", bound=BaseModel)
Out = TypeVar("Out", bound=BaseModel)

_KEYS_ELSEWHERE = "Keys belong in the header X-API-Key."
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
    asked_of: str = "provider"
    sent: bool = False
    answered: bool = False
    interrupted: bool = False

    async def work(self, operations: Operations) -> Answer[Out]:
        self.sent = self.op.effect is not Effect.READ
        answer = await operations.answer(self.op, self.given, self.trace_id)
        while self.each_page is not None:
            self.each_page(answer.value)
            if (cursor := getattr(answer.value, "next_cursor", None)) is None:
                break
            page = {**self.given, "cursor": cursor}
            answer = await operations.answer(self.op, page, self.trace_id)
        self.answered = True
        return answer

    def rows_unwritten(self, crash: Exception) -> bool:
        """Whether whoever reads the rows has enough of them, or the disk is full."""
        return self.each_page is not None and (
            isinstance(crash, BrokenPipeError)
            or (isinstance(crash, OSError) and crash.errno in UNWRITABLE)
        )

    def on_signal(self) -> None:
        """Let a change or purchase under way finish; a second signal gives it up."""
        if self.answered:
            return  # the end is a moment away, and what was bought must be shown
        if not self.sent or self.interrupted:
            raise KeyboardInterrupt  # out of the loop, which then cancels everything
        self.interrupted = True
        output.to_stderr(f"Waiting for the {self.asked_of}'s answer. Ctrl-C again gives it up.")


def execute_and_show(
    session: Session,
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
    code, value = execute(session, verb, op, given, as_json=as_json)
    if value is not None:
        narrowed_by = _narrowing(verb, op, given)
        try:
            output.show(value, verb, as_json=as_json, wide=wide, narrowed_by=narrowed_by)
        except OSError as fault:
            if op.effect is not Effect.SPEND:
                raise
            output.show_unwritten(value, fault)
            return UNKNOWN  # not what tells a script that it may buy again
    return code


def execute(
    session: Session,
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
    given = session.repeatable(op, given)
    asked_of = "gateway" if session.elsewhere else "provider"
    execution = _Execution(op, given, secrets.token_hex(8), each_page, asked_of)
    try:
        answer = _answer(execution, session)
    except GatewayError as error:
        if error.replayed:
            output.to_stderr(_REPLAYED)
        advised = advised_at_terminal(error, session)
        output.show_error(advised, verb, op, execution.trace_id, as_json=as_json)
        return exit_code(error), None
    if answer.replayed:
        output.to_stderr(_REPLAYED)
    return INTERRUPTED if execution.interrupted else OK, answer.value


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


def _answer(execution: _Execution[In, Out], session: Session) -> Answer[Out]:
    try:
        return session.run(execution.work, on_signal=execution.on_signal)
    except KeyboardInterrupt:
        if execution.interrupted and execution.op.effect is Effect.SPEND:
            given_up = "The purchase was sent, and its answer not waited for."
            raise _lost(execution, session, given_up) from None
        raise
    except (GatewayError, click.ClickException):
        raise
    except Exception as crash:
        if execution.rows_unwritten(crash):
            raise
        session.log_crash(execution.trace_id)
        if execution.sent and execution.op.effect is Effect.SPEND:
            raise _lost(
                execution, session, "The command failed after it had sent the purchase."
            ) from crash
        raise InternalError from crash


def _lost(execution: _Execution[Any, Any], session: Session, happened: str) -> GatewayError:
    """The error of a purchase that was sent, and may have been made."""
    request_id = execution.given.get("request_id") if session.elsewhere else None
    return lost_purchase(happened, request_id, execution.given.get("max_price"))


def advised_at_terminal(error: GatewayError, session: Session) -> GatewayError:
    """The error with advice for a terminal: headers and addresses mean nothing here."""
    wait = "a second" if error.retry_after is None else f"{math.ceil(error.retry_after)} s"
    again = f"Try again in {wait}."
    for said, instead in (
        (Unauthorized.advice, session.key_advice),
        (RateLimited.advice, again),
        (GatewayBusy.advice, again),
        (NotFound.advice, "The gateway there may be older, or at another address."),
        (_KEYS_ELSEWHERE, "Keys belong in GATEWAY_KEY or GETATEXT_API_KEY."),
    ):
        error.detail = error.detail.replace(said, instead)
    return error
