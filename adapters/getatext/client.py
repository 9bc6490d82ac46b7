"""Moves bytes to the provider and back. What they mean is read elsewhere."""

from collections.abc import Callable
from contextvars import ContextVar
from time import monotonic
from types import SimpleNamespace, TracebackType
from typing import Any, Self

import aiohttp
from aiohttp import hdrs
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest, ConnectionKey
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from multidict import istr
from yarl import URL

from adapters.getatext.calls import Call
from adapters.getatext.reply import Reply
from gateway.core.errors import GatewayError, OutcomeUnknown
from gateway.core.provider_errors import (
    UpstreamBadResponse,
    UpstreamTimeout,
    UpstreamUnavailable,
)

MAX_BODY = 4 * 1024 * 1024
_JSON = "application/json"
_HEADERS = {
    hdrs.ACCEPT: _JSON,
    hdrs.ACCEPT_ENCODING: "identity",
    hdrs.USER_AGENT: "getatext-gateway",
}
_NO_TYPE = (hdrs.CONTENT_TYPE,)
_PLAIN = (None, "", "identity")
_AUTH = istr("Auth")
_MOST_UNCLEAN = (
    10  # connections one after the other, until a provider is given up that sends unasked
)
_KEPT_SECONDS = 15.0
_WAITED = 0.0005  # seconds; a connection that is at hand takes a tenth of it


def _nobody() -> None:
    """Nobody is told."""


class _Sent:
    """Whether the head of one request has gone out. Set a moment before it does."""

    __slots__ = ("yes",)

    def __init__(self) -> None:
        self.yes = False


async def _note_sent(
    _session: aiohttp.ClientSession,
    context: SimpleNamespace,
    _params: aiohttp.TraceRequestHeadersSentParams,
) -> None:
    context.trace_request_ctx.yes = True


class _AccountRequest(ClientRequest):
    """A request whose connection serves its own account only.

    Something unasked may come on a kept connection at any time, also after it was handed out: the
    answer to another question must at least not be another account's.
    """

    @property
    def connection_key(self) -> ConnectionKey:
        """Where it goes, and whose it is."""
        key = super().connection_key
        return key._replace(proxy_headers_hash=hash(self.headers.get(_AUTH)))


class _Connector(aiohttp.TCPConnector):
    """Hands out clean connections only, and says which one a call has.

    It tells when a call had to wait for its connection: a trace would cost every call far more.
    """

    told: Callable[[], None] = staticmethod(_nobody)  # replaced where somebody listens

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.taken: ContextVar[ResponseHandler] = ContextVar("taken")

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the library's own signature
    ) -> Connection:
        begun = monotonic()
        for _ in range(_MOST_UNCLEAN):
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            if protocol is not None and not protocol.should_close:
                break
            connection.close()  # something came that nobody has asked for
        else:
            raise aiohttp.ClientConnectionError("The provider talks before it is asked.")
        if monotonic() - begun > _WAITED:
            self.told()
        self.taken.set(protocol)
        return connection


class Client:
    """Connections to the provider: kept ones for reads and changes, new ones for purchases.

    Those that are kept are kept for one account each, and no more than `connections` of all; they
    close when they are idle for some seconds, when something unasked comes, and when
    `Reply.distrust` says so.

    A purchase never goes over a connection that was used before: on one that has just died it
    could not be told whether the request arrived. Nothing is ever repeated here, except that
    aiohttp sends a GET a second time when a kept connection has dropped: purchases are POSTs.

    Make it inside a running event loop, and close it. Times are in seconds: `connect_seconds` to
    get a connection, the others for the whole call, connection and body included.
    """

    def __init__(
        self,
        base_url: str,
        *,
        connect_seconds: float = 5.0,
        read_seconds: float = 10.0,
        spend_seconds: float = 30.0,
        connections: int = 100,
        max_body: int = MAX_BODY,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._urls: dict[str, URL] = {}
        self._max_body = max_body
        kept = _Connector(
            limit=connections,
            limit_per_host=max(1, connections // 2),
            keepalive_timeout=_KEPT_SECONDS,
        )
        single = _Connector(limit=connections, force_close=True)
        self._connectors = kept, single
        self._most, self._kept = connections, set[ResponseHandler]()
        self._reads = _session(kept, _limits(connect_seconds, read_seconds))
        noting = aiohttp.TraceConfig()
        noting.on_request_headers_sent.append(_note_sent)
        self._spends = _session(single, _limits(connect_seconds, spend_seconds), noting)

    def when_connected(self, told: Callable[[], None]) -> None:
        """Tell somebody, in the task that asks, when a call had to wait for its connection."""
        for connector in self._connectors:
            connector.told = told

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        await self._reads.close()
        await self._spends.close()

    async def send(
        self, call: Call, key: str, body: bytes | None = None, about: int | None = None
    ) -> Reply:
        """Make one call; `about` is the id in its path.

        Raises UpstreamUnavailable, UpstreamTimeout or UpstreamBadResponse; for a purchase
        UpstreamUnavailable where it was surely not sent, OutcomeUnknown otherwise.
        """
        headers = {"Auth": key} if body is None else {"Auth": key, hdrs.CONTENT_TYPE: _JSON}
        if not call.spends:
            try:
                return await self._exchange(self._reads, call, headers, body, about)
            except (TimeoutError, aiohttp.ClientError, OSError) as fault:
                raise _fault(fault) from None
        sent = _Sent()
        try:
            return await self._exchange(self._spends, call, headers, body, about, sent)
        except Exception as fault:  # whatever it is: a purchase that was sent may be made
            raise _noted(OutcomeUnknown() if sent.yes else UpstreamUnavailable(), fault) from None

    async def _exchange(
        self,
        session: aiohttp.ClientSession,
        call: Call,
        headers: dict[str, str],
        body: bytes | None,
        about: int | None,
        sent: _Sent | None = None,
    ) -> Reply:
        async with session.request(
            call.method,
            self._url(call, about),
            data=body,
            headers=headers,
            # A POST without a body has no type. (Asked of every call it would cost each of them.)
            skip_auto_headers=_NO_TYPE if body is None else None,
            allow_redirects=False,  # a redirect would take the key along
            trace_request_ctx=sent,
        ) as response:
            protocol = self._connectors[0 if sent is None else 1].taken.get()
            body = await self._body(response)
            if sent is None and not self._keeps(protocol):
                protocol.close()
            return Reply(
                response.status, body, response.headers.get(hdrs.RETRY_AFTER), protocol.close
            )

    def _keeps(self, protocol: ResponseHandler) -> bool:
        """Whether a connection may stay open when its answer is read: as many do as are allowed."""
        if protocol in self._kept:
            return True
        if len(self._kept) >= self._most:
            self._kept = {one for one in self._kept if one.is_connected()}
        if len(self._kept) >= self._most:
            return False
        self._kept.add(protocol)
        return True

    async def _body(self, response: aiohttp.ClientResponse) -> bytes | None:
        """The body up to the cap; None if it is larger, or encoded though nobody asked for it."""
        if response.headers.get(hdrs.CONTENT_ENCODING) not in _PLAIN:
            return None
        body = await response.content.readany()
        if response.content.at_eof():
            return body if len(body) <= self._max_body else None
        chunks, size = [body], len(body)
        while size <= self._max_body and (chunk := await response.content.readany()):
            chunks.append(chunk)
            size += len(chunk)
        return b"".join(chunks) if size <= self._max_body else None

    def _url(self, call: Call, about: int | None) -> URL:
        if about is not None:
            return URL(self._base + call.path.format(id=about), encoded=True)
        url = self._urls.get(call.path)
        if url is None:
            url = self._urls[call.path] = URL(self._base + call.path)
        return url


def _session(
    connector: aiohttp.TCPConnector, limits: aiohttp.ClientTimeout, *traces: aiohttp.TraceConfig
) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        timeout=limits,
        request_class=_AccountRequest,
        headers=_HEADERS,
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=list(traces),
        auto_decompress=False,  # 300 kB of gzip may hold 300 MB
        trust_env=False,
    )


def _limits(connect: float, total: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(
        total=total,
        connect=connect,
        sock_connect=connect,
        sock_read=None,  # `total` bounds it, and a timer per read costs a tenth of a call
        ceil_threshold=5.0,
    )


def _fault(fault: Exception) -> GatewayError:
    """What a fault of a call means that costs nothing."""
    match fault:
        case aiohttp.ConnectionTimeoutError():
            return _noted(UpstreamUnavailable(), fault)
        case TimeoutError():
            return _noted(UpstreamTimeout(), fault)
        case aiohttp.ClientPayloadError() | aiohttp.ClientResponseError():
            return _noted(UpstreamBadResponse(), fault)
        case _:
            return _noted(UpstreamUnavailable(), fault)


def _noted(error: GatewayError, fault: Exception) -> GatewayError:
    """The error with the kind of fault for the log; its words may quote a header, so the key."""
    error.add_note(type(fault).__name__)
    return error
