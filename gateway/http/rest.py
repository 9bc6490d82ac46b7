"""The REST face under /v1: one route for each operation of the catalog."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web
from pydantic import BaseModel

from gateway.core.callers import Caller, Callers
from gateway.core.catalog import CATALOG
from gateway.core.errors import InvalidRequest
from gateway.core.invoke import Call, Invoker
from gateway.core.operation import AnyOperation, Effect
from gateway.core.validation import validate
from gateway.core.values import Kept
from gateway.http import rendering
from gateway.http.auth import key_of
from gateway.http.edge import TRACE_ID, Handler
from gateway.http.inputs import read_inputs

PREFIX = "/v1/"
_ADDRESSES = 256
_REQUEST_ID = re.compile(r"[\x20-\x7e]{1,64}").fullmatch
CALLER = web.RequestKey("caller", Caller)


class RestFace:
    """Translates requests into calls, and values into responses."""

    def __init__(self, callers: Callers, invoker: Invoker) -> None:
        """Take who knows the callers, and the one door."""
        self._callers = callers
        self._invoker = invoker
        self._kept = rendering.KeptBodies()
        self._bodies = rendering.LastBodies()

    async def guard(self, request: web.Request) -> None:
        """Before anything else under /v1, even its 404: find out who is calling."""
        if request.path.startswith(PREFIX):
            request[CALLER] = await self._callers.identify(key_of(request))

    def routes(self) -> list[web.RouteDef]:
        """The catalog as routes; HEAD only where nothing changes."""
        return [_route(op)(op.rest.path, self._handler(op)) for op in CATALOG]

    def _handler(self, op: AnyOperation) -> Handler:
        known = _KnownInputs(op) if op.rest.method == "GET" else None

        async def handle(request: web.Request) -> web.StreamResponse:
            given = await (known.inputs(request) if known else read_inputs(op, request))
            call = Call(request[CALLER], request[TRACE_ID], _request_id(op, request))
            answer = await self._invoker.answer(op, call, given)
            if isinstance(answer.value, Kept):
                return self._kept.render(answer.value, request)
            location = op.rest.location and op.rest.location.format(id=answer.value.id)
            body = self._bodies.of(answer.value) if op.effect is Effect.READ else answer.body
            return rendering.render(answer, op.rest.success, body, location)

        return handle


class _KnownInputs:
    """The inputs of one operation that are all in the address, as they were read the first time."""

    def __init__(self, op: AnyOperation) -> None:
        self._op = op
        self._known: dict[str, BaseModel] = {}

    async def inputs(self, request: web.Request) -> Mapping[str, Any] | BaseModel:
        address = request.raw_path
        found = self._known.get(address)
        if found is not None:
            return found
        given = await read_inputs(self._op, request)
        try:
            asked: BaseModel = validate(self._op.takes, given)
        except InvalidRequest:
            return given  # the one door refuses and counts it
        if len(self._known) >= _ADDRESSES:
            del self._known[next(iter(self._known))]
        self._known[address] = asked
        return asked


def _request_id(op: AnyOperation, request: web.Request) -> str | None:
    """The header Idempotency-Key, which purchases take beside request_id."""
    given = request.headers.get("Idempotency-Key")
    if given is None or op.effect is not Effect.SPEND:
        return None
    if not _REQUEST_ID(given):
        raise InvalidRequest("Idempotency-Key: must be 1 to 64 printable ASCII characters.")
    return given


def _route(op: AnyOperation) -> Callable[[str, Handler], web.RouteDef]:
    return web.get if op.rest.method == "GET" else web.post
