"""Moves bytes to the provider and back. What they mean is read elsewhere."""

from collections.abc import Callable
from types import SimpleNamespace, TracebackType
from typing import Self

import aiohttp
from aiohttp import hdrs
from yarl import URL

from adapters.getatext.connections import AUTH, Connections, Request
from adapters.getatext.endpoint import AnyEndpoint
from adapters.getatext.reply import Reply
from gateway.core.model.errors import GatewayError, OutcomeUnknown
from gateway.core.model.provider_errors import (
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


class Client:
    """Two connection pools to the provider: one for reads and changes, one for purchases.

    Reads and changes use connections again, but only those of their own account, and none on
    which anything came that was not asked for.

    A purchase never goes over a connection that was used before: on one that has just died it
    could not be told whether the request arrived. Nothing is ever repeated here, except that
    aiohttp sends a GET a second time when a kept connection has dropped: purchases are POSTs.

    Make it inside a running event loop, and close it. Times are in seconds: `connect_seconds` to
    get a connection, the others for the whole call, connection and body included, `idle_seconds`
    until a kept connection that nobody uses is closed (it may take twice that). In each pool at
    most `connections` are in use or kept; those just being opened may be above it for a moment.
    One account has at most half of those for reads and changes, so the others are never without.
    """

    def __init__(
        self,
        base_url: str,
        *,
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
        kept = Connections(
            connections, limit_of_one=max(1, connections // 2), idle_seconds=idle_seconds
        )
        single = Connections(connections, force_close=True)
        self._kept, self._single = kept, single
        self._reads = _session(kept, _limits(connect_seconds, read_seconds))
        noting = aiohttp.TraceConfig()
        noting.on_request_headers_sent.append(_note_sent)
        self._spends = _session(single, _limits(connect_seconds, spend_seconds), noting)

    def when_connected(self, told: Callable[[], None]) -> None:
        """Tell somebody, in the task that asks, when a call had to wait for its connection."""
        self._kept.told = self._single.told = told

    def distrust(self, key: str) -> None:
        """Keep no connection of this key: an answer that came on one was not what was asked for.

        It may have been meant for an earlier question, and then the next would be late as well.
        """
        self._kept.distrust(key)

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
        self, endpoint: AnyEndpoint, key: str, body: bytes | None = None, about: int | None = None
    ) -> Reply:
        """Make one call; `about` is the id in its path.

        Raises UpstreamUnavailable, UpstreamTimeout or UpstreamBadResponse; for a purchase
        UpstreamUnavailable where it was surely not sent, OutcomeUnknown otherwise.
        """
        headers = {AUTH: key} if body is None else {AUTH: key, hdrs.CONTENT_TYPE: _JSON}
        if not endpoint.spends:
            try:
                return await self._exchange(self._reads, endpoint, headers, body, about)
            except (TimeoutError, aiohttp.ClientError, OSError) as fault:
                raise _fault(fault) from None
        sent = _Sent()
        try:
            return await self._exchange(self._spends, endpoint, headers, body, about, sent)
        except Exception as fault:  # whatever it is: a purchase that was sent may be made
            raise _noted(OutcomeUnknown() if sent.yes else UpstreamUnavailable(), fault) from None

    async def _exchange(
        self,
        session: aiohttp.ClientSession,
        endpoint: AnyEndpoint,
        headers: dict[str, str],
        body: bytes | None,
        about: int | None,
        sent: _Sent | None = None,
    ) -> Reply:
        async with session.request(
            endpoint.method,
            self._url(endpoint, about),
            data=body,
            headers=headers,
            # A POST without a body has no type. (Asked of every call it would cost each of them.)
            skip_auto_headers=_NO_TYPE if body is None else None,
            allow_redirects=False,  # a redirect would take the key along
            trace_request_ctx=sent,
        ) as response:
            return Reply(
                response.status,
                await self._body(response),
                response.headers.get(hdrs.RETRY_AFTER),
            )

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

    def _url(self, endpoint: AnyEndpoint, about: int | None) -> URL:
        if about is not None:
            return URL(self._base + endpoint.path.format(id=about), encoded=True)
        url = self._urls.get(endpoint.path)
        if url is None:
            url = self._urls[endpoint.path] = URL(self._base + endpoint.path)
        return url


def _session(
    connector: aiohttp.TCPConnector, limits: aiohttp.ClientTimeout, *traces: aiohttp.TraceConfig
) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        request_class=Request,
        timeout=limits,
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
