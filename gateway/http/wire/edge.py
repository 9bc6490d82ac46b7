"""The outermost layer of every request: trace id, access log, CORS, and errors as responses.

Also what is counted of it.
"""

import random
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog
from aiohttp import hdrs, web

from gateway.core.model.errors import GatewayError, InternalError, InvalidRequest
from gateway.core.model.redact import may_hold_key, redacted_path
from gateway.core.operations.call import CallNote
from gateway.http.wire import problems
from gateway.http.wire.access_log import who_and_what
from gateway.http.wire.addresses import Proxy
from gateway.http.wire.cors import Cors, Headers, is_preflight, preflight
from gateway.http.wire.known_reads import REPEAT, KnownRead, KnownReads
from gateway.http.wire.prebuilt import REQUEST_ID, SERVER, PrebuiltResponse

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
WholeHandler = Callable[[Any], Awaitable[web.StreamResponse]]
"""The handler of a whole application, whose requests come from aiohttp's own factory."""
Render = Callable[[web.Request, GatewayError, str], web.StreamResponse]
TRACE_ID = web.RequestKey("trace_id", str)
NOTE = web.RequestKey("note", CallNote)
"""What the request came to, filled in by the operation that it runs."""
Ended = Callable[[str, str, int, float], None]
"""Told of each answered request: its face, its operation, the status, and how long it took."""
_SENT = web.RequestKey("sent", int)
_GONE = 499  # as nginx has it: the client left before its answer
_CORS: web.RequestKey[Headers] = web.RequestKey("cors", tuple)
_TRACE_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}").fullmatch
_UNFRAMED = "Transfer-Encoding: must be chunked, or left out."
_FACES = (
    ("/v1/events/stream", "events"),
    ("/v1/", "rest"),
    ("/api/v1/", "getatext"),
    ("/stubs/handler_api.php", "sms_activate"),
    ("/daisysms/", "daisysms"),
    ("/stubs/", "getatext_get"),
    ("/mcp", "mcp"),
    ("/webhooks/", "webhook"),
)
FACES = tuple(face for _, face in _FACES)
"""The names of the faces, as they stand in the log and in metrics."""
_NO_FACE = "pages"
_KEY_HEADERS = ("X-API-Key", "X-ApiKey", "Auth", "Authorization")

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
        ended: Ended,
        proxies: Sequence[Proxy] = (),
    ) -> None:
        """`guard` runs before the handler, and raises to refuse the request.

        `render` makes the response to an error, in the format of the request's face. `cors` adds
        headers to every response, and answers preflight requests before the guard.
        `access_log` writes a line per request, never with its query, which may hold a key; the
        client's address is that which the `proxies` tell. `ended` counts.
        """
        self._guard = guard
        self._render = render
        self._cors = cors
        self._access_log = access_log
        self._ended = ended
        self._proxies = proxies
        self._known = KnownReads()
        self.draining = False

    def around(self, handler: WholeHandler, router: web.UrlDispatcher) -> WholeHandler:
        """The handler of a whole application, with this layer around it.

        A middleware would do the same, at a tenth of the time of an answer from a cache.
        """

        async def guarded(request: Any) -> web.StreamResponse:
            if request.get(_CORS) and is_preflight(request):
                return preflight()
            await self._guard(request)
            return await handler(request)

        async def edge(request: Any) -> web.StreamResponse:
            begun = time.perf_counter()
            known = None
            if request.method == hdrs.METH_GET and not self.draining:
                known = self._known.find(request)
            if known is not None and (told := self._told(request, known, begun)) is not None:
                return told
            run = guarded if known is None else known.repeat.handle
            return await self._respond(request, run, router, known, begun)

        return edge

    async def _respond(
        self,
        request: web.Request,
        run: Handler,
        router: web.UrlDispatcher,
        known: KnownRead | None,
        begun: float,
    ) -> web.StreamResponse:
        request[NOTE] = CallNote()
        trace_id = request[TRACE_ID] = _trace_id(request)
        cors: Headers = ()
        if self._cors.varies or hdrs.ORIGIN in request.headers:
            cors = request[_CORS] = self._cors.headers(request)
        framed, status = _is_framed(request), _GONE
        try:
            if framed:
                response = await self._answer(request, run, router)
            else:
                response = self._render(request, InvalidRequest(_UNFRAMED), trace_id)
            status = response.status
        finally:  # cancelled, too: the client of a stream leaves in no other way
            await self._account_for(request, router, known, request.get(_SENT, status), begun)
        if not response.prepared:
            _add_headers(response, trace_id, cors)
            if self.draining or not framed:
                response.force_close()
        return response

    def _told(
        self, request: web.Request, known: KnownRead, begun: float
    ) -> PrebuiltResponse | None:
        """The response to a read that can be answered from memory, counted and logged."""
        at_once = known.repeat.at_once
        prebuilt = None if at_once is None else at_once()
        if prebuilt is None:
            return None
        trace_id = _new_trace_id()
        response = PrebuiltResponse(prebuilt, trace_id)
        if known.cors:
            response.headers.extend(known.cors)
        seconds, status = time.perf_counter() - begun, prebuilt.head.status
        self._ended(known.face, known.note.operation, status, seconds)
        if self._access_log:
            request[NOTE], request[TRACE_ID] = known.note, trace_id
            self._log_access(request, status, known.path, known.face, seconds)
        return response

    async def _answer(
        self,
        request: web.Request,
        handler: Handler,
        router: web.UrlDispatcher,
    ) -> web.StreamResponse:
        try:
            return await handler(request)
        except GatewayError as error:
            if _SENT in request:  # its answer has begun, and can only be broken off
                return _broken_off(request)
            return self._render(request, error, request[TRACE_ID])
        except web.HTTPException as error:
            return self._render(request, problems.from_http(error), request[TRACE_ID])
        except Exception as fault:
            if isinstance(fault, ConnectionError) and disconnected(request):
                raise  # the client is gone, and nothing of ours failed
            path, trace_id = await _path(request, router), request[TRACE_ID]
            log.exception("request failed", trace_id=trace_id, path=path)
            return self._render(request, InternalError(), trace_id)

    async def _account_for(
        self,
        request: web.Request,
        router: web.UrlDispatcher,
        known: KnownRead | None,
        status: int,
        begun: float,
    ) -> None:
        """Count a request that has ended, log it, and keep a read that may come again."""
        seconds = time.perf_counter() - begun
        face = _face(request.path) if known is None else known.face
        self._ended(face, request[NOTE].operation, status, seconds)
        repeat = request.get(REPEAT) if known is None else None
        if repeat is None and not self._access_log:
            return
        path = await _path(request, router) if known is None else known.path
        if repeat is not None:
            cors = request.get(_CORS, ())
            self._known.keep(request, KnownRead(repeat, face, path, request[NOTE], cors))
        if self._access_log:
            self._log_access(request, status, path, face, seconds)

    def _log_access(
        self, request: web.Request, status: int, path: str, face: str, seconds: float
    ) -> None:
        log.info(
            "request",
            method=request.method,
            path=path,
            status=status,
            milliseconds=round(seconds * 1000, 1),
            face=face,
            trace_id=request[TRACE_ID],
            **who_and_what(request, request[NOTE], self._proxies),
        )


def _broken_off(request: web.Request) -> web.Response:
    """Close the connection, so that the client sees that its answer is not whole.

    What is returned is sent to nobody.
    """
    if request.transport is not None:
        request.transport.close()
    return web.Response(status=request[_SENT])


async def name_server(request: web.Request, response: web.StreamResponse) -> None:
    """Name the server on what a handler sends by itself: a signal before each is sent."""
    response.headers[hdrs.SERVER] = SERVER
    request[_SENT] = response.status


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
    return _new_trace_id()


def _new_trace_id() -> str:
    return f"{random.getrandbits(64):016x}"


def _is_secret(given: str, request: web.Request) -> bool:
    """Whether a caller sent its key as trace id, which goes into the log and to others."""
    keys = [value for name in _KEY_HEADERS for value in request.headers.getall(name, ())]
    keys += request.query.getall("api_key", ())
    # The last word: one may be sent as "Bearer KEY".
    return may_hold_key(given) or any(given in key.split()[-1:] for key in keys)


def _face(path: str) -> str:
    if path.startswith("//"):  # as some tools spell their paths
        path = path[1:]
    for prefix, face in _FACES:
        if path.startswith(prefix):
            return face
    return _NO_FACE


async def _path(request: web.Request, router: web.UrlDispatcher) -> str:
    """The route's pattern for the log, the same with and without a slash at the end.

    An unknown path as it was asked for, without what may be a secret, or an attempt at one.
    """
    found = await router.resolve(request)
    if (resource := found.route.resource) is not None:
        return resource.canonical.rstrip("/") or "/"
    return redacted_path(request.rel_url.raw_path, lambda part: _is_secret(part, request))


def disconnected(request: web.BaseRequest) -> bool:
    """Whether the connection of a request is closed or closing."""
    transport = request.transport
    return transport is None or transport.is_closing()
