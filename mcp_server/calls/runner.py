"""Runs a tool: invokes its operation with the arguments and turns the answer into a result."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel

from gateway.core.model.errors import Forbidden, GatewayError, InternalError, InvalidRequest
from gateway.core.model.upstream_call import Effect
from gateway.core.model.values import Cacheable, Charged, without_blanks
from gateway.core.operations.call import Call
from gateway.core.operations.replacement import REPLACE_RENTAL
from mcp_server.calls import waiting
from mcp_server.calls.hints import WaitHints
from mcp_server.calls.purchases import PurchaseCall, ToolPurchases
from mcp_server.options import McpOptions
from mcp_server.ports import OperationInvoker
from mcp_server.tools import results
from mcp_server.tools.adjustments import HINT, LIMIT, PageRules
from mcp_server.tools.definitions import Json, Tools, ToolSpec

if TYPE_CHECKING:
    from mcp_types import CallToolRequestParams, InputRequiredResult

    from mcp_server.ports import McpContext

log = logging.getLogger(__name__)

_MAX_PAGE = 1000  # of the operations: more rows than that are not counted


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a tool: the request of the client, the caller, and the arguments given."""

    ctx: "McpContext"
    params: "CallToolRequestParams"
    spec: ToolSpec
    call: Call
    given: Json


class ToolRunner:
    """Runs the tools of one server: purchases, waits, lists and everything else."""

    def __init__(self, invoker: OperationInvoker, tools: Tools, options: McpOptions) -> None:
        """`tools` are those that may be called; `invoker` runs their operations."""
        self._invoker = invoker
        self._tools = tools
        self._purchases = ToolPurchases(invoker, options)
        self._hints = WaitHints(invoker)
        self._result_cache = results.ResultCache()

    async def run(
        self, ctx: "McpContext", params: "CallToolRequestParams", call: Call
    ) -> "Json | InputRequiredResult":
        """The result of a call, whatever goes wrong included. The server must have the tool."""
        spec = self._tools.visible_to(call.caller).get(params.name)
        effect = spec.op.effect if spec else Effect.READ
        try:
            if spec is None:
                raise Forbidden(f"{params.name} is not open to this key: it may only read.")
            given = without_blanks(params.arguments or {})
            return await self._result(ToolCall(ctx, params, spec, call, given))
        except GatewayError as error:
            return results.failure(error, call.trace_id, effect)
        except Exception:
            log.exception("tool failed: %s, trace_id %s", params.name, call.trace_id)
            return results.failure(_internal_error(effect), call.trace_id, effect)

    async def drain(self) -> None:
        """Wait until every purchase under way has its answer."""
        await self._purchases.drain()

    async def _result(self, tool_call: ToolCall) -> "Json | InputRequiredResult":
        _check_required(tool_call)
        if tool_call.spec.op.effect is Effect.SPEND:
            purchase = PurchaseCall(
                tool_call.ctx, tool_call.params, tool_call.spec.op, tool_call.call
            )
            return await self._purchases.result(purchase, tool_call.given)
        if page_rules := tool_call.spec.adjustment.page:
            return await self._list(tool_call, page_rules)
        if tool_call.spec.adjustment.wait:
            content = results.structured_content(await self._answer(tool_call, tool_call.given))
            return results.result(await self._with_hint(tool_call, content))
        value = await self._invoke(tool_call, tool_call.given)
        return results.result(results.structured_content(value))

    async def _invoke(self, tool_call: ToolCall, given: Mapping[str, Any]) -> Any:
        return await self._invoker.invoke(tool_call.spec.op, tool_call.call, given)

    async def _answer(self, tool_call: ToolCall, given: Mapping[str, Any]) -> BaseModel:
        """The answer of a call without pages, which waits for it where its tool does."""
        rules = tool_call.spec.adjustment.wait
        if rules is None:
            return cast(BaseModel, await self._invoke(tool_call, given))
        return await waiting.wait(
            rules,
            given,
            lambda given: self._invoke(tool_call, given),
            tool_call.ctx.session.report_progress,
        )

    async def _with_hint(self, tool_call: ToolCall, content: Json) -> Json:
        """The content of a wait with what to do next, where there is anything to say."""
        caller = tool_call.call.caller
        may_buy = REPLACE_RENTAL.name in self._tools.visible_to(caller)
        hint = await self._hints.of(tool_call.call, content, may_buy=may_buy)
        return content if hint is None else {**content, HINT: hint}

    async def _list(self, tool_call: ToolCall, rules: PageRules) -> Json:
        limit = _limit(tool_call.given, rules)
        if rules.whole:
            given = {name: value for name, value in tool_call.given.items() if name != LIMIT}
            content = results.structured_content(await self._answer(tool_call, given))
            return results.result(results.cut_page(content, rules, limit))
        value = await self._invoke(tool_call, {**tool_call.given, LIMIT: limit})
        left_out = 0
        if value.next_cursor is not None:
            rest = {**tool_call.given, LIMIT: _MAX_PAGE, "cursor": value.next_cursor}
            left_out = len((await self._invoke(tool_call, rest)).data)
        if isinstance(value, Cacheable):
            return self._result_cache.of(value, left_out)
        return results.result(results.page_content(value, left_out))


def _internal_error(effect: Effect) -> GatewayError:
    """The error for an unexpected exception; a purchase may have been charged before it."""
    if effect is not Effect.SPEND:
        return InternalError()
    return InternalError(charged=Charged.UNKNOWN, advice=results.LOOK_FIRST)


def _check_required(tool_call: ToolCall) -> None:
    for name in tool_call.spec.adjustment.required:
        if name not in tool_call.given:
            raise InvalidRequest(f"{name}: is required.")


def _limit(given: Mapping[str, Any], rules: PageRules) -> int:
    try:
        return max(1, min(int(given.get(LIMIT, 0)) or rules.default_limit, rules.max_limit))
    except (TypeError, ValueError, OverflowError):
        raise InvalidRequest(f"{LIMIT}: must be a whole number.") from None
