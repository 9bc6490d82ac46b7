"""The REST face under /v1: one route for each operation of the catalog."""

from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web
from cachetools import LRUCache
from pydantic import BaseModel

from gateway.core.auth.authentication import Callers
from gateway.core.invocation.invoker import Invoker
from gateway.core.invocation.validation import validate
from gateway.core.model.errors import InvalidRequest
from gateway.core.model.upstream_call import Effect
from gateway.core.model.values import Cacheable, is_request_id
from gateway.core.operations.call import Call
from gateway.core.operations.catalog import CATALOG
from gateway.core.operations.operation import AnyOperation
from gateway.http.rest import responses as rendering
from gateway.http.wire.auth import CALLER, key_of
from gateway.http.wire.edge import TRACE_ID, Handler
from gateway.http.wire.inputs import read_inputs

PREFIX = "/v1/"
_TARGETS, _SHORT_TARGET = 2000, 500


class RestFace:
    """Translates requests into calls, and values into responses."""

    def __init__(self, callers: Callers, invoker: Invoker) -> None:
        """Take who knows the callers, and the one door."""
        self._callers = callers
        self._invoker = invoker
        self._kept = rendering.KeptBodies()
        self._small = rendering.SmallBodies()

    async def guard(self, request: web.Request) -> None:
        """Before anything else under /v1, even its 404: find out who is calling."""
        if request.path.startswith(PREFIX):
            key = key_of(request)
            request[CALLER] = self._callers.recall(key) or await self._callers.identify(key)

    def routes(self) -> list[web.RouteDef]:
        """The catalog as routes; HEAD only where nothing changes."""
        return [_route(op)(op.rest.path, self._handler(op)) for op in CATALOG]

    def _handler(self, op: AnyOperation) -> Handler:
        return self._reader(op) if op.rest.method == "GET" else self._writer(op)

    def _reader(self, op: AnyOperation) -> Handler:
        targets = _Targets(op)

        async def handle(request: web.Request) -> web.StreamResponse:
            given = targets.known(request.raw_path) or await targets.read(request)
            call = Call(request[CALLER], request[TRACE_ID])
            value = (await self._invoker.answer(op, call, given)).value
            if isinstance(value, Cacheable):
                return self._kept.render(value, request)
            return self._small.render(value)

        return handle

    def _writer(self, op: AnyOperation) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            given = await read_inputs(op, request)
            call = Call(request[CALLER], request[TRACE_ID], _request_id(op, request))
            answer = await self._invoker.answer(op, call, given)
            location = op.rest.location and op.rest.location.format(id=answer.value.id)
            return rendering.render(answer, op.rest.success, location)

        return handle


class _Targets:
    """The inputs of one operation that are all in its address, as they were read the first time."""

    def __init__(self, op: AnyOperation) -> None:
        self._op = op
        self._known: LRUCache[str, BaseModel] = LRUCache(_TARGETS)
        self.known = self._known.get

    async def read(self, request: web.Request) -> Mapping[str, Any] | BaseModel:
        given = await read_inputs(self._op, request)
        try:
            asked: BaseModel = validate(self._op.takes, given)
        except InvalidRequest:
            return given  # the one door refuses and counts it
        if len(request.raw_path) <= _SHORT_TARGET:
            self._known[request.raw_path] = asked
        return asked


def _request_id(op: AnyOperation, request: web.Request) -> str | None:
    """The header Idempotency-Key, which purchases take beside request_id."""
    given = request.headers.get("Idempotency-Key")
    if given is None or op.effect is not Effect.SPEND:
        return None
    if not is_request_id(given):
        raise InvalidRequest("Idempotency-Key: must be 1 to 64 printable ASCII characters.")
    return given


def _route(op: AnyOperation) -> Callable[[str, Handler], web.RouteDef]:
    return web.get if op.rest.method == "GET" else web.post
