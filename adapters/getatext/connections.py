"""Connections to the provider: each is one account's, and is used again only while it is sound.

A provider, or a proxy before it, that says more than it was asked leaves an answer behind on the
connection, and whoever asks next on it is told that one. See ADR 0009.
"""

import asyncio
import select
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
_WAITED = 0.0005  # seconds; a connection that is at hand takes a tenth of it


def _nobody() -> None:
    """Nobody is told."""


class Request(ClientRequest):
    """A request that gets a connection of its own account only."""

    account = 0  # which account, once a connection is looked for

    @property
    def connection_key(self) -> ConnectionKey:
        """What a kept connection must have in common with the request to be used for it."""
        # No proxy is used, so its field is free; nothing but equality is asked of it.
        return super().connection_key._replace(proxy_headers_hash=self.account)


class Connections(aiohttp.TCPConnector):
    """Hands out connections for `Request`s, and tells when a call had to wait for one.

    The library bounds those in use; here those that wait to be used again are counted too, and
    the one that has waited longest makes room.
    """

    told: Callable[[], None] = staticmethod(_nobody)  # replaced where somebody listens

    def __init__(
        self,
        limit: int,
        *,
        limit_of_one: int = 0,
        idle_seconds: float | None = None,
        force_close: bool = False,
    ) -> None:
        """`limit_of_one` is what one account may have; with `force_close` nothing is kept."""
        super().__init__(
            limit=limit,
            limit_per_host=limit_of_one,
            keepalive_timeout=idle_seconds,
            force_close=force_close,
        )
        self._salt = token_hex(16)
        self._kept: OrderedDict[ResponseHandler, _Kept] = OrderedDict()

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the library's own signature
    ) -> Connection:
        """A connection of the request's account on which nothing unasked has come."""
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
            self.told()
        return connection

    def distrust(self, key: str) -> None:
        """Use no connection of this key's account again: an answer on one belonged elsewhere."""
        self._distrust(self._account(key))

    def _account(self, key: str) -> int:
        """What stands for a key: the library says it in its errors and warnings.

        Python's hash of texts (SipHash) is made for those an attacker may choose, and after a
        secret beginning nobody can find two alike. blake2b costs ten times as much.
        """
        return hash(self._salt + key)

    def _taken(self, connection: Connection, req: Request) -> bool:
        """Whether nothing has come that nobody asked for, so that the connection may be used."""
        protocol = connection.protocol
        if protocol is None or (transport := protocol.transport) is None:
            return False
        kept = self._kept.get(protocol) or _Kept(protocol, transport, req.account, self._kept)
        if protocol.should_close or (kept.unread() and not (kept.fresh and req.is_ssl())):
            return False
        if self.force_close:
            return True
        if kept.fresh:
            self._make_room()
            self._kept[protocol] = kept
            kept.stand_between()
        kept.busy = True
        connection.add_callback(kept.released)
        return True

    def _make_room(self) -> None:
        """Close the connection that has waited longest, where one more is too many."""
        if len(self._kept) >= self.limit:
            longest = next((kept for kept in self._kept.values() if not kept.busy), None)
            if longest is not None:
                longest.close()

    def _distrust(self, account: int) -> None:
        for kept in list(self._kept.values()):
            if kept.account != account:
                continue
            if kept.busy:
                kept.protocol.force_close()  # when its answer is there
            else:
                kept.close()


class _Kept(asyncio.Protocol):
    """A connection of one account, among all that are kept, the one used last at the end.

    It stands between the socket and the library's protocol. While nobody uses the connection,
    whatever comes ends it: the library would read on, and tell it to who asks next.
    """

    def __init__(
        self,
        protocol: ResponseHandler,
        transport: asyncio.Transport,
        account: int,
        among: "OrderedDict[ResponseHandler, _Kept]",
    ) -> None:
        self.protocol = protocol
        self.account = account
        self.fresh = True
        self.busy = False
        self._transport = transport
        self._among = among
        self._look = _look(transport)

    def unread(self) -> bool:
        """Whether the socket holds what the loop has not read yet: bytes, or the end."""
        return bool(self._look(0))

    def stand_between(self) -> None:
        """Hear what comes before the library does, from now on."""
        self.fresh = False
        self._transport.set_protocol(self)

    def released(self) -> None:
        """Nobody uses it now; the library may close it right after this."""
        self.busy = False
        if self.protocol in self._among:
            self._among.move_to_end(self.protocol)

    def close(self) -> None:
        """Let go of it."""
        self._among.pop(self.protocol, None)
        self.protocol.close()

    def data_received(self, data: bytes) -> None:
        """Pass on an answer; nobody asked for anything else."""
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


def _look(transport: asyncio.Transport) -> Callable[[int], object]:
    """How to look, for so many milliseconds, whether something lies in a socket."""
    if sys.platform == "win32":
        return lambda _milliseconds: None  # its loop is reading at all times
    poll = select.poll()
    poll.register(transport.get_extra_info("socket"), select.POLLIN)
    return poll.poll
