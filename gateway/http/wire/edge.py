"""The outermost layer of every request: trace id, access log, CORS, and errors as responses."""

import random
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiohttp import hdrs, web

from gateway.core.model.errors import GatewayError, InternalError, InvalidRequest
from gateway.core.model.redact import may_hold_key
from gateway.http.wire import problems
from gateway.http.wire.cors import Cors, Headers, is_preflight, preflight
from gateway.http.wire.prebuilt import REQUEST_ID, SERVER

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
WholeHandler = Callable[[Any], Awaitable[web.StreamResponse]]
"""The handler of a whole application, whose requests come from aiohttp's own factory."""
Render = Callable[[web.Request, GatewayError, str], web.StreamResponse]
TRACE_ID = web.RequestKey("trace_id", str)
_CORS: web.RequestKey[Headers] = web.RequestKey("cors", tuple)
_TRACE_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}").fullmatch
_UNFRAMED = "Transfer-Encoding: must be chunked, or left out."
_KEY_HEADERS = ("X-API-Key", "Auth", "Authorization")

log = structlog.get_logger("gateway.http")


class Edge:
    """Wraps the application's handler. `draining` closes each connection after its response."""

    def __init__(
        self,
        guard: Callable[[web.Request], Awaitable[None]],
        render: Render,
        cors: Cors,
        *,
        access_log: bool,
    ) -> None:
        """`guard` runs before the handler, and raises to refuse the request.

        `render` makes the response to an error, in the format of the request's face. `cors` adds
        headers to every response, and answers preflight requests before the guard.
        `access_log` writes a line per request, never with its query, which may hold a key.
        """
        self._guard = guard
        self._render = render
        self._cors = cors
        self._access_log = access_log
        self.draining = False

    def around(self, handler: WholeHandler, router: web.UrlDispatcher) -> WholeHandler:
        """The handler of a whole application, with this layer around it.

        A middleware would do the same, at a tenth of the time of an answer from a cache.
        """
        varies = self._cors.varies

        async def edge(request: Any) -> web.StreamResponse:
            begun = time.perf_counter() if self._access_log else 0.0
            trace_id = request[TRACE_ID] = _trace_id(request)
            cors: Headers = ()
            if varies or hdrs.ORIGIN in request.headers:
                cors = request[_CORS] = self._cors.headers(request)
            framed = _is_framed(request)
            if framed:
                response = await self._answer(request, handler, router, trace_id, cors)
            else:
                response = self._render(request, InvalidRequest(_UNFRAMED), trace_id)
            if not response.prepared:
                _add_headers(response, trace_id, cors)
                if self.draining or not framed:
                    response.force_close()
            if self._access_log:
                template = await _template(request, router)
                _log_access(request, response, template, trace_id, time.perf_counter() - begun)
            return response

        return edge

    async def _answer(
        self,
        request: web.Request,
        handler: Handler,
        router: web.UrlDispatcher,
        trace_id: str,
        cors: Headers,
    ) -> web.StreamResponse:
        try:
            if cors and is_preflight(request):
                return preflight()
            await self._guard(request)
            return await handler(request)
        except GatewayError as error:
            return self._render(request, error, trace_id)
        except web.HTTPException as error:
            return self._render(request, problems.from_http(error), trace_id)
        except Exception as fault:
            if isinstance(fault, ConnectionError) and disconnected(request):
                raise  # the client is gone, and nothing of ours failed
            path = await _template(request, router)
            log.exception("request failed", trace_id=trace_id, path=path)
            return self._render(request, InternalError(), trace_id)


def _add_headers(response: web.StreamResponse, trace_id: str, cors: Headers) -> None:
    response.headers[REQUEST_ID] = trace_id
    if isinstance(response, web.Response):  # a prebuilt one has it
        response.headers[hdrs.SERVER] = SERVER
    if cors:
        response.headers.extend(cors)


def headers_of(request: web.Request) -> Headers:
    """What this layer adds to a response, for a handler that prepares its own."""
    return ((REQUEST_ID, request[TRACE_ID]), *request.get(_CORS, ()))


def _is_framed(request: web.Request) -> bool:
    """Whether everybody on the way agrees where the request ends.

    aiohttp also takes an empty Transfer-Encoding, and codings before `chunked`, which a proxy may
    read in another way. What comes next on the connection is then anybody's (request smuggling).
    """
    coding = request.headers.get(hdrs.TRANSFER_ENCODING)
    return coding is None or coding.lower() == "chunked"


def _trace_id(request: web.Request) -> str:
    given = request.headers.get(REQUEST_ID)
    if given and _TRACE_ID(given) and not _is_secret(given, request):
        return given
    return f"{random.getrandbits(64):016x}"


def _is_secret(given: str, request: web.Request) -> bool:
    """Whether a caller sent its key as trace id, which goes into the log and to others."""
    keys = [value for name in _KEY_HEADERS for value in request.headers.getall(name, ())]
    keys += request.query.getall("api_key", ())
    return may_hold_key(given) or any(key.endswith(given) for key in keys)


async def _template(request: web.Request, router: web.UrlDispatcher) -> str:
    """The route's pattern for the log; the path itself may hold a secret, or an attempt at one.

    The same with and without a slash at the end.
    """
    resource = (await router.resolve(request)).route.resource
    return (resource.canonical.rstrip("/") or "/") if resource else "(none)"


def _log_access(
    request: web.Request,
    response: web.StreamResponse,
    template: str,
    trace_id: str,
    seconds: float,
) -> None:
    log.info(
        "request",
        method=request.method,
        path=template,
        status=response.status,
        milliseconds=round(seconds * 1000, 1),
        trace_id=trace_id,
    )


def disconnected(request: web.BaseRequest) -> bool:
    """Whether the connection of a request is closed or closing."""
    transport = request.transport
    return transport is None or transport.is_closing()
