"""Runs an ASGI application inside an aiohttp handler.

It supports what the SDK's transport needs: disconnects that are noticed, streams whose headers are
sent at once, and a single write for any other response. A body is read before the application runs.
"""

import asyncio
import codecs
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from aiohttp import web
from aiohttp.client_exceptions import ClientConnectionResetError

from gateway.core.invocation.validation import check_names
from gateway.core.model.errors import InvalidRequest
from gateway.core.model.http_errors import RequestTimeout

Message = dict[str, Any]
Scope = dict[str, Any]
Headers = list[tuple[bytes, bytes]]
Asgi = Callable[..., Awaitable[None]]
OnStart = Callable[[Message], None]
OnEnd = Callable[[], None]

log = logging.getLogger(__name__)

BODY_SECONDS = 10.0
POLL_SECONDS = 0.5
GRACE_SECONDS = 2.0
LINGER_SECONDS = 30.0
_MOST_READ = 256 * 1024  # the SDK takes no longer bodies, and says so

_HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-connection te trailer transfer-encoding upgrade".split()
)
_KEY_HEADERS = frozenset(
    b"authorization x-api-key x-apikey auth api-key proxy-authorization cookie".split()
)
_DISCONNECT: Message = {"type": "http.disconnect"}
_DISCONNECT_ERRORS = (ConnectionResetError, ClientConnectionResetError, BrokenPipeError)


async def read_body(request: web.Request) -> bytes:
    """The body, without a byte order mark; one that is too long is cut.

    Raises RequestTimeout where it does not arrive in time, and InvalidRequest where it holds a name
    twice, of which the SDK would take the last value without a word.
    """
    content, body = request.content, bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while not content.at_eof() and len(body) <= _MOST_READ:
                body += await content.readany()
    except TimeoutError:
        raise RequestTimeout from None
    whole = bytes(body.removeprefix(codecs.BOM_UTF8))
    try:
        check_names(whole.decode())
    except InvalidRequest:
        raise
    except (ValueError, RecursionError):  # the SDK says so
        pass
    return whole


class Exchange:
    """One request and its response, as ASGI sees them."""

    def __init__(
        self, request: web.Request, body: bytes, headers: Mapping[str, str], on_start: OnStart
    ) -> None:
        """`headers` are added to the response, of whose start `on_start` is told."""
        self.request = request
        self.disconnected = asyncio.Event()
        self.response: web.StreamResponse | None = None
        self.streaming = False
        self.cancel_at: float | None = None
        self._headers = headers
        self._on_start = on_start
        self._body: bytes | None = body
        self._start: Message | None = None
        self._complete = False

    async def receive(self) -> Message:
        """The body; after it, the disconnect when it happens."""
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self.disconnected.wait()
        return _DISCONNECT

    async def send(self, message: Message) -> None:
        """Send the next part of the response; after a disconnect it is dropped silently.

        A second response is dropped too: an application that fails late tries to answer again.
        """
        if message["type"] == "http.response.start":
            self._complete = self._start is not None
            if self._complete:
                return
            self._start = message
            self._on_start(message)
            if is_stream(message):
                await self._open()
        elif message["type"] == "http.response.body" and not self._complete:
            more = message.get("more_body", False)
            self._complete = not more
            await self._send_body(message.get("body", b""), more)

    def abort(self) -> None:
        """Abort the connection, so that the client sees that the stream is incomplete."""
        self.disconnected.set()
        if self.request.transport is not None:
            self.request.transport.abort()

    async def _send_body(self, body: bytes, more: bool) -> None:
        if not self.streaming and not more:
            start = self._start or {"status": 500}
            self.response = web.Response(status=start["status"], body=body or None)
            self._copy_headers(self.response)
            return
        if not self.streaming:
            await self._open()
        response = self.response
        if response is None or self.disconnected.is_set():
            return
        try:
            if body:
                await response.write(body)
            if not more:
                await response.write_eof()
        except _DISCONNECT_ERRORS:
            self.disconnected.set()

    async def _open(self) -> None:
        start = self._start or {"status": 500}
        self.streaming = True
        self.response = web.StreamResponse(status=start["status"])
        self._copy_headers(self.response)
        if self.disconnected.is_set():
            return
        try:
            await self.response.prepare(self.request)
        except _DISCONNECT_ERRORS:
            self.disconnected.set()

    def _copy_headers(self, response: web.StreamResponse) -> None:
        for name, value in (self._start or {}).get("headers", ()):
            if name.lower() not in _HOP_BY_HOP and name.lower() != b"content-length":
                response.headers.add(name.decode("latin-1"), value.decode("latin-1"))
        for name, text in self._headers.items():
            response.headers[name] = text


class Bridge:
    """Serves requests by an ASGI application and tells it of disconnects.

    One task watches all open connections: a task or timer for each would slow down every call.
    """

    def __init__(self, app: Asgi) -> None:
        """`start` must be called before the first request."""
        self.app = app
        self._open: dict[Exchange, asyncio.Future[None]] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._watcher: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the task that watches the connections."""
        self._watcher = asyncio.create_task(self._watch_connections())

    async def stop(self) -> None:
        """End every exchange: streams at once, calls after GRACE_SECONDS.

        An application that ignores the disconnect is cancelled.
        """
        for each in self._open:
            if each.request.method == "GET":
                each.disconnected.set()
        await self._all_ended()
        for each in self._open:
            each.disconnected.set()
        await self._all_ended()
        for task in self._open.values():
            task.cancel()
        await self._all_ended()
        if self._watcher:
            self._watcher.cancel()

    async def handle(
        self,
        request: web.Request,
        body: bytes,
        extra_scope: Mapping[str, Any],
        headers: Mapping[str, str],
        on_start: OnStart = lambda _: None,
        on_end: OnEnd = lambda: None,
    ) -> web.StreamResponse:
        """The response to a request with this body.

        `extra_scope` is added to the scope, `headers` to the response. `on_start` is told of the
        response's start and `on_end` of the application's end, though the client may have gone.
        """
        exchange = Exchange(request, body, headers, on_start)
        # In a task of its own: a disconnect cancels the handler, but the application must learn of
        # it by `receive`, because it treats a cancelled call as one that never happened.
        scope = {**_scope(request), **extra_scope}
        task = asyncio.ensure_future(self.app(scope, exchange.receive, exchange.send))
        self._open[exchange] = task
        self._idle.clear()
        task.add_done_callback(lambda done: self._ended(exchange, done, on_end))
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            exchange.disconnected.set()
            raise
        except Exception:
            if not exchange.disconnected.is_set():
                if not exchange.streaming:
                    raise
                log.exception("a stream of the MCP application broke off")
                exchange.abort()
        return exchange.response or web.Response(status=500)

    def _ended(self, exchange: Exchange, done: "asyncio.Future[None]", on_end: OnEnd) -> None:
        if not done.cancelled():
            done.exception()  # marks it as retrieved: a cancelled handler does not await the task
        del self._open[exchange]
        if not self._open:
            self._idle.set()
        on_end()

    async def _all_ended(self) -> None:
        """Wait until no exchange is open, at most GRACE_SECONDS."""
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_SECONDS):
                await self._idle.wait()

    async def _watch_connections(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            now = asyncio.get_running_loop().time()
            for each, task in self._open.items():
                transport = each.request.transport
                if transport is None or transport.is_closing():
                    each.disconnected.set()
                if not each.disconnected.is_set():
                    continue
                if each.cancel_at is None:
                    each.cancel_at = now + LINGER_SECONDS
                elif now > each.cancel_at:
                    task.cancel()  # it has not ended by itself since the disconnect


def _scope(request: web.Request) -> Scope:
    server = request.url
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": f"{request.version.major}.{request.version.minor}",
        "method": request.method,
        "scheme": request.scheme,
        "path": request.path,
        "raw_path": request.raw_path.partition("?")[0].encode("latin-1", "replace"),
        "query_string": request.query_string.encode(),
        "root_path": "",
        "headers": headers_of(request),
        "client": (request.remote or "", 0),
        "server": (server.host or "", server.port),
    }


def headers_of(request: web.Request) -> Headers:
    """The headers in lower case, without hop-by-hop ones and without keys, which are checked."""
    lowered = ((name.lower(), value) for name, value in request.raw_headers)
    return [each for each in lowered if each[0] not in _HOP_BY_HOP and each[0] not in _KEY_HEADERS]


def is_stream(start: Message) -> bool:
    """Whether a response is one of server-sent events."""
    return any(
        name.lower() == b"content-type" and value.startswith(b"text/event-stream")
        for name, value in start.get("headers", ())
    )
