"""A purchase by an agent: looked at, agreed to where it is dear, and never bought twice."""

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
from mcp_server.calls.quotes import Estimate, Estimates
from mcp_server.options import McpOptions
from mcp_server.ports import Invokes
from mcp_server.tools import results
from mcp_server.tools.adjustments import ALLOW_DUPLICATE
from mcp_server.tools.errors import ConfirmationRequired

if TYPE_CHECKING:
    from mcp_types import CallToolRequestParams, InputRequiredResult

    from mcp_server.calls.confirmation import McpContext

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PurchaseCall:
    """What an agent wants to buy, and over which wire it asks."""

    ctx: "McpContext"
    params: "CallToolRequestParams"
    op: AnyOperation
    call: Call


class ToolPurchases:
    """Buys. Once a purchase is sent it runs to its end, whoever hangs up."""

    def __init__(self, invoker: Invokes, options: McpOptions) -> None:
        """Take the one door and the rules."""
        self._invoker = invoker
        self._options = options
        self._estimates = Estimates(invoker)
        self._recent = DuplicateGuard()
        self._running: set[asyncio.Task[Any]] = set()

    async def result(self, order: PurchaseCall, given: Json) -> "Json | InputRequiredResult":
        """The result of a purchase, or the question that comes before it."""
        op = order.op
        again = _flag(given.pop(ALLOW_DUPLICATE, False))
        asked = validate(op.takes, given)
        if "request_id" in given:  # whatever has become of the price since
            earlier = await self._invoker.repeated(op, order.call, given)
            if earlier is not None:
                return _told(earlier)
        elif not (again or order.params.request_state):
            self._recent.check(order.call.caller, op, asked)
        estimate = await self._estimates.of(op, order.call, asked)
        if self._must_ask(estimate):
            agreed = await self._agreement(order, estimate)
            if agreed is not None and not isinstance(agreed, confirmation.Agreed):
                return agreed
            if agreed and "request_id" in op.takes.model_fields:
                given.setdefault("request_id", agreed.request_id)
        elif estimate.cap is not None:
            # Nobody was asked: whatever happens to the price meanwhile, it costs no more.
            most = min(estimate.cap, self._options.confirm_above)
            order = replace(order, call=replace(order.call, at_most=most))
        name = self._recent.begin(
            order.call.caller, op, asked, again=again or "request_id" in given
        )
        answer = await asyncio.shield(self._start(order, given, name))
        return _told(answer)

    async def drain(self) -> None:
        """Wait until every purchase under way has its answer."""
        while self._running:
            await asyncio.wait(self._running)

    def _must_ask(self, estimate: Estimate) -> bool:
        return estimate.likely is None or estimate.likely > self._options.confirm_above

    async def _agreement(
        self, order: PurchaseCall, estimate: Estimate
    ) -> "confirmation.Agreed | InputRequiredResult | None":
        """Agreed, the question to put, or None where nobody need be asked."""
        if confirmation.can_ask(order.ctx):
            return await confirmation.ask(order.ctx, order.params, _question(estimate))
        if self._options.unconfirmed == "refuse":
            raise ConfirmationRequired(advice=_raise_the_limit(estimate.likely))
        return None

    def _start(
        self, order: PurchaseCall, given: Json, name: str
    ) -> "asyncio.Task[Answer[BaseModel]]":
        task = asyncio.create_task(self._buy(order, given, name))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    async def _buy(self, order: PurchaseCall, given: Json, name: str) -> Answer[BaseModel]:
        charged = Charged.UNKNOWN
        try:
            answer: Answer[BaseModel] = await self._invoker.answer(order.op, order.call, given)
            charged = Charged.YES
        except GatewayError as error:
            charged = error.charged
            raise
        finally:
            self._recent.end(name, charged=charged)
        return answer

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # a caller that hung up does not ask for it


def _told(answer: Answer[BaseModel]) -> Json:
    content = results.result(results.told(answer.value))
    return {**content, "_meta": {results.REPLAYED_META: True}} if answer.replayed else content


def _question(estimate: Estimate) -> str:
    cost = "what the provider asks" if estimate.price is None else _usd(estimate.price)
    cap = f", at most {_usd(estimate.cap)}" if estimate.cap not in (None, estimate.price) else ""
    return f"{estimate.what}? It costs {cost}{cap}, charged at once."


def _raise_the_limit(most: Decimal | None) -> str:
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
