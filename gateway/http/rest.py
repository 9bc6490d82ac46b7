"""The REST face under /v1: one route for each operation of the catalog."""

from collections.abc import Callable

from aiohttp import web

from gateway.core.callers import Caller, Callers
from gateway.core.catalog import CATALOG
from gateway.core.invoke import Call, Invoker
from gateway.core.operation import AnyOperation
from gateway.core.values import Kept
from gateway.http import rendering
from gateway.http.auth import key_of
from gateway.http.edge import TRACE_ID, Handler
from gateway.http.inputs import read_inputs

PREFIX = "/v1/"
CALLER = web.RequestKey("caller", Caller)


class RestFace:
    """Translates requests into calls, and values into responses."""

    def __init__(self, callers: Callers, invoker: Invoker) -> None:
        """Take who knows the callers, and the one door."""
        self._callers = callers
        self._invoker = invoker
        self._kept = rendering.KeptBodies()

    async def guard(self, request: web.Request) -> None:
        """Before anything else under /v1, even its 404: find out who is calling."""
        if request.path.startswith(PREFIX):
            request[CALLER] = await self._callers.identify(key_of(request))

    def routes(self) -> list[web.RouteDef]:
        """The catalog as routes; HEAD only where nothing changes."""
        return [_route(op)(op.rest.path, self._handler(op)) for op in CATALOG]

    def _handler(self, op: AnyOperation) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            given = await read_inputs(op, request)
            call = Call(request[CALLER], request[TRACE_ID])
            value = (await self._invoker.answer(op, call, given)).value
            if isinstance(value, Kept):
                return self._kept.render(value, request)
            location = op.rest.location and op.rest.location.format(id=value.id)
            return rendering.render(value, op.rest.success, location)

        return handle


def _route(op: AnyOperation) -> Callable[[str, Handler], web.RouteDef]:
    return web.get if op.rest.method == "GET" else web.post
