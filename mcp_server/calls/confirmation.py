"""Asks a person to confirm a purchase, in both eras of the protocol.

Until 2025-11-25 the question is an elicitation request while the tool call runs. From 2026-07-28
the call ends with the question, and the client repeats it with the answer and a sealed state. A
client can replay that state until it expires; so it carries the request id (idempotency key) of the
purchase, under which the ledger buys once.

Clients without a person declare that they can ask, and answer by themselves at once. Such a cancel
or yes is no person's answer. A decline may be either, so it never buys.
"""

import asyncio
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from cachetools import TTLCache
from pydantic import ValidationError

from mcp_server.ports import JSON_ONLY

if TYPE_CHECKING:
    from mcp_types import CallToolRequestParams, InputRequiredResult

    from mcp_server.ports import McpContext

STATE_SECONDS = 600.0
"""How long a client may take to answer a question that it carries."""
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


class Verdict(StrEnum):
    """What became of a question."""

    CONFIRMED = "confirmed"  # a person agreed
    NOBODY = "nobody"  # nobody could be asked
    DECLINED = "declined"  # by a person, or by a client that asked nobody
    REFUSED = "refused"  # sent without the yes
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class Answered:
    """The verdict on a purchase, which is made, if at all, under this `request_id`."""

    verdict: Verdict
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


class Questions:
    """Puts questions and judges their answers, of which the first one counts."""

    def __init__(self, least_seconds: float, wall: Callable[[], float] = time.time) -> None:
        """A yes within `least_seconds` is the client's own; `wall`: seconds since 1970.

        The time of a question is the wall clock's, for another node may get the answer.
        """
        self._least = least_seconds
        self._wall = wall
        self._not_confirmed: TTLCache[str, Verdict] = TTLCache(10_000, STATE_SECONDS)

    def answered(
        self, params: "CallToolRequestParams", question: str | None = None
    ) -> Answered | None:
        """The answer that a call carries, to this question or to any; None where there is none."""
        answer = (params.input_responses or {}).get(_KEY)
        if answer is None or params.request_state is None:
            return None
        state = json.loads(params.request_state)
        if question not in (None, state["question"]) or "asked_at" not in state:
            return None  # the price has changed, or a node of an earlier version asked
        asked, seconds = state["id"], self._wall() - state["asked_at"]
        verdict = self._not_confirmed.get(asked) or self._verdict(answer, seconds)
        if verdict is not Verdict.CONFIRMED:
            # A client or a proxy may send a quick yes again later.
            self._not_confirmed[asked] = verdict
        return Answered(verdict, _request_id(asked))

    async def ask(self, ctx: "McpContext", question: str) -> "Answered | InputRequiredResult":
        """The answer, or the result by which the client asks for it."""
        if _is_modern(ctx):
            return self._carried(question)
        return Answered(await self._ask_during_call(ctx, question), _request_id(_new_id()))

    async def _ask_during_call(self, ctx: "McpContext", question: str) -> Verdict:
        from mcp.shared.exceptions import MCPError
        from mcp_types import CONNECTION_CLOSED

        asked_at = time.monotonic()
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                answer = await ctx.session.elicit_form(question, _FORM, ctx.request_id)
        except TimeoutError:
            return Verdict.UNANSWERED
        except MCPError as error:
            hung_up = error.code == CONNECTION_CLOSED
            return Verdict.UNANSWERED if hung_up else Verdict.NOBODY
        except ValidationError:  # an answer of a form that the protocol does not have
            return Verdict.REFUSED
        return self._verdict(answer, time.monotonic() - asked_at)

    def _carried(self, question: str) -> "InputRequiredResult":
        from mcp_types import ElicitRequest, ElicitRequestFormParams, InputRequiredResult

        params = ElicitRequestFormParams(message=question, requested_schema=_FORM)
        state = {"question": question, "id": _new_id(), "asked_at": self._wall()}
        return InputRequiredResult(
            input_requests={_KEY: ElicitRequest(params=params)}, request_state=json.dumps(state)
        )

    def _verdict(self, answer: Any, seconds: float) -> Verdict:
        """The verdict of an answer that came after so many seconds; negative: a clock went back."""
        action, content = getattr(answer, "action", None), getattr(answer, "content", None)
        if action == "cancel":
            return Verdict.NOBODY
        if action != "accept":
            return Verdict.DECLINED
        if (content or {}).get(_FIELD) is not True:
            return Verdict.REFUSED
        return Verdict.CONFIRMED if seconds >= self._least else Verdict.NOBODY


def _new_id() -> str:
    return secrets.token_hex(12)


def _request_id(asked: str) -> str:
    return f"mcp-{asked}"


def _is_modern(ctx: "McpContext") -> bool:
    return ctx.protocol_version >= _MODERN
