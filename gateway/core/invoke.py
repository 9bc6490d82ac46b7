"""The one door: whatever the face, a call is validated, authorised and run here."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from gateway.core.answers import Answer
from gateway.core.callers import Caller
from gateway.core.desk import Desk
from gateway.core.errors import GatewayError, InvalidRequest, Unauthorized
from gateway.core.freshness import PriceBook
from gateway.core.operation import Effect, Operation
from gateway.core.ports import Connect, Observer
from gateway.core.provider_errors import UpstreamAuthFailed
from gateway.core.values import blank_to_absent

In = TypeVar("In", bound=BaseModel)
Out = TypeVar("Out", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Call:
    """One call: who asks, and the name by which it is found in the log."""

    caller: Caller
    trace_id: str


class Invoker:
    """Runs operations. A face never caches, retries, counts or spends: it comes here."""

    def __init__(self, connect: Connect, price_book: PriceBook, observer: Observer) -> None:
        """Take the way to the provider and the policies' helpers."""
        self._connect = connect
        self._price_book = price_book
        self._observer = observer
        self._running: set[asyncio.Task[Any]] = set()

    async def invoke(self, op: Operation[In, Out], call: Call, given: Mapping[str, Any]) -> Out:
        """The value of one operation, for faces that need nothing else of its answer."""
        return (await self.answer(op, call, given)).value

    async def answer(
        self, op: Operation[In, Out], call: Call, given: Mapping[str, Any]
    ) -> Answer[Out]:
        """Run one operation. Raises GatewayError; any other exception is a fault of ours."""
        outcome = "internal_error"
        try:
            value = await self._run(op, call, validate(op.takes, given))
            outcome = "ok"
        except GatewayError as error:
            outcome = error.code
            raise
        finally:
            self._observer.operation_ended(op.name, outcome)
        return Answer(value)

    async def drain(self) -> None:
        """Wait until every change and purchase under way has its answer."""
        while self._running:
            await asyncio.wait(self._running)

    async def _run(self, op: Operation[In, Out], call: Call, asked: In) -> Out:
        caller = call.caller
        desk = Desk(caller, self._connect(caller.account.key), self._price_book)
        try:
            match op.effect:
                case Effect.READ:
                    return await op.run(desk, asked)
                case Effect.CHANGE | Effect.SPEND:
                    return await self._once(op, desk, asked)
        except UpstreamAuthFailed as refusal:
            if not caller.pass_through:
                raise
            raise Unauthorized(
                "The provider does not accept this key.", upstream=refusal.upstream
            ) from refusal

    async def _once(self, op: Operation[In, Out], desk: Desk, asked: In) -> Out:
        """Run to the end in a task of its own: a caller that hangs up stops no purchase."""
        task = asyncio.ensure_future(op.run(desk, asked))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)


def validate(takes: type[In], given: Mapping[str, Any]) -> In:
    """The input as the operation takes it. Raises InvalidRequest naming each wrong field."""
    try:
        return takes.model_validate(blank_to_absent(dict(given)))
    except ValidationError as error:
        raise InvalidRequest(_sentence(error, takes)) from None


def _sentence(error: ValidationError, takes: type[BaseModel]) -> str:
    faults = []
    for fault in error.errors(include_url=False, include_context=False)[:5]:
        name = str(fault["loc"][0]) if fault["loc"] else ""
        faults.append(f"{name[:60] or 'input'}: {_words(fault['type'], fault['msg'], takes)}")
    return "; ".join(faults) + "."


def _words(kind: str, message: str, takes: type[BaseModel]) -> str:
    if kind == "missing":
        return "is required"
    if kind == "extra_forbidden":
        known = ", ".join(takes.model_fields) or "none"
        return f"is not an input of this operation (inputs: {known})"
    message = message.removeprefix("Value error, ").rstrip(".")
    return message[:1].lower() + message[1:]
