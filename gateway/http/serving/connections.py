"""The server's connections: how many may be open, and requests that aiohttp cannot parse.

Those are answered without quoting them: they may hold a key.
"""

import asyncio
import select
from collections.abc import Awaitable
from itertools import islice
from typing import Any, cast

from aiohttp import StreamReader, hdrs, web
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import RequestHandler

from gateway.http.dropins.common import canonical_path
from gateway.http.dropins.getatext import get_face, refusals, rest_face
from gateway.http.dropins.sms_activate import face as sms_activate
from gateway.http.dropins.sms_activate.manner import DIALECTS
from gateway.http.wire.edge import Edge
from gateway.http.wire.prebuilt import SERVER

_TEXT = {"Content-Type": "text/plain"}
_WORDS = "The request could not be read as HTTP."
_METHOD, _TARGET = 12, 8190  # bytes of a request's beginning: its method, and its whole first line
_FIRST_REQUEST_SECONDS = 30.0
_LATE_SECONDS = 1.0  # that a client may take for the rest of a request, or to read an answer
_LOOKED_AT = 64  # connections, to find one that may be closed
_REFUSED_SECONDS = 2.0  # for a client to read that it is refused; a close before could reset it
_TOO_MANY = "The gateway has too many connections open."
_BUSY = (
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n"
    f"Content-Type: text/plain\r\nContent-Length: {len(_TOO_MANY)}\r\n\r\n{_TOO_MANY}"
)


class OpenConnections:
    """The server's connections, at most `most`.

    A new one above that takes the place of one that waits for its client: of the oldest that never
    sent a request, else of the one whose last request is oldest. Where none waits, the new one gets
    503 and is closed.
    """

    def __init__(self, most: int, most_refused: int) -> None:
        """At most `most_refused` are being refused at once; for more the oldest are cut off."""
        self._most = most
        self._most_refused = most_refused
        self._fresh: dict[_Protocol, None] = {}  # without a request so far, the oldest first
        self._used: dict[_Protocol, None] = {}  # by their last request
        self._refused: dict[_Refused, None] = {}  # the oldest first

    def admit(self, connection: "_Protocol", transport: asyncio.Transport) -> bool:
        """Count a new connection; False where there is no room, and it is being closed."""
        if len(self._fresh) + len(self._used) < self._most or self._make_room():
            self._fresh[connection] = None
            return True
        if len(self._refused) >= self._most_refused:
            next(iter(self._refused)).close()
        _Refused(self._refused).take(transport)
        return False

    def requested(self, request: web.BaseRequest) -> None:
        """A request has come on its connection."""
        protocol = cast("_Protocol", request.protocol)
        protocol.requested(request.content)
        # Moved to the end of those used; their values are None.
        if self._used.pop(protocol, False) is None or self._fresh.pop(protocol, False) is None:
            self._used[protocol] = None

    def lost(self, connection: "_Protocol") -> bool:
        """Count the connection no more; False where it was not counted."""
        for among in (self._fresh, self._used):
            if connection in among:
                del among[connection]
                return True
        return False

    def expect_request(self, connection: "_Protocol") -> None:
        """Close a connection that had time enough for a request."""
        if connection in self._fresh and connection.waits_for_request:
            connection.give_way()

    def close(self) -> None:
        """Close the connections that are being refused."""
        for refused in list(self._refused):
            refused.close()

    def _make_room(self) -> bool:
        """Close a connection that waits for its client; False where none was found."""
        for among in (self._fresh, self._used):
            for connection in list(islice(among, _LOOKED_AT)):
                if connection.waits_for_client:
                    self.lost(connection)
                    connection.give_way()
                    return True
                among[connection] = among.pop(connection)  # looked at again after all others
        return False


class _Refused(asyncio.Protocol):
    """A connection too many: what it sends is read and dropped until its client has the answer."""

    def __init__(self, among: "dict[_Refused, None]") -> None:
        self._among = among

    def take(self, transport: asyncio.Transport) -> None:
        """Answer on this connection, and close it soon."""
        transport.set_protocol(self)
        self._transport = transport
        self._patience = asyncio.get_running_loop().call_later(_REFUSED_SECONDS, self.close)
        self._among[self] = None
        transport.write(_BUSY.encode())
        transport.write_eof()

    def close(self) -> None:
        """Cut the connection off, whether or not its client has read the answer."""
        self._among.pop(self, None)
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._patience.cancel()
        self._among.pop(self, None)


class _Protocol(RequestHandler):
    __slots__ = ("_begun", "_body", "_first_request", "_open", "_requested_at", "_unread_since")

    def __init__(self, among: OpenConnections, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._open = among
        self._first_request: asyncio.TimerHandle | None = None
        self._body: StreamReader = EMPTY_PAYLOAD  # of the last request
        self._requested_at = 0.0
        self._unread_since: float | None = None  # when the client stopped to read

    @property
    def waits_for_client(self) -> bool:
        """Whether it waits for a request, or too long for the client to send or read the rest.

        The rest of a body is not waited for once the request has been answered.
        """
        late = self._loop.time() - _LATE_SECONDS
        if self._unread_since is not None:
            return self._unread_since < late
        if not self._body.is_eof():
            return not self._request_in_progress or self._requested_at < late
        return self.waits_for_request

    @property
    def waits_for_request(self) -> bool:
        """Whether no request is on the connection, nor anything in the socket that is not read."""
        waiter, transport = self._waiter, self.transport
        if waiter is None or waiter.done() or transport is None:
            return False
        unread = select.poll()
        unread.register(transport.get_extra_info("socket"), select.POLLIN)
        return not unread.poll(0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Serve the connection, if there is room for it."""
        if not self._open.admit(self, cast("asyncio.Transport", transport)):
            return
        super().connection_made(transport)
        # Then bytes that the client does not read are noticed, however few, before they are closed.
        cast("asyncio.Transport", transport).set_write_buffer_limits(high=0)
        self._first_request = self._loop.call_later(
            _FIRST_REQUEST_SECONDS, self._open.expect_request, self
        )

    def requested(self, body: StreamReader) -> None:
        """A request has come, with this body."""
        self._body, self._requested_at = body, self._loop.time()
        if self._first_request is not None:  # thousands may wait long: none keeps timers meanwhile
            self._first_request.cancel()
            self._first_request = None
            self.keep_alive(True)

    def give_way(self) -> None:
        """Close the connection at once: what its client does not read would hold it open."""
        transport = self.transport
        self.force_close()
        if transport is not None and self._unread_since is not None:
            transport.abort()

    def pause_writing(self) -> None:
        """The client does not read."""
        self._unread_since = self._loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """The client has read all."""
        self._unread_since = None
        super().resume_writing()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Give the place to another."""
        self._open.lost(self)
        if self._first_request is not None:
            self._first_request.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Remember a request's first bytes: of an unreadable one aiohttp passes on nothing else."""
        if b" /" in data[:_METHOD]:
            self._begun = data[:_TARGET]
        super().data_received(data)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The library's status in the format of the face that was called, never as an HTML page."""
        status = super().handle_error(request, status, exc, message).status
        answer = _refusal(_target(getattr(self, "_begun", b"")), status)
        answer.headers[hdrs.SERVER] = SERVER
        answer.force_close()
        return answer


def _target(begun: bytes) -> str:
    """The target in a request's first bytes."""
    return begun.partition(b" ")[2].partition(b" ")[0].decode("ascii", "replace")


def _refusal(target: str, status: int) -> web.Response:
    path = canonical_path(target.partition("?")[0])
    if path in DIALECTS:
        return sms_activate.refuse(target)
    if path == get_face.PATH or path.startswith(rest_face.PREFIX):
        return refusals.refuse(status, _WORDS)
    return web.Response(status=status, body=_WORDS.encode(), headers=_TEXT)


class _Server(web.Server):
    def __init__(self, among: OpenConnections, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._open = among

    def __call__(self) -> RequestHandler:
        return _Protocol(self._open, self, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """aiohttp's AppRunner with the edge around the application, and our connections."""

    def __init__(
        self, app: web.Application, edge: Edge, among: OpenConnections, **kwargs: Any
    ) -> None:
        """`kwargs` are those of AppRunner."""
        super().__init__(app, **kwargs)
        self._edge = edge
        self._open = among

    async def cleanup(self) -> None:
        """Close the server and its connections."""
        await super().cleanup()
        self._open.close()

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        answer = self._edge.around(made.request_handler, self.app.router)

        def begin(request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
            self._open.requested(request)
            return answer(request)

        return _Server(
            self._open,
            begin,
            request_factory=made.request_factory,
            handler_cancellation=made.handler_cancellation,
            **made._kwargs,
        )
