"""Runs tools: from an agent's arguments to the one door, and from its answer to a result."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from gateway.core.model.errors import Forbidden, GatewayError, InternalError, InvalidRequest
from gateway.core.model.values import Charged, Kept
from gateway.core.operations.call import Call
from gateway.core.operations.operation import Effect
from mcp_server.calls import waiting
from mcp_server.calls.purchases import Order, Purchases
from mcp_server.options import McpOptions
from mcp_server.ports import Invokes
from mcp_server.tools import results
from mcp_server.tools.adjustments import LIMIT, Page, Wait
from mcp_server.tools.definitions import Json, Tools, ToolSpec

if TYPE_CHECKING:
    from mcp_types import CallToolRequestParams, InputRequiredResult

    from mcp_server.calls.confirmation import Context

log = logging.getLogger(__name__)

_COUNTED = 1000


@dataclass(frozen=True, slots=True)
class Turn:
    """One call of a tool: who asks, for what, and over which wire."""

    ctx: "Context"
    params: "CallToolRequestParams"
    spec: ToolSpec
    call: Call
    given: Json


class Calls:
    """Runs the tools of one server."""

    def __init__(self, invoker: Invokes, tools: Tools, options: McpOptions) -> None:
        """Take the one door and what may be done through it."""
        self._invoker = invoker
        self._tools = tools
        self._purchases = Purchases(invoker, options)
        self._kept = results.KeptResults()

    async def run(
        self, ctx: "Context", params: "CallToolRequestParams", call: Call
    ) -> "Json | InputRequiredResult":
        """The result of a call; whatever goes wrong is a result too. A tool must be known."""
        spec = self._tools.of(call.caller).get(params.name)
        effect = spec.op.effect if spec else Effect.READ
        try:
            if spec is None:
                raise Forbidden(f"{params.name} is not open to this key: it may only read.")
            # What a model leaves out it often writes as null.
            given = {k: v for k, v in (params.arguments or {}).items() if v is not None}
            return await self._result(Turn(ctx, params, spec, call, given))
        except GatewayError as error:
            return results.failure(error, call.trace_id, effect)
        except Exception:
            log.exception("tool failed: %s, trace_id %s", params.name, call.trace_id)
            return results.failure(_fault(effect), call.trace_id, effect)

    async def drain(self) -> None:
        """Wait until every purchase under way has its answer."""
        await self._purchases.drain()

    async def _result(self, turn: Turn) -> "Json | InputRequiredResult":
        _require(turn)
        if turn.spec.op.effect is Effect.SPEND:
            order = Order(turn.ctx, turn.params, turn.spec.op, turn.call)
            return await self._purchases.result(order, turn.given)
        if rules := turn.spec.adjusted.wait:
            return results.result(results.with_hint(results.told(await self._wait(turn, rules))))
        if page := turn.spec.adjusted.page:
            return await self._list(turn, page)
        return results.result(results.told(await self._ask(turn, turn.given)))

    async def _ask(self, turn: Turn, given: Mapping[str, Any]) -> Any:
        return await self._invoker.invoke(turn.spec.op, turn.call, given)

    async def _wait(self, turn: Turn, rules: Wait) -> BaseModel:
        return await waiting.wait(
            rules,
            turn.given,
            lambda given: self._ask(turn, given),
            turn.ctx.session.report_progress,
        )

    async def _list(self, turn: Turn, page: Page) -> Json:
        limit = _limit(turn.given, page)
        if page.whole:
            given = {name: value for name, value in turn.given.items() if name != LIMIT}
            return results.result(
                results.cut(results.told(await self._ask(turn, given)), page, limit)
            )
        value = await self._ask(turn, {**turn.given, LIMIT: limit})
        left_out = 0
        if value.next_cursor is not None:
            rest = {**turn.given, LIMIT: _COUNTED, "cursor": value.next_cursor}
            left_out = len((await self._ask(turn, rest)).data)
        if isinstance(value, Kept):
            return self._kept.of(value, left_out)
        return results.result(results.counted(value, left_out))


def _fault(effect: Effect) -> GatewayError:
    """A fault of ours. Whether a purchase was made before it is not known here."""
    if effect is not Effect.SPEND:
        return InternalError()
    return InternalError(charged=Charged.UNKNOWN, advice=results.LOOK_FIRST)


def _require(turn: Turn) -> None:
    for name in turn.spec.adjusted.required:
        if name not in turn.given:
            raise InvalidRequest(f"{name}: is required.")


def _limit(given: Mapping[str, Any], page: Page) -> int:
    try:
        return max(1, min(int(given.get(LIMIT, page.usual)), page.most))
    except (TypeError, ValueError, OverflowError):
        raise InvalidRequest(f"{LIMIT}: must be a whole number.") from None
