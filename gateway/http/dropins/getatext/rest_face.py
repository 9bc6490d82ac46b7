"""Getatext's own REST API at /api/v1, for its existing clients."""

from typing import Any

from aiohttp import web

from gateway.core.model.errors import InvalidRequest
from gateway.http.dropins.common import spellings, tolerate_expect
from gateway.http.dropins.getatext.answering import CALL, Answering
from gateway.http.dropins.getatext.calls import API, CALLS, ApiCall, Fields
from gateway.http.wire.auth import key_of
from gateway.http.wire.edge import Handler
from gateway.http.wire.forms import (
    FORM,
    expect_no_prefetch,
    expect_once,
    query_parameters,
    read_parameters,
)
from gateway.http.wire.inputs import BYTE_ORDER_MARK, media_type, read_body, read_json

PREFIX = f"{API}/"


class GetatextRestFace:
    """One route for each of the provider's calls."""

    def __init__(self, answering: Answering) -> None:
        """`answering` carries the calls out."""
        self._answering = answering

    def routes(self) -> list[web.RouteDef]:
        """Every spelling of the provider's paths."""
        return [
            web.route(call.method, path, self._handler(call), expect_handler=tolerate_expect)
            for call in CALLS
            for path in spellings(call.path)
        ]

    def _handler(self, call: ApiCall) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            request[CALL] = call
            caller = await self._answering.identify(key_of(request))
            return await self._answering.answer(request, call, caller, await _fields(request, call))

        return handle


async def _fields(request: web.Request, call: ApiCall) -> Fields:
    """The fields of the body, and the id in the path.

    The body of a GET is ignored, and that of a completion: clients send none, {} or [].
    """
    in_path = dict(request.match_info)
    if call.method == "GET":
        return in_path
    expect_no_prefetch(request)
    if call.path.endswith("/completed"):
        return in_path
    if media_type(request) == FORM:
        parameters = await read_parameters(request)
        expect_once(parameters)
        return _with_path(parameters.values, in_path)
    expect_once(query_parameters(request))
    raw = (await read_body(request)).removeprefix(BYTE_ORDER_MARK)
    return _with_path(_parse(raw), in_path)


def _with_path(fields: Fields, in_path: dict[str, str]) -> Fields:
    """Both together. Raises InvalidRequest for a field with different values in path and body."""
    for name, text in in_path.items():
        if fields.get(name) not in (None, "") and str(fields[name]) != text:
            raise InvalidRequest(f"{name}: differs from the one in the address.")
    return {**fields, **in_path}


def _parse(raw: bytes) -> dict[str, Any]:
    if not raw.strip():
        return {}
    body = read_json(raw)
    if body == []:  # PHP's empty object
        return {}
    if not isinstance(body, dict):
        raise InvalidRequest("The body must be a JSON object.")
    return body
