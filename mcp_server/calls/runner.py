"""Runs tools: from an agent's arguments to the one door, and from its answer to a result."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from gateway.core.model.errors import Forbidden, GatewayError, InternalError, InvalidRequest
from gateway.core.model.upstream_call import Effect
from gateway.core.model.values import Cacheable, Charged
from gateway.core.operations.call import Call
from mcp_server.calls import waiting
from mcp_server.calls.purchases import PurchaseCall, ToolPurchases
from mcp_server.options import McpOptions
from mcp_server.ports import Invokes
from mcp_server.tools import results
from mcp_server.tools.adjustments import LIMIT, PageRules, WaitRules
from mcp_server.tools.definitions import Json, Tools, ToolSpec

if TYPE_CHECKING:
    from mcp_types import CallToolRequestParams, InputRequiredResult

    from mcp_server.calls.confirmation import McpContext

log = logging.getLogger(__name__)

_COUNTED = 1000


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a tool: who asks, for what, and over which wire."""

    ctx: "McpContext"
    params: "CallToolRequestParams"
    spec: ToolSpec
    call: Call
    given: Json


class ToolRunner:
    """Runs the tools of one server."""

    def __init__(self, invoker: Invokes, tools: Tools, options: McpOptions) -> None:
        """Take the one door and what may be done through it."""
        self._invoker = invoker
        self._tools = tools
        self._purchases = ToolPurchases(invoker, options)
        self._kept = results.ResultCache()

    async def run(
        self, ctx: "McpContext", params: "CallToolRequestParams", call: Call
    ) -> "Json | InputRequiredResult":
        """The result of a call; whatever goes wrong is a result too. A tool must be known."""
        spec = self._tools.of(call.caller).get(params.name)
        effect = spec.op.effect if spec else Effect.READ
        try:
            if spec is None:
                raise Forbidden(f"{params.name} is not open to this key: it may only read.")
            # What a model leaves out it often writes as null.
            given = {k: v for k, v in (params.arguments or {}).items() if v is not None}
            return await self._result(ToolCall(ctx, params, spec, call, given))
        except GatewayError as error:
            return results.failure(error, call.trace_id, effect)
        except Exception:
            log.exception("tool failed: %s, trace_id %s", params.name, call.trace_id)
            return results.failure(_fault(effect), call.trace_id, effect)

    async def drain(self) -> None:
        """Wait until every purchase under way has its answer."""
        await self._purchases.drain()

    async def _result(self, tool_call: ToolCall) -> "Json | InputRequiredResult":
        _require(tool_call)
        if tool_call.spec.op.effect is Effect.SPEND:
            order = PurchaseCall(tool_call.ctx, tool_call.params, tool_call.spec.op, tool_call.call)
            return await self._purchases.result(order, tool_call.given)
        if rules := tool_call.spec.adjusted.wait:
            return results.result(
                results.with_hint(results.told(await self._wait(tool_call, rules)))
            )
        if page := tool_call.spec.adjusted.page:
            return await self._list(tool_call, page)
        return results.result(results.told(await self._ask(tool_call, tool_call.given)))

    async def _ask(self, tool_call: ToolCall, given: Mapping[str, Any]) -> Any:
        return await self._invoker.invoke(tool_call.spec.op, tool_call.call, given)

    async def _wait(self, tool_call: ToolCall, rules: WaitRules) -> BaseModel:
        return await waiting.wait(
            rules,
            tool_call.given,
            lambda given: self._ask(tool_call, given),
            tool_call.ctx.session.report_progress,
        )

    async def _list(self, tool_call: ToolCall, page: PageRules) -> Json:
        limit = _limit(tool_call.given, page)
        if page.whole:
            given = {name: value for name, value in tool_call.given.items() if name != LIMIT}
            return results.result(
                results.cut(results.told(await self._ask(tool_call, given)), page, limit)
            )
        value = await self._ask(tool_call, {**tool_call.given, LIMIT: limit})
        left_out = 0
        if value.next_cursor is not None:
            rest = {**tool_call.given, LIMIT: _COUNTED, "cursor": value.next_cursor}
            left_out = len((await self._ask(tool_call, rest)).data)
        if isinstance(value, Cacheable):
            return self._kept.of(value, left_out)
        return results.result(results.counted(value, left_out))


def _fault(effect: Effect) -> GatewayError:
    """A fault of ours. Whether a purchase was made before it is not known here."""
    if effect is not Effect.SPEND:
        return InternalError()
    return InternalError(charged=Charged.UNKNOWN, advice=results.LOOK_FIRST)


def _require(tool_call: ToolCall) -> None:
    for name in tool_call.spec.adjusted.required:
        if name not in tool_call.given:
            raise InvalidRequest(f"{name}: is required.")


def _limit(given: Mapping[str, Any], page: PageRules) -> int:
    try:
        return max(1, min(int(given.get(LIMIT, page.usual)), page.most))
    except (TypeError, ValueError, OverflowError):
        raise InvalidRequest(f"{LIMIT}: must be a whole number.") from None
