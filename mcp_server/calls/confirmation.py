"""Asks a person to confirm a purchase, in both eras of the protocol.

Until 2025-11-25 the question is an elicitation request while the tool call runs. From 2026-07-28
the call ends with the question, and the client repeats it with the answer and a sealed state. A
client can replay that state until it expires; so it carries the request id (idempotency key) of the
purchase, under which the ledger buys once.
"""

import asyncio
import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mcp_server.ports import JSON_ONLY
from mcp_server.tools.errors import NotConfirmed

if TYPE_CHECKING:
    from mcp_types import CallToolRequestParams, ElicitResult, InputRequiredResult

    from mcp_server.ports import McpContext

_KEY = "purchase"
_FIELD = "confirm"
_MODERN = "2026-07-28"
_ANSWER_SECONDS = 240.0
_FORM: dict[str, Any] = {
    "type": "object",
    "properties": {
        _FIELD: {"type": "boolean", "title": "Buy it", "description": "Yes: spend this money now."}
    },
    "required": [_FIELD],
}


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A person agreed to a purchase, which is made under this `request_id` however often asked."""

    request_id: str


def can_ask(ctx: "McpContext") -> bool:
    """Whether the client supports elicitation by a form, in the way that its era needs."""
    capabilities = ctx.session.client_capabilities
    asks = capabilities.elicitation if capabilities else None
    if asks is None or (asks.form is None and asks.url is not None):
        return False
    if _is_modern(ctx):
        return True
    json_only = ctx.request is not None and ctx.request.scope.get(JSON_ONLY, False)
    return ctx.session.can_send_request and not json_only


async def ask(
    ctx: "McpContext", params: "CallToolRequestParams", question: str
) -> "Confirmation | InputRequiredResult":
    """The confirmation, or the result by which the client asks for it. Raises NotConfirmed."""
    if not _is_modern(ctx):
        return _confirmation(await _ask_during_call(ctx, question), secrets.token_hex(12))
    answer = (params.input_responses or {}).get(_KEY)
    if answer is None or params.request_state is None:
        return _question(question)
    state = json.loads(params.request_state)
    if state["question"] != question:  # the price has changed in between
        return _question(question)
    return _confirmation(answer, state["id"])


async def _ask_during_call(ctx: "McpContext", question: str) -> "ElicitResult":
    from mcp.shared.exceptions import MCPError

    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            return await ctx.session.elicit_form(question, _FORM, ctx.request_id)
    except TimeoutError:
        raise NotConfirmed("The person who was asked did not answer in time.") from None
    except MCPError:
        raise NotConfirmed("The client could not ask a person.") from None


def _question(question: str) -> "InputRequiredResult":
    from mcp_types import ElicitRequest, ElicitRequestFormParams, InputRequiredResult

    params = ElicitRequestFormParams(message=question, requested_schema=_FORM)
    state = {"question": question, "id": secrets.token_hex(12)}
    return InputRequiredResult(
        input_requests={_KEY: ElicitRequest(params=params)}, request_state=json.dumps(state)
    )


def _confirmation(answer: Any, request_id: str) -> Confirmation:
    content = getattr(answer, "content", None) or {}
    if getattr(answer, "action", None) != "accept" or content.get(_FIELD) is not True:
        raise NotConfirmed
    return Confirmation(f"mcp-{request_id}")


def _is_modern(ctx: "McpContext") -> bool:
    return ctx.protocol_version >= _MODERN
