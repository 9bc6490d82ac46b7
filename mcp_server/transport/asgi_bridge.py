"""Runs an ASGI application inside an aiohttp handler.

Only what the SDK's transport needs, and that exactly: a body that streams in, a disconnect that is
noticed, headers that go out at once where a stream follows, one write where none does.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from aiohttp import web
from aiohttp.client_exceptions import ClientConnectionResetError

from gateway.core.model.errors import RequestTimeout

Message = dict[str, Any]
Scope = dict[str, Any]
Asgi = Callable[..., Awaitable[None]]

log = logging.getLogger(__name__)

BODY_SECONDS = 10.0
POLL_SECONDS = 0.5
GRACE_SECONDS = 2.0
LINGER_SECONDS = 30.0

_HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-connection te trailer transfer-encoding upgrade".split()
)
_KEYS = frozenset(b"authorization x-api-key auth api-key proxy-authorization cookie".split())
_DISCONNECT: Message = {"type": "http.disconnect"}
_GONE = (ConnectionResetError, ClientConnectionResetError, BrokenPipeError)


class Exchange:
    """One request and its response, as ASGI sees them."""

    def __init__(self, request: web.Request, headers: Mapping[str, str]) -> None:
        """`headers` are added to the response."""
        self.request = request
        self.gone = asyncio.Event()
        self.late = False
        self.response: web.StreamResponse | None = None
        self.streaming = False
        self.end_by: float | None = None
        self._headers = headers
        self._body_read = False
        self._start: Message | None = None
        self._over = False

    async def receive(self) -> Message:
        """The next piece of the body; after its end, the disconnect whenever it comes."""
        if not self._body_read:
            return await self._piece()
        await self.gone.wait()
        return _DISCONNECT

    async def send(self, message: Message) -> None:
        """Takes the response as it comes. After a disconnect it goes nowhere, silently.

        So does a second one: an application that fails late tries to answer again.
        """
        if message["type"] == "http.response.start":
            self._over = self._start is not None
            if self._over:
                return
            self._start = message
            if _is_stream(message):
                await self._open()
        elif message["type"] == "http.response.body" and not self._over:
            more = message.get("more_body", False)
            self._over = not more
            await self._send_body(message.get("body", b""), more)

    def cut(self) -> None:
        """Break the connection off, so that half a stream is not taken for a whole one."""
        self.gone.set()
        if self.request.transport is not None:
            self.request.transport.abort()

    async def _piece(self) -> Message:
        content = self.request.content
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await content.readany()
        except TimeoutError:
            self.late = True
            return _DISCONNECT
        except (web.HTTPException, *_GONE):
            self.gone.set()
            return _DISCONNECT
        self._body_read = content.at_eof()
        return {"type": "http.request", "body": body, "more_body": not self._body_read}

    async def _send_body(self, body: bytes, more: bool) -> None:
        if not self.streaming and not more:
            start = self._start or {"status": 500}
            self.response = web.Response(status=start["status"], body=body or None)
            self._copy_headers(self.response)
            return
        if not self.streaming:
            await self._open()
        response = self.response
        if response is None or self.gone.is_set():
            return
        try:
            if body:
                await response.write(body)
            if not more:
                await response.write_eof()
        except _GONE:
            self.gone.set()

    async def _open(self) -> None:
        start = self._start or {"status": 500}
        self.streaming = True
        self.response = web.StreamResponse(status=start["status"])
        self._copy_headers(self.response)
        if self.gone.is_set():
            return
        try:
            await self.response.prepare(self.request)
        except _GONE:
            self.gone.set()

    def _copy_headers(self, response: web.StreamResponse) -> None:
        for name, value in (self._start or {}).get("headers", ()):
            if name.lower() not in _HOP_BY_HOP and name.lower() != b"content-length":
                response.headers.add(name.decode("latin-1"), value.decode("latin-1"))
        for name, text in self._headers.items():
            response.headers[name] = text


class Bridge:
    """Serves requests by an ASGI application, and notices who has gone.

    One task looks at all open connections: a task or timer for each would cost every call.
    """

    def __init__(self, app: Asgi) -> None:
        """Nothing runs until `start`."""
        self._app = app
        self._open: dict[Exchange, asyncio.Future[None]] = {}
        self._none_open = asyncio.Event()
        self._none_open.set()
        self._watch: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look after the connections."""
        self._watch = asyncio.create_task(self._look())

    async def stop(self) -> None:
        """End every exchange: streams at once, calls after some seconds of grace.

        What goes on although it was told of the disconnect is cancelled.
        """
        for each in self._open:
            if each.request.method == "GET":
                each.gone.set()
        await self._all_ended()
        for each in self._open:
            each.gone.set()
        await self._all_ended()
        for task in self._open.values():
            task.cancel()
        await self._all_ended()
        if self._watch:
            self._watch.cancel()

    async def handle(
        self, request: web.Request, more: Mapping[str, Any], headers: Mapping[str, str]
    ) -> web.StreamResponse:
        """The application's response. `more` goes into its scope, `headers` into the response."""
        exchange = Exchange(request, headers)
        # In a task of its own: a caller that hangs up cancels the handler, and the application
        # must learn of it by `receive`, for it takes a cancelled call for one that never was.
        scope = {**_scope(request), **more}
        task = asyncio.ensure_future(self._app(scope, exchange.receive, exchange.send))
        self._open[exchange] = task
        self._none_open.clear()
        task.add_done_callback(lambda done: self._ended(exchange, done))
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            exchange.gone.set()
            raise
        except Exception:
            if not (exchange.late or exchange.gone.is_set()):
                if not exchange.streaming:
                    raise
                log.exception("a stream of the MCP application broke off")
                exchange.cut()
        if exchange.late and not exchange.streaming:
            raise RequestTimeout
        return exchange.response or web.Response(status=500)

    def _ended(self, exchange: Exchange, done: "asyncio.Future[None]") -> None:
        if not done.cancelled():
            done.exception()  # a handler that was cancelled does not ask for it
        del self._open[exchange]
        if not self._open:
            self._none_open.set()

    async def _all_ended(self) -> None:
        """Wait until nothing is open, but not for long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_SECONDS):
                await self._none_open.wait()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            now = asyncio.get_running_loop().time()
            for each, task in self._open.items():
                transport = each.request.transport
                if transport is None or transport.is_closing():
                    each.gone.set()
                if not each.gone.is_set():
                    continue
                if each.end_by is None:
                    each.end_by = now + LINGER_SECONDS
                elif now > each.end_by:
                    task.cancel()  # nobody is there any more, and it does not end by itself


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
        "headers": list(_headers(request.raw_headers)),
        "client": (request.remote or "", 0),
        "server": (server.host or "", server.port),
    }


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[bytes, bytes]]:
    """Lower-cased, without those of one hop, and without keys: nothing behind needs them."""
    for name, value in raw:
        lowered = name.lower()
        if lowered not in _HOP_BY_HOP and lowered not in _KEYS:
            yield lowered, value


def _is_stream(start: Message) -> bool:
    return any(
        name.lower() == b"content-type" and value.startswith(b"text/event-stream")
        for name, value in start.get("headers", ())
    )
