"""Purchases that pass a relay: none is sent twice, and none whose answer is lost is left unknown.

Each gets a request id (idempotency key) where it has none: where its answer is lost, repeating the
call with that id gives the answer and buys nothing twice.
"""

import json
import secrets
from collections.abc import Mapping
from typing import Any

from cachetools import LRUCache

from gateway.core.invocation.validation import check_names
from gateway.core.model.errors import Forbidden, GatewayError, InvalidRequest, Unauthorized
from gateway.core.model.http_errors import PayloadTooLarge
from gateway.core.model.problem import lost_purchase
from gateway.core.model.provider_errors import UpstreamBadResponse, UpstreamUnavailable
from gateway.core.model.upstream_call import Effect
from gateway.core.operations.catalog import TOOLS
from mcp_server.relay.messages import Json, params_of, result_of

REFUSALS: Mapping[int, type[GatewayError]] = {
    401: Unauthorized,
    403: Forbidden,
    413: PayloadTooLarge,
}
"""What the status says where the SDK or a proxy refuses in words of its own: nothing was run."""
_REQUEST_ID = "request_id"
_BY_NAME = {op.name: op for op in TOOLS}
_MOST_QUESTIONS = 1000


def effect_of(message: Mapping[str, Any]) -> Effect:
    """What a request does; a tool that is not known here may spend."""
    if message.get("method") != "tools/call":
        return Effect.READ
    op = _BY_NAME.get(str(params_of(message).get("name")))
    return op.effect if op else Effect.SPEND


class RequestIds:
    """Gives purchases request ids, the same one to a call before and after its confirmation."""

    def __init__(self) -> None:
        """Start without questions."""
        self._asked: LRUCache[str, str] = LRUCache(_MOST_QUESTIONS)

    def completed(self, request: Json, line: str) -> Json:
        """The request with a request id, where it buys and has none."""
        params = params_of(request)
        op = _BY_NAME.get(str(params.get("name")))
        given = params.get("arguments") or {}
        if (
            effect_of(request) is not Effect.SPEND
            or op is None
            or _REQUEST_ID not in op.takes.model_fields
            or not isinstance(given, dict)
            or given.get(_REQUEST_ID) not in (None, "")
            or _says_twice(line)
        ):
            return request
        state = params.get("requestState")
        request_id = self._asked.get(state) if isinstance(state, str) else _new_id()
        if request_id is None:  # asked by another relay, under an id that the state carries
            return request
        arguments = {**given, _REQUEST_ID: request_id}
        return {**request, "params": {**params, "arguments": arguments}}

    def note(self, request: Json, answer: Json) -> None:
        """Remember under which id a person is asked about a purchase."""
        state = result_of(answer).get("requestState")
        if isinstance(state, str) and (request_id := _request_id(request)):
            self._asked[state] = request_id


def unreachable() -> GatewayError:
    """The error of a request that was not sent."""
    return UpstreamUnavailable("The gateway cannot be reached.")


def lost_answer(
    request: Json, *, unreadable: bool = False, status: int | None = None
) -> GatewayError:
    """The error of a request whose answer did not arrive, or cannot be read.

    The `status` of HTTP tells a wrong address from a fault.
    """
    said = "" if status is None else f" (HTTP {status})"
    lost = "could not be read" if unreadable else "was lost"
    happened = f"The answer of the gateway{said} {lost}."
    if effect_of(request) is not Effect.SPEND:
        return UpstreamBadResponse(happened) if unreadable else unreachable()
    return lost_purchase(happened, _request_id(request))


def _request_id(request: Json) -> str | None:
    given = params_of(request).get("arguments")
    request_id = given.get(_REQUEST_ID) if isinstance(given, dict) else None
    return request_id if isinstance(request_id, str) else None


def _new_id() -> str:
    return f"mcp-{secrets.token_hex(12)}"


def _says_twice(line: str) -> bool:
    """Whether a name stands twice, which the gateway refuses: it must not be hidden from it."""
    try:
        check_names(line)
    except InvalidRequest:
        return True
    except (json.JSONDecodeError, RecursionError):
        return False
    return False
