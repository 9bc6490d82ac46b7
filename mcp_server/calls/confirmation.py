"""Asks a person to agree to a purchase, in both eras of the protocol.

Until 2025-11-25 the question is a request to the client while the call runs. From 2026-07-28 the
call ends with the question, and comes again with the answer and a sealed state. That state can be
sent again for some minutes; so it carries the request id of the purchase it allows, and the ledger
buys once under one id.
"""

import asyncio
import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mcp_server.tools.errors import NotConfirmed

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext
    from mcp_types import CallToolRequestParams, ElicitResult, InputRequiredResult

    McpContext = ServerRequestContext[Any, Any]

_KEY = "purchase"
_FIELD = "confirm"
_MODERN = "2026-07-28"
_PATIENCE = 240.0
_FORM: dict[str, Any] = {
    "type": "object",
    "properties": {
        _FIELD: {"type": "boolean", "title": "Buy it", "description": "Yes: spend this money now."}
    },
    "required": [_FIELD],
}


@dataclass(frozen=True, slots=True)
class Agreed:
    """A person agreed; `request_id` is the one under which this is bought, whoever asks again."""

    request_id: str


def can_ask(ctx: "McpContext") -> bool:
    """Whether the client can put a question to a person."""
    capabilities = ctx.session.client_capabilities
    asks = capabilities.elicitation if capabilities else None
    if asks is None or (asks.form is None and asks.url is not None):
        return False
    return _modern(ctx) or ctx.session.can_send_request


async def ask(
    ctx: "McpContext", params: "CallToolRequestParams", question: str
) -> "Agreed | InputRequiredResult":
    """The agreement, or the question for the client to put. Raises NotConfirmed."""
    if not _modern(ctx):
        return _judged(await _ask_now(ctx, question), secrets.token_hex(12))
    answer = (params.input_responses or {}).get(_KEY)
    if answer is None or params.request_state is None:
        return _question(question)
    state = json.loads(params.request_state)
    if state["question"] != question:  # the price has changed in between
        return _question(question)
    return _judged(answer, state["id"])


async def _ask_now(ctx: "McpContext", question: str) -> "ElicitResult":
    from mcp.shared.exceptions import MCPError

    try:
        async with asyncio.timeout(_PATIENCE):
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


def _judged(answer: Any, request_id: str) -> Agreed:
    content = getattr(answer, "content", None) or {}
    if getattr(answer, "action", None) != "accept" or content.get(_FIELD) is not True:
        raise NotConfirmed
    return Agreed(f"mcp-{request_id}")


def _modern(ctx: "McpContext") -> bool:
    return ctx.protocol_version >= _MODERN
