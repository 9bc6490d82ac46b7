"""Connection pools to the provider: connections are reused by one account only, while sound.

A provider or proxy that sends more than one response to a request leaves bytes on the connection,
which the next request would read as its own response. See ADR 0009.
"""

import asyncio
import select
import ssl
import sys
from collections import OrderedDict
from collections.abc import Callable
from secrets import token_hex
from time import monotonic

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest, ConnectionKey
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

AUTH = "Auth"
_TRIES = 3
_WAITED = 0.0005  # seconds; getting an idle connection takes a tenth of it


def _ignore() -> None:
    """Do nothing: the default of `on_waited`."""


class Request(ClientRequest):
    """A request that gets only connections of its own account."""

    account = 0  # hash of the account's key, set by Connections.connect

    @property
    def connection_key(self) -> ConnectionKey:
        """The pool key: only connections with an equal key are reused."""
        # The field is free: a proxy's headers never differ here. It is only compared for equality.
        return super().connection_key._replace(proxy_headers_hash=self.account)


class Connections(aiohttp.TCPConnector):
    """A connector for `Request`s that calls `on_waited` when a call had to wait.

    The library limits the connections in use; here idle ones count too, and the one idle longest is
    closed to make room.
    """

    on_waited: Callable[[], None] = staticmethod(_ignore)  # runs in the task of the call

    def __init__(
        self,
        limit: int,
        *,
        limit_of_one: int = 0,
        idle_seconds: float | None = None,
        force_close: bool = False,
        tls: ssl.SSLContext | bool = True,
    ) -> None:
        """`limit_of_one` is the limit of one account; with `force_close` nothing is reused.

        `tls` True: the system's authorities are trusted.
        """
        super().__init__(
            limit=limit,
            limit_per_host=limit_of_one,
            keepalive_timeout=idle_seconds,
            force_close=force_close,
            ssl=tls,
        )
        self._salt = token_hex(16)
        self._pooled: OrderedDict[ResponseHandler, _Pooled] = OrderedDict()

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the library's own signature
    ) -> Connection:
        """A connection of the request's account on which no unexpected bytes arrived.

        Raises aiohttp.ClientPayloadError where new connections have unexpected bytes, too.
        """
        if not isinstance(req, Request):
            raise TypeError("A request without an account could get any connection.")
        begun = monotonic()
        req.account = account = self._account(req.headers[AUTH])
        for _ in range(_TRIES):
            connection = await super().connect(req, traces, timeout)
            if self._taken(connection, req):
                break
            connection.close()
            self._distrust(account)
        else:
            raise aiohttp.ClientPayloadError("The provider speaks before it is asked.")
        if monotonic() - begun > _WAITED:
            self.on_waited()
        return connection

    def distrust(self, key: str) -> None:
        """Reuse no open connection of this key's account; those in use close after their call."""
        self._distrust(self._account(key))

    def _account(self, key: str) -> int:
        """A hash that stands for the key, because the library puts it into errors and warnings.

        Python's hash of strings (SipHash) withstands chosen inputs, and with a secret salt nobody
        can construct a collision. It is ten times faster than blake2b.
        """
        return hash(self._salt + key)

    def _taken(self, connection: Connection, req: Request) -> bool:
        """Take the connection into use; False where unexpected bytes arrived or it is closing."""
        protocol = connection.protocol
        if protocol is None or (transport := protocol.transport) is None:
            return False
        pooled = self._pooled.get(protocol) or _Pooled(
            protocol, transport, req.account, self._pooled
        )
        if protocol.should_close or (pooled.unread() and not (pooled.fresh and req.is_ssl())):
            return False
        if self.force_close:
            return True
        if pooled.fresh:
            self._make_room()
            self._pooled[protocol] = pooled
            pooled.stand_between()
        pooled.busy = True
        connection.add_callback(pooled.released)
        return True

    def _make_room(self) -> None:
        """Close the connection idle longest if the limit is reached."""
        if len(self._pooled) >= self.limit:
            longest = next((pooled for pooled in self._pooled.values() if not pooled.busy), None)
            if longest is not None:
                longest.close()

    def _distrust(self, account: int) -> None:
        for pooled in list(self._pooled.values()):
            if pooled.account != account:
                continue
            if pooled.busy:
                pooled.protocol.force_close()  # after its response
            else:
                pooled.close()


class _Pooled(asyncio.Protocol):
    """A pooled connection of one account, in `among` ordered by last use.

    It is a protocol between the socket and the library's protocol. While the connection is idle,
    any received bytes close it; the library would give them to the next request.
    """

    def __init__(
        self,
        protocol: ResponseHandler,
        transport: asyncio.Transport,
        account: int,
        among: "OrderedDict[ResponseHandler, _Pooled]",
    ) -> None:
        self.protocol = protocol
        self.account = account
        self.fresh = True
        self.busy = False
        self._transport = transport
        self._among = among
        self._poll = _poller(transport)

    def unread(self) -> bool:
        """Whether the socket has bytes, or the end, that the event loop has not read yet."""
        return bool(self._poll(0))

    def stand_between(self) -> None:
        """Receive the transport's data before the library does, from now on."""
        self.fresh = False
        self._transport.set_protocol(self)

    def released(self) -> None:
        """It is idle now; the library may close it right after this."""
        self.busy = False
        if self.protocol in self._among:
            self._among.move_to_end(self.protocol)

    def close(self) -> None:
        """Remove it from the pool and close it."""
        self._among.pop(self.protocol, None)
        self.protocol.close()

    def data_received(self, data: bytes) -> None:
        """Pass data of a response on; close the connection where none is expected."""
        if self.busy:
            self.protocol.data_received(data)
        else:
            self.close()

    def eof_received(self) -> None:
        self.protocol.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._among.pop(self.protocol, None)
        self.protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        self.protocol.pause_writing()

    def resume_writing(self) -> None:
        self.protocol.resume_writing()


def _poller(transport: asyncio.Transport) -> Callable[[int], object]:
    """A function that polls the socket for unread data, for a number of milliseconds."""
    if sys.platform == "win32":
        return lambda _milliseconds: None  # the Windows event loop reads at all times
    poll = select.poll()
    poll.register(transport.get_extra_info("socket"), select.POLLIN)
    return poll.poll
