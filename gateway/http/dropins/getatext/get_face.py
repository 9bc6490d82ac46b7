"""Getatext's own GET form at /stubs/handler_api: its calls, with everything in the query."""

from typing import Any

from aiohttp import web

from gateway.core.model.errors import InvalidRequest
from gateway.http.dropins.common import spellings, tolerate_expect
from gateway.http.dropins.getatext.answering import CALL, Answering
from gateway.http.dropins.getatext.calls import GET_ACTIONS
from gateway.http.wire.forms import (
    expect_no_prefetch,
    expect_once,
    is_body_unread,
    key_in,
    read_parameters,
)

PATH = "/stubs/handler_api"
_BUYING = "getNumber"
_CHANGING = (_BUYING, "cancelRental")


class GetatextGetFace:
    """One path; the parameter `action` selects the call."""

    def __init__(self, answering: Answering) -> None:
        """`answering` carries the calls out."""
        self._answering = answering

    def routes(self) -> list[web.RouteDef]:
        """Every spelling of the path, for GET and POST; HEAD could buy a number."""
        paths = spellings(PATH)
        more: dict[str, Any] = {"expect_handler": tolerate_expect}
        return [
            *(web.get(path, self._handle, allow_head=False, **more) for path in paths),
            *(web.post(path, self._handle, **more) for path in paths),
        ]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        parameters = await read_parameters(request)
        action = parameters.get("action") or ""
        call = GET_ACTIONS.get(action)
        if call is not None:
            request[CALL] = call
        caller = await self._answering.identify(key_in(request, parameters))
        if call is None:
            raise InvalidRequest(f"action: must be one of {', '.join(GET_ACTIONS)}.")
        if action in _CHANGING:
            expect_no_prefetch(request)
        if action == _BUYING:
            expect_once(parameters)
            if await is_body_unread(request):
                raise InvalidRequest("body: this call takes its parameters in the query or a form.")
        fields = {**parameters.values, "id": parameters.get("rental_id") or parameters.get("id")}
        return await self._answering.answer(request, call, caller, fields)
