"""The REST face under /v1: one route for each operation of the catalog."""

import re
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from types import MappingProxyType
from typing import Any

from aiohttp import web
from cachetools import LRUCache
from pydantic import BaseModel

from gateway.core.auth.authentication import Callers
from gateway.core.invocation.invoker import Invoker
from gateway.core.invocation.validation import validate
from gateway.core.model.errors import InvalidRequest
from gateway.core.model.upstream_call import Effect
from gateway.core.model.values import MAX_REQUEST_ID, Cacheable, is_request_id
from gateway.core.operations.call import Call
from gateway.core.operations.catalog import CATALOG
from gateway.core.operations.operation import AnyOperation, Rest
from gateway.core.operations.webhooks import DELETE_WEBHOOK
from gateway.http.rest import responses
from gateway.http.wire.addresses import OwnAddress
from gateway.http.wire.admission import WAITS, Admission
from gateway.http.wire.auth import CALLER, key_of
from gateway.http.wire.cacheable import Wanted
from gateway.http.wire.edge import NOTE, TRACE_ID, Handler
from gateway.http.wire.inputs import TOKEN, idempotency_key, read_inputs
from gateway.http.wire.known_reads import REPEAT, Repeat
from gateway.http.wire.prebuilt import Prebuilt, PrebuiltResponse

PREFIX = "/v1/"
_MOST_TARGETS, _LONGEST_TARGET = 2000, 500


class RestFace:
    """Translates requests into calls of operations, and their values into responses."""

    def __init__(
        self, callers: Callers, invoker: Invoker, admission: Admission, address: OwnAddress
    ) -> None:
        """`callers` authenticates, `invoker` carries the operations out.

        `admission` limits how many wait at once. `address`: where what was made is found.
        """
        self._address = address
        self._callers = callers
        self._invoker = invoker
        self._admission = admission
        self._cacheable = responses.CacheableResponses()
        self._small = responses.SmallResponses()

    async def guard(self, request: web.Request) -> None:
        """Authenticate every request under /v1, also those to unknown paths."""
        if request.path.startswith(PREFIX):
            key = key_of(request)
            if key is None and (webhook := _unsubscribed(request)) is not None:
                request[CALLER] = await self._invoker.owner(webhook, request.query[TOKEN])
                return
            request[CALLER] = self._callers.recall(key) or await self._callers.identify(key)

    def routes(self) -> list[web.RouteDef]:
        """A route for each operation of the catalog; HEAD is allowed for reads."""
        return [_route(op)(op.rest.path, self._handler(op)) for op in CATALOG]

    def _handler(self, op: AnyOperation) -> Handler:
        if op.waits is not None:
            return self._waiter(op, op.waits)
        return self._reader(op) if op.rest.method == "GET" else self._writer(op)

    def _reader(self, op: AnyOperation) -> Handler:
        targets = _TargetInputs(op)

        async def handle(request: web.Request) -> web.StreamResponse:
            given = targets.cached(request.raw_path) or await targets.read(request)
            value = await self._value(op, request, given)
            if isinstance(given, BaseModel):
                request[REPEAT] = self._repeat(op, request, given)
            if isinstance(value, Cacheable):
                return PrebuiltResponse(self._cacheable.render(value, Wanted.by(request)))
            return PrebuiltResponse(self._small.render(value))

        return handle

    async def _value(
        self, op: AnyOperation, request: web.Request, given: Mapping[str, Any] | BaseModel
    ) -> BaseModel:
        call = Call(request[CALLER], request[TRACE_ID], note=request[NOTE])
        value: BaseModel = (await self._invoker.answer(op, call, given)).value
        return value

    def _repeat(self, op: AnyOperation, request: web.Request, asked: BaseModel) -> Repeat:
        """How the same is read again."""
        key, caller, wanted = key_of(request), request[CALLER], Wanted.by(request)
        again = self._invoker.at_once(op, caller, asked)
        render = responses.Repeated(self._cacheable, wanted).render

        async def handle(request: web.Request) -> PrebuiltResponse:
            request[CALLER] = self._callers.recall(key) or await self._callers.identify(key)
            return PrebuiltResponse(render(await self._value(op, request, asked)))

        if again is None:
            return Repeat(handle)

        def at_once() -> Prebuilt | None:
            if self._callers.recall(key) is not caller:
                return None
            value = again()
            return None if value is None else render(value)

        return Repeat(handle, at_once)

    def _waiter(self, op: AnyOperation, seconds: str) -> Handler:
        targets = _TargetInputs(op)

        async def handle(request: web.Request) -> web.StreamResponse:
            given = targets.cached(request.raw_path) or await targets.read(request)
            caller = request[CALLER]
            call = Call(caller, request[TRACE_ID], note=request[NOTE])
            waits = getattr(given, seconds, 0)  # invalid inputs, which are refused, have none
            with self._admission.held(request, caller, WAITS) if waits else nullcontext():
                answer = await self._invoker.answer(op, call, given)
            return PrebuiltResponse(self._small.render(answer.value))

        return handle

    def _writer(self, op: AnyOperation) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            given = await read_inputs(op, request)
            request_id = _request_id(op, request)
            call = Call(request[CALLER], request[TRACE_ID], request_id, note=request[NOTE])
            answer = await self._invoker.answer(op, call, given)
            location = op.rest.location and self._location(op.rest, request, answer.value)
            return responses.render(answer, op.rest.success, location)

        return handle

    def _location(self, rest: Rest, request: web.Request, value: BaseModel) -> str:
        """Where what was made is found."""
        assert rest.location is not None  # noqa: S101 - for the type checker
        before = self._address.of(request) if rest.absolute else self._address.path
        return before + rest.location.format(value=value)


class _TargetInputs:
    """Caches one read operation's validated inputs by request target (path and query).

    It saves pollers, who repeat the same target, the parsing and the validation.
    """

    def __init__(self, op: AnyOperation) -> None:
        self._op = op
        self._cached: LRUCache[str, BaseModel] = LRUCache(_MOST_TARGETS)
        self.cached = self._cached.get

    async def read(self, request: web.Request) -> Mapping[str, Any] | BaseModel:
        given = await read_inputs(self._op, request)
        try:
            asked: BaseModel = validate(self._op.takes, given)
        except InvalidRequest:
            return given  # the invoker refuses and counts it
        if len(request.raw_path) <= _LONGEST_TARGET:
            self._cached[request.raw_path] = asked
        return asked


def _request_id(op: AnyOperation, request: web.Request) -> str | None:
    """The header Idempotency-Key, which purchases accept in place of request_id."""
    if op.effect is not Effect.SPEND or (given := idempotency_key(request)) is None:
        return None
    if not is_request_id(given):
        raise InvalidRequest(
            f"Idempotency-Key: must be 1 to {MAX_REQUEST_ID} printable ASCII characters."
        )
    return given


def _unsubscribed(request: web.Request) -> str | None:
    """The id of the webhook that a request deletes by its token; None where it does not."""
    if request.method != DELETE_WEBHOOK.rest.method or TOKEN not in request.query:
        return None
    found = _A_WEBHOOK(request.path)
    return None if found is None else found[1]


def _route(op: AnyOperation) -> Callable[[str, Handler], web.RouteDef]:
    return _ROUTES[op.rest.method]


_ROUTES = MappingProxyType({"GET": web.get, "POST": web.post, "DELETE": web.delete})
_A_WEBHOOK = re.compile(
    re.escape(DELETE_WEBHOOK.rest.path).replace(r"\{webhook_id\}", "([^/]+)") + "/?"
).fullmatch
