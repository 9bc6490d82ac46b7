"""Purchases by agents: estimated, confirmed by a person above a price, and not repeated."""

import asyncio
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from gateway.core.invocation.validation import validate
from gateway.core.model.errors import GatewayError, InvalidRequest
from gateway.core.model.values import Charged, money_text
from gateway.core.operations.call import Answer, Call
from gateway.core.operations.operation import AnyOperation
from mcp_server.calls import confirmation
from mcp_server.calls.duplicates import DuplicateGuard
from mcp_server.calls.quotes import Estimate, Estimator
from mcp_server.options import McpOptions
from mcp_server.ports import OperationInvoker
from mcp_server.tools import results
from mcp_server.tools.adjustments import ALLOW_DUPLICATE
from mcp_server.tools.errors import ConfirmationRequired

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
        self._duplicates = DuplicateGuard()
        self._running: set[asyncio.Task[Any]] = set()

    async def result(self, purchase: PurchaseCall, given: Json) -> "Json | InputRequiredResult":
        """The result of a purchase, or the result by which the client asks a person first.

        Raises GatewayError where nothing was bought or where it is not known.
        """
        op = purchase.op
        again = _flag(given.pop(ALLOW_DUPLICATE, False))
        asked = validate(op.takes, given)
        if "request_id" in given:  # its first answer counts, whatever it would cost now
            earlier = await self._invoker.repeated(op, purchase.call, given)
            if earlier is not None:
                return _purchase_result(earlier)
        asked = await self._estimator.resolved(op, purchase.call, asked)
        if not ("request_id" in given or again or op.once or purchase.params.request_state):
            self._duplicates.check(purchase.call.caller, op, asked)
        estimate = await self._estimator.estimate(op, purchase.call, asked)
        most = estimate.cap  # what a person agrees to, although the call gives no max_price
        if self._must_ask(estimate):
            confirmed = await self._confirmation(purchase, estimate)
            if confirmed is not None and not isinstance(confirmed, confirmation.Confirmation):
                return confirmed
            if confirmed and "request_id" in op.takes.model_fields:
                given.setdefault("request_id", confirmed.request_id)
        elif most is not None:
            # Without a confirmation it must not cost more, even if the price rises meanwhile.
            most = min(most, self._options.confirm_above)
        purchase = replace(purchase, call=replace(purchase.call, at_most=most))
        again = again or op.once or "request_id" in given
        key = self._duplicates.begin(purchase.call.caller, op, asked, again=again)
        answer = await asyncio.shield(self._start(purchase, given, key))
        return _purchase_result(answer)

    async def drain(self) -> None:
        """Wait until every purchase under way has its answer."""
        while self._running:
            await asyncio.wait(self._running)

    def _must_ask(self, estimate: Estimate) -> bool:
        return estimate.likely is None or estimate.likely > self._options.confirm_above

    async def _confirmation(
        self, purchase: PurchaseCall, estimate: Estimate
    ) -> "confirmation.Confirmation | InputRequiredResult | None":
        """The confirmation, the question to ask, or None where it may be bought without one."""
        if confirmation.can_ask(purchase.ctx):
            return await confirmation.ask(purchase.ctx, purchase.params, _question(estimate))
        if self._options.unconfirmed == "refuse":
            raise ConfirmationRequired(advice=_how_to_allow(estimate.likely))
        return None

    def _start(
        self, purchase: PurchaseCall, given: Json, key: str
    ) -> "asyncio.Task[Answer[BaseModel]]":
        task = asyncio.create_task(self._buy(purchase, given, key))
        self._running.add(task)
        task.add_done_callback(self._task_ended)
        return task

    async def _buy(self, purchase: PurchaseCall, given: Json, key: str) -> Answer[BaseModel]:
        charged = Charged.UNKNOWN
        try:
            answer: Answer[BaseModel] = await self._invoker.answer(
                purchase.op, purchase.call, given
            )
            charged = Charged.YES
        except GatewayError as error:
            charged = error.charged
            raise
        finally:
            self._duplicates.end(key, charged=charged)
        return answer

    def _task_ended(self, task: "asyncio.Task[Any]") -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # marks it as retrieved: after a disconnect the task is not awaited


def _purchase_result(answer: Answer[BaseModel]) -> Json:
    content = results.result(results.structured_content(answer.value))
    return {**content, "_meta": {results.REPLAYED_META: True}} if answer.replayed else content


def _question(estimate: Estimate) -> str:
    cost = "what the provider asks" if estimate.price is None else _usd(estimate.price)
    cap = f", at most {_usd(estimate.cap)}" if estimate.cap not in (None, estimate.price) else ""
    return f"{estimate.what}? It costs {cost}{cap}, charged at once."


def _how_to_allow(most: Decimal | None) -> str:
    if most is None:
        return (
            "Its price is not known before: the user can allow it by setting "
            "GATEWAY_MCP_UNCONFIRMED=allow for this MCP server."
        )
    return (
        f"The user can allow it by setting GATEWAY_MCP_CONFIRM_ABOVE={money_text(most)} "
        "for this MCP server; or choose what costs less."
    )


def _usd(amount: Decimal | None) -> str:
    return f"{money_text(amount or Decimal(0))} USD"


def _flag(raw: object) -> bool:
    if isinstance(raw, str) and raw.strip().lower() in {"true", "false"}:
        return raw.strip().lower() == "true"
    if not isinstance(raw, bool):
        raise InvalidRequest(f"{ALLOW_DUPLICATE}: must be true or false.")
    return raw
