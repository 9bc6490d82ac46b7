"""The HTTP client of the provider: sends requests and returns unparsed replies."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace, TracebackType
from typing import Self

import aiohttp
from aiohttp import hdrs
from yarl import URL

from adapters.getatext.causes import advice_on, cause_of, chain_of
from adapters.getatext.connections import AUTH, Connections, Request
from adapters.getatext.endpoint import AnyEndpoint
from adapters.getatext.outbound import DIRECT, LoginWanted, Outbound
from adapters.getatext.reply import Reply
from gateway.core.model.errors import GatewayError, OutcomeUnknown
from gateway.core.model.provider_errors import (
    UpstreamBadResponse,
    UpstreamFault,
    UpstreamTimeout,
    UpstreamUnavailable,
)

MAX_BODY = 4 * 1024 * 1024
_JSON = "application/json"
_HEADERS: Mapping[str, str] = {
    hdrs.ACCEPT: _JSON,
    hdrs.ACCEPT_ENCODING: "identity",
    hdrs.USER_AGENT: "getatext-gateway",
}
_NO_TYPE = (hdrs.CONTENT_TYPE,)
_PLAIN = (None, "", "identity")


class _Sent:
    """Whether the headers of one request were sent. Set just before they are."""

    __slots__ = ("yes",)

    def __init__(self) -> None:
        self.yes = False


async def _note_sent(
    _session: aiohttp.ClientSession,
    context: SimpleNamespace,
    _params: aiohttp.TraceRequestHeadersSentParams,
) -> None:
    context.trace_request_ctx.yes = True


class Client:
    """Two connection pools to the provider: one for reads and changes, one for purchases.

    Reads and changes reuse connections, but only those of their own account, and none on which
    unexpected bytes arrived.

    A purchase never reuses a connection: if that had just died, it would not be known whether the
    request arrived. Nothing is retried here, except that aiohttp sends a GET again when a reused
    connection was closed; purchases are POSTs.

    Create it inside a running event loop, and close it. Times are in seconds: `connect_seconds` to
    get a connection, `read_seconds` and `spend_seconds` for the whole call with connection and
    body, `idle_seconds` until an idle connection is closed (it may take twice that). Each pool has
    at most `connections` in use or idle; those being opened may exceed it for a moment. One account
    has at most half of those for reads and changes, so that others are not starved.

    `out`: the proxy that all calls go through, by a tunnel where the provider speaks https, and
    the certificate authorities that are trusted.
    """

    def __init__(  # noqa: PLR0913 - an operator sets each by itself
        self,
        base_url: str,
        *,
        out: Outbound = DIRECT,
        connect_seconds: float = 5.0,
        read_seconds: float = 10.0,
        spend_seconds: float = 30.0,
        idle_seconds: float = 15.0,
        connections: int = 100,
        max_body: int = MAX_BODY,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._urls: dict[str, URL] = {}
        self._max_body = max_body
        self._out = out
        self._on_failed: Callable[[str, str], None] = _ignore
        reused = Connections(
            connections,
            limit_of_one=max(1, connections // 2),
            idle_seconds=idle_seconds,
            tls=out.tls,
        )
        single = Connections(connections, force_close=True, tls=out.tls)
        self._reused, self._single = reused, single
        tracing = aiohttp.TraceConfig()
        tracing.on_request_headers_sent.append(_note_sent)
        reading = _limits(connect_seconds, read_seconds)
        self._forwarded = out.forwards(base_url)
        headers = {**_HEADERS, **out.proxy_headers} if self._forwarded else _HEADERS
        self._reads = _session(reused, reading, headers, out.proxy)
        self._changes = _session(reused, reading, headers, out.proxy, tracing)
        spending = _limits(connect_seconds, spend_seconds)
        self._spends = _session(single, spending, headers, out.proxy, tracing)

    def when_connected(self, callback: Callable[[], None]) -> None:
        """Set the callback, run in the calling task, for calls that waited for a connection."""
        self._reused.on_waited = self._single.on_waited = callback

    def when_failed(self, callback: Callable[[str, str], None]) -> None:
        """Set who is told of each call that got no answer: its cause, and the chain of errors."""
        self._on_failed = callback

    def _failed(self, fault: Exception) -> UpstreamUnavailable:
        """Tell of a call that got no answer; the error of one that was not sent."""
        cause = cause_of(fault, proxied=self._out.proxy is not None)
        self._on_failed(cause, chain_of(fault))
        happened = f"{UpstreamUnavailable.happened.rstrip('.')}: {cause}."
        return UpstreamUnavailable(happened, advice=advice_on(fault, cause))

    def distrust(self, key: str) -> None:
        """Reuse no open connection of this key, after an invalid response on one of them.

        It may have belonged to an earlier request, and then the next response would, too.
        """
        self._reused.distrust(key)

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
        """Close all connections."""
        await self._reads.close()
        await self._changes.close()
        await self._spends.close()

    async def send(
        self, endpoint: AnyEndpoint, key: str, body: bytes | None = None, about: int | None = None
    ) -> Reply:
        """Make one call; `about` is the id in its path.

        Raises UpstreamUnavailable, UpstreamTimeout or UpstreamBadResponse, which say of a change
        that it was sent; for a purchase UpstreamUnavailable where it was definitely not sent,
        OutcomeUnknown otherwise.
        """
        headers = {AUTH: key} if body is None else {AUTH: key, hdrs.CONTENT_TYPE: _JSON}
        sent = _Sent()
        if not endpoint.spends:
            session = self._changes if endpoint.changes else self._reads
            try:
                return await self._exchange(session, endpoint, headers, body, about, sent)
            except (TimeoutError, aiohttp.ClientError, OSError) as fault:
                unreached, kind = self._failed(fault), _fault(fault)
                unsent = unreached if kind is UpstreamUnavailable else kind()
                raise _with_note(kind.of_change() if sent.yes else unsent, fault) from None
        try:
            return await self._exchange(self._spends, endpoint, headers, body, about, sent)
        except Exception as fault:  # of any kind: once sent, a purchase may have been made
            unreached = self._failed(fault)
            raise _with_note(OutcomeUnknown() if sent.yes else unreached, fault) from None

    async def _exchange(
        self,
        session: aiohttp.ClientSession,
        endpoint: AnyEndpoint,
        headers: dict[str, str],
        body: bytes | None,
        about: int | None,
        sent: _Sent,
    ) -> Reply:
        async with session.request(
            endpoint.method,
            self._url(endpoint, about),
            data=body,
            headers=headers,
            # A POST without a body has no content type. Set only then: it slows every call.
            skip_auto_headers=_NO_TYPE if body is None else None,
            allow_redirects=False,  # a redirect would leak the key
            trace_request_ctx=sent,
            proxy_headers=self._out.proxy_headers,
        ) as response:
            if response.status == 407 and self._forwarded:
                sent.yes = False
                raise LoginWanted
            return Reply(
                response.status,
                await self._body(response),
                response.headers.get(hdrs.RETRY_AFTER),
            )

    async def _body(self, response: aiohttp.ClientResponse) -> bytes | None:
        """The body; None if it is larger than the cap, or encoded against the request."""
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

    def _url(self, endpoint: AnyEndpoint, about: int | None) -> URL:
        if about is not None:
            return URL(self._base + endpoint.path.format(id=about), encoded=True)
        url = self._urls.get(endpoint.path)
        if url is None:
            url = self._urls[endpoint.path] = URL(self._base + endpoint.path)
        return url


def _ignore(_cause: str, _chain: str) -> None:
    """Nobody wants to know."""


def _session(
    connector: aiohttp.TCPConnector,
    limits: aiohttp.ClientTimeout,
    headers: Mapping[str, str],
    proxy: URL | None,
    *traces: aiohttp.TraceConfig,
) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        request_class=Request,
        timeout=limits,
        headers=headers,
        proxy=proxy,
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
        sock_read=None,  # `total` bounds it; saves a timer for each read, a tenth of a call
        ceil_threshold=5.0,
    )


def _fault(fault: Exception) -> type[UpstreamFault]:
    """The error for a network fault of a call that is no purchase."""
    match fault:
        case aiohttp.ConnectionTimeoutError() | aiohttp.ClientHttpProxyError():
            return UpstreamUnavailable
        case TimeoutError():
            return UpstreamTimeout
        case aiohttp.ClientPayloadError() | aiohttp.ClientResponseError():
            return UpstreamBadResponse
        case _:
            return UpstreamUnavailable


def _with_note(error: GatewayError, fault: Exception) -> GatewayError:
    """The error with the class of the fault as a note; its message might contain the key."""
    error.add_note(type(fault).__name__)
    return error
