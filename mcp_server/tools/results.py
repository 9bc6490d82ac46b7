"""Values and errors as the results of tool calls, in the form they have on the wire."""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json

from gateway.core.identity_cache import IdentityCache
from gateway.core.model.errors import (
    AlreadyReplaced,
    BudgetExceeded,
    DuplicatePurchase,
    Forbidden,
    GatewayError,
    InternalError,
    InvalidRequest,
    OutcomeUnknown,
    RateLimited,
    ServiceNotAllowed,
    ServiceNotFound,
    Unauthorized,
)
from gateway.core.model.provider_errors import LOST_CHANGE, PriceTooHigh, UpstreamRefused
from gateway.core.model.upstream_call import Effect
from gateway.core.model.values import Cacheable, Charged, money_text
from mcp_server.tools.adjustments import LEFT_OUT, PageRules
from mcp_server.tools.sanitize import clean_json, clean_text, with_code_texts

Json = dict[str, Any]

ERROR_META = "getatext-gateway/error"
REPLAYED_META = "getatext-gateway/replayed"
LOOK_FIRST = "Do not repeat it: look first at get_balance and at list_rentals or list_long_rentals."
_MAX_DETAIL = 600
_UNCHARGED = "Nothing was charged."
_ADVICE: Mapping[type[GatewayError], str] = {
    RateLimited: "Wait {seconds} seconds, then call again.",
    PriceTooHigh: (
        "See list_prices; carrier and area_codes cost more. "
        "Raise max_price only if the user agrees."
    ),
    OutcomeUnknown: LOOK_FIRST,
    Unauthorized: "The user must correct the key in the settings of this MCP server.",
}


_NEXT: Mapping[type[GatewayError], str] = {  # where the error itself has no advice
    Forbidden: "Tell the user: only who made the key can change what it may do.",
    BudgetExceeded: "get_balance tells what is left; who made the key sets its limits.",
    ServiceNotAllowed: "Choose another service; who made the key sets what it may rent.",
    InvalidRequest: "Correct it and call again.",
    UpstreamRefused: "Check the inputs; if they are right, tell the user.",
    InternalError: "Try once more; if it fails again, tell the user.",
}


def result(content: Json) -> Json:
    """A success: the structured content, and the same as JSON text."""
    text = to_json(content).decode()
    return {
        "content": [{"type": "text", "text": text}],
        "structuredContent": content,
        "isError": False,
    }


def structured_content(value: BaseModel) -> Json:
    """A value as an agent sees it: texts made harmless, fields that are None left out."""
    content: Json = clean_json(with_code_texts(value.model_dump(mode="json", exclude_none=True)))
    return content


def cut_page(content: Json, rules: PageRules, limit: int) -> Json:
    """A whole list cut to its first `limit` rows, with how many more there are."""
    rows = content["data"]
    if rules.newest_by:
        rows = sorted(rows, key=partial(_moment, rules.newest_by), reverse=True)
    more = {LEFT_OUT: len(rows) - limit} if len(rows) > limit else {}
    return {**content, "data": rows[:limit], **more}


def _moment(field: str, row: Json) -> str:
    """An instant or a day as text that sorts by time: a whole second stands without a fraction."""
    return str(row.get(field, "")).removesuffix("Z")


class ResultCache:
    """Results of cached values: encoding the same page again would cost more than the call."""

    def __init__(self) -> None:
        """Start empty."""
        self._results: IdentityCache[Cacheable, tuple[int, Json]] = IdentityCache(256)

    def of(self, value: Cacheable, left_out: int) -> Json:
        """The result of a page; `left_out` is how many more rows there are."""
        known = self._results.get(value)
        if known is None or known[0] != left_out:
            known = self._results[value] = left_out, result(page_content(value, left_out))
        return known[1]


def page_content(value: BaseModel, left_out: int) -> Json:
    """The content of a page; `left_out` is how many more rows there are."""
    content = structured_content(value)
    return {**content, LEFT_OUT: left_out} if left_out else content


def failure(error: GatewayError, trace_id: str, effect: Effect = Effect.READ) -> Json:
    """An error as the model sees it: its code, what happened, money, and what to do.

    `effect` is that of the operation which failed.
    """
    facts = {
        "code": error.code,
        "charged": str(error.charged),
        "retryable": error.retryable,
        "trace_id": error.trace_id or trace_id,
    }
    if error.retry_after is not None:
        facts["retry_after_seconds"] = _retry_seconds(error)
    if isinstance(error, PriceTooHigh) and error.price_needed is not None:
        facts["price_needed"] = money_text(error.price_needed)
    if isinstance(error, AlreadyReplaced):
        facts["replaced_by"] = error.replaced_by
    if isinstance(error, ServiceNotFound) and error.candidates:
        facts["candidates"] = [structured_content(each) for each in error.candidates]
    if isinstance(error, DuplicatePurchase) and error.rental_id is not None:
        facts["rental_id"] = error.rental_id
    text = f"{error.code}: {_sentence(error, effect)}"
    return {
        "content": [{"type": "text", "text": f"{text}{_replay(error)}"}],
        "isError": True,
        "_meta": {ERROR_META: facts, **({REPLAYED_META: True} if error.replayed else {})},
    }


def _replay(error: GatewayError) -> str:
    """What to say of a stored answer. After a lost one a new purchase is not the way on."""
    if not error.replayed:
        return ""
    happened = " This is the first answer to this request_id again; nothing was sent now."
    again = " To try anew use a new request_id or none."
    return happened + (again if error.charged is Charged.NO else "")


def _sentence(error: GatewayError, effect: Effect) -> str:
    """The detail in an agent's terms. What the provider said is never part of it.

    "Nothing was charged" would say of a cancellation that fails that the rental was free, and of
    a second purchase that the first was. One that may have gone through may have refunded.
    """
    detail = error.detail
    said = error.upstream.message if error.upstream else ""
    if (said and said in detail) or isinstance(error, UpstreamRefused):
        detail = type(error)(charged=error.charged).detail
    for kind, advice in _ADVICE.items():
        if isinstance(error, kind):
            detail = detail.replace(kind.advice, advice.format(seconds=_retry_seconds(error)))
    if detail.endswith("charged."):
        advice = next((text for kind, text in _NEXT.items() if isinstance(error, kind)), "")
        detail = f"{detail} {advice}"
    if effect is not Effect.SPEND:
        lost = LOST_CHANGE in detail
        detail = detail.replace(_UNCHARGED, "It costs nothing." if lost else "No money moved.")
    elif isinstance(error, DuplicatePurchase):
        detail = detail.replace(_UNCHARGED, "Nothing was charged for it.")
    return clean_text(detail, _MAX_DETAIL)


def _retry_seconds(error: GatewayError) -> int:
    return max(1, math.ceil(error.retry_after or 1))
