"""Purchases by agents: estimated, and confirmed by a person above a price."""

import asyncio
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from gateway.core.invocation.validation import validate
from gateway.core.model.callers import Caller
from gateway.core.model.errors import InvalidRequest
from gateway.core.model.values import money_text
from gateway.core.operations.call import Answer, Call
from gateway.core.operations.operation import AnyOperation
from mcp_server.calls import replays
from mcp_server.calls.confirmation import Answered, Questions, Verdict, can_ask
from mcp_server.calls.quotes import Estimate, Estimator
from mcp_server.calls.refusals import confirmation_required, not_confirmed
from mcp_server.options import McpOptions
from mcp_server.ports import OperationInvoker
from mcp_server.tools import results
from mcp_server.tools.adjustments import ALLOW_DUPLICATE

if TYPE_CHECKING:
    from mcp_types import CallToolRequestParams, InputRequiredResult

    from mcp_server.ports import McpContext

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PurchaseCall:
    """A tool call that buys something: the request of the client, the operation, the caller."""

    ctx: "McpContext"
    params: "CallToolRequestParams"
    op: AnyOperation
    call: Call


class ToolPurchases:
    """Makes purchases. One that was begun is finished although its client disconnects."""

    def __init__(self, invoker: OperationInvoker, options: McpOptions) -> None:
        """`invoker` makes the purchases; `options` say which of them a person confirms."""
        self._invoker = invoker
        self._options = options
        self._estimator = Estimator(invoker)
        self._questions = Questions(options.min_answer_seconds)
        self._running: set[asyncio.Task[Any]] = set()

    async def result(self, purchase: PurchaseCall, given: Json) -> "Json | InputRequiredResult":
        """The result of a purchase, or the result by which the client asks a person first.

        Raises GatewayError where nothing was bought or where it is not known.
        """
        op = purchase.op
        again = _flag(given.pop(ALLOW_DUPLICATE, False))
        call = replace(purchase.call, over_mcp=True, allow_duplicate=again)
        asked = validate(op.takes, given)
        carried = self._questions.answered(purchase.params)
        if carried:
            given.setdefault("request_id", carried.request_id)
        if "request_id" in given:  # its first answer counts, whatever it would cost now
            earlier = await self._invoker.repeated(op, call, given)
            if earlier is not None:
                return await self._result(call, earlier)
        return await self._first(replace(purchase, call=call), asked, given, carried)

    async def _first(
        self, purchase: PurchaseCall, asked: BaseModel, given: Json, carried: Answered | None
    ) -> "Json | InputRequiredResult":
        """The result of a purchase that was not made before; `carried`: an answer to a question."""
        op, call = purchase.op, purchase.call
        estimate = await self._estimator.estimate(op, call, asked)
        if carried:  # to whatever price: without a yes it is not bought for another one either
            _check_not_refused(carried, call.caller, estimate)
        most = estimate.cap  # what a person agrees to, although the call gives no max_price
        threshold = self._threshold(call.caller)
        if estimate.likely is None or estimate.likely > threshold:
            answered = await self._answered(purchase, given, estimate)
            if answered is not None and not isinstance(answered, Answered):
                return answered
            if answered and not carried and await self._has_risen(estimate, purchase, asked):
                return await self._first(purchase, asked, given, None)
            if answered:
                given.setdefault("request_id", answered.request_id)
        elif most is not None:
            # Without a confirmation it must not cost more, even if the price rises meanwhile.
            most = min(most, threshold)
        answer = await asyncio.shield(self._start(op, replace(call, at_most=most), given))
        return await self._result(call, answer)

    async def drain(self) -> None:
        """Wait until every purchase under way has its answer."""
        while self._running:
            await asyncio.wait(self._running)

    def _threshold(self, caller: Caller) -> Decimal:
        of_key = caller.limits.confirm_above if caller.limits else None
        return self._options.confirm_above if of_key is None else of_key

    async def _answered(
        self, purchase: PurchaseCall, given: Json, estimate: Estimate
    ) -> "Answered | InputRequiredResult | None":
        """The answer by which it may be bought, the question to ask, or None: bought unasked."""
        caller = purchase.call.caller
        answered: Answered | InputRequiredResult | None = None
        if can_ask(purchase.ctx):
            question = _question(estimate)
            answered = self._questions.answered(purchase.params, question)
            if answered is None:
                # Nobody is asked about a purchase that would be refused.
                await self._invoker.check(purchase.op, purchase.call, given)
                answered = await self._questions.ask(purchase.ctx, question)
            if not isinstance(answered, Answered):
                return answered
            _check_not_refused(answered, caller, estimate)
            if answered.verdict is Verdict.CONFIRMED:
                return answered
        if self._options.unconfirmed == "refuse":
            raise confirmation_required(caller, estimate.likely)
        return answered

    async def _has_risen(
        self, estimate: Estimate, purchase: PurchaseCall, asked: BaseModel
    ) -> bool:
        """Whether what takes no cap costs more by now than a person was told."""
        if estimate.cap is not None or estimate.price is None:
            return False
        now = await self._estimator.estimate(purchase.op, purchase.call, asked)
        return now.price is not None and now.price > estimate.price

    def _start(self, op: AnyOperation, call: Call, given: Json) -> "asyncio.Task[Answer[Any]]":
        task: asyncio.Task[Answer[Any]] = asyncio.ensure_future(
            self._invoker.answer(op, call, given)
        )
        self._running.add(task)
        task.add_done_callback(self._task_ended)
        return task

    async def _result(self, call: Call, answer: Answer[Any]) -> Json:
        if answer.replayed:
            return await replays.result(self._invoker, call, answer)
        return results.result(results.structured_content(answer.value))

    def _task_ended(self, task: "asyncio.Task[Any]") -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # marks it as retrieved: after a disconnect the task is not awaited


def _check_not_refused(answered: Answered, caller: Caller, estimate: Estimate) -> None:
    """Raise NotConfirmed, unless a person agreed or nobody could be asked."""
    if answered.verdict not in (Verdict.CONFIRMED, Verdict.NOBODY):
        raise not_confirmed(answered.verdict, caller, estimate.likely)


def _question(estimate: Estimate) -> str:
    cost = "what the provider asks" if estimate.price is None else _usd(estimate.price)
    cap = f", at most {_usd(estimate.cap)}" if estimate.cap not in (None, estimate.price) else ""
    return f"{estimate.what}? It costs {cost}{cap}, charged at once."


def _usd(amount: Decimal | None) -> str:
    return f"{money_text(amount or Decimal(0))} USD"


def _flag(raw: object) -> bool:
    if isinstance(raw, str) and raw.strip().lower() in {"true", "false"}:
        return raw.strip().lower() == "true"
    if not isinstance(raw, bool):
        raise InvalidRequest(f"{ALLOW_DUPLICATE}: must be true or false.")
    return raw
