"""Server-sent events: what happens to the caller's rentals, from the store, resumable."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog
from aiohttp import web

from gateway.core.callers import Callers
from gateway.core.desk import Desk
from gateway.core.errors import InvalidRequest, RateLimited, Unauthorized
from gateway.core.events import Event, EventKind, Events
from gateway.core.invoke import Invoker
from gateway.core.listening import another_may_come, awaited
from gateway.core.rentals import Rental
from gateway.core.waking import Waking
from gateway.core.watches import Watch
from gateway.http.auth import key_of
from gateway.http.feed import Feed
from gateway.http.leaving import Leaving
from gateway.http.rest import CALLER

PATH = "/v1/events"
_MOST_STREAMS = 50  # of one caller
_SLOW = 10.0  # seconds a client may take to accept what is written
_HEARTBEAT = 30.0
_HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # proxies must pass every event on at once
}

log = structlog.get_logger("gateway.events")


@dataclass(eq=False, slots=True)
class _Stream:
    """One listener; it counts as waiting for every rental it may see that may bring a code."""

    key: str | None
    desk: Desk
    response: web.StreamResponse
    transport: asyncio.Transport | None
    last: int
    watched: dict[int, Watch] = field(default_factory=dict)


class EventsFace:
    """GET /v1/events. One heartbeat serves every stream."""

    def __init__(self, callers: Callers, invoker: Invoker, events: Events, waking: Waking) -> None:
        """`events` is read from the store; `waking` tells when to look."""
        self._callers = callers
        self._invoker = invoker
        self._events = events
        self._waking = waking
        self._open: dict[str, int] = {}
        self._feeds: dict[str, Feed] = {}
        self._beat: asyncio.Future[None] | None = None
        self._closing = False
        self._leaving = Leaving()

    def routes(self) -> list[web.RouteDef]:
        """The one address; HEAD would open a stream nobody reads."""
        return [web.get(PATH, self._listen, allow_head=False)]

    def close(self) -> None:
        """End every stream; clients come back, with the id of the last event they have."""
        self._closing = True
        self._waking.send_home()
        self._end_beat()

    async def _listen(self, request: web.Request) -> web.StreamResponse:
        caller = request[CALLER]
        if self._open.get(caller.id, 0) >= _MOST_STREAMS:
            raise RateLimited(f"This key has {_MOST_STREAMS} event streams open.", retry_after=5)
        last = _last_event_id(request)
        self._open[caller.id] = self._open.get(caller.id, 0) + 1
        try:
            if last is None:
                last = await self._events.last_event()
            response = web.StreamResponse(headers=_HEADERS)
            await response.prepare(request)
            desk = self._invoker.desk(caller)
            stream = _Stream(key_of(request), desk, response, request.transport, last)
            with self._leaving.ends_with(request):
                await self._serve(stream)
            return response
        finally:
            self._open[caller.id] -= 1
            if not self._open[caller.id]:
                del self._open[caller.id]

    async def _serve(self, stream: _Stream) -> None:
        """Until the client is gone, or too slow, or its key is no more, or the gateway ends."""
        try:
            with suppress(ConnectionError), self._feed(stream.desk.caller.account.id) as feed:
                await self._watch_active(stream)
                await _write(stream, b": here you are\n\n")
                while await self._goes_on(stream):
                    await self._next(stream, feed)
        except Exception:  # the store is away, say: the client comes back by itself
            log.exception("a stream of events broke off")
            _cut(stream)
        finally:
            for watch in stream.watched.values():
                stream.desk.helpers.watcher.leave(watch)

    async def _goes_on(self, stream: _Stream) -> bool:
        """Not when the gateway ends; and who has lost its key meanwhile hears no more."""
        if stream.desk.caller.pass_through:
            return not self._closing
        try:
            await self._callers.identify(stream.key)
        except Unauthorized:
            return False
        except Exception:  # the store is away for a moment: nothing can be read of it either
            return not self._closing
        return not self._closing

    async def _next(self, stream: _Stream, feed: Feed) -> None:
        """Write what has happened; where nothing has, wait for it, and say so meanwhile."""
        seen = feed.happened
        if await self._catch_up(stream, feed):
            return
        while feed.happened == seen and await self._goes_on(stream):
            await feed.next_turn()
            if feed.happened == seen:
                await _write(stream, b": still here\n\n")

    async def _catch_up(self, stream: _Stream, feed: Feed) -> bool:
        """Write what has happened since; False where nothing has."""
        page = await feed.page(stream.desk.view, stream.last)
        for event, line in page:
            await _write(stream, line)
            stream.last = event.id
            await self._follow(stream, event)
        return bool(page)

    @contextmanager
    def _feed(self, account_id: str) -> Iterator[Feed]:
        """The account's feed, which is there as long as it has streams."""
        feed = self._feeds.get(account_id)
        if feed is None:
            feed = self._feeds[account_id] = Feed(
                account_id, self._events, self._waking, self._next_beat
            )
        feed.streams += 1
        try:
            yield feed
        finally:
            feed.streams -= 1
            if not feed.streams:
                del self._feeds[account_id]
                feed.close()

    async def _watch_active(self, stream: _Stream) -> None:
        for rental in await awaited(stream.desk, datetime.now(UTC)):
            _watch(stream, rental)

    async def _follow(self, stream: _Stream, event: Event) -> None:
        """Wait for new rentals, and no longer for those that will bring nothing more."""
        if event.kind is EventKind.RENTAL_RENTED:
            _watch(stream, event.rental)
        elif event.kind is EventKind.RENTAL_ENDED or not await another_may_come(
            stream.desk, event.rental
        ):
            _watch_no_more(stream, event.rental)

    def _next_beat(self) -> asyncio.Future[None]:
        if self._beat is None or self._beat.done():
            loop = asyncio.get_running_loop()
            self._beat = loop.create_future()
            loop.call_later(_HEARTBEAT, self._end_beat)
        return self._beat

    def _end_beat(self) -> None:
        if self._beat is not None and not self._beat.done():
            self._beat.set_result(None)


def _watch(stream: _Stream, rental: Rental) -> None:
    if rental.id is None or rental.id in stream.watched:
        return
    stream.watched[rental.id] = stream.desk.helpers.watcher.join(stream.desk, rental)


def _watch_no_more(stream: _Stream, rental: Rental) -> None:
    watch = stream.watched.pop(rental.id, None) if rental.id is not None else None
    if watch is not None:
        stream.desk.helpers.watcher.leave(watch)


async def _write(stream: _Stream, data: bytes) -> None:
    if stream.transport is not None and not stream.transport.get_write_buffer_size():
        await stream.response.write(data)  # nothing is before it, so this does not wait
        return
    try:
        async with asyncio.timeout(_SLOW):
            await stream.response.write(data)
    except TimeoutError:
        # A proper end would wait for the client too, and all that was written with it.
        _cut(stream)
        raise ConnectionResetError("the client is too slow") from None


def _cut(stream: _Stream) -> None:
    """Break the connection off: no answer can follow one that has begun."""
    if stream.transport is not None:
        stream.transport.abort()


def _last_event_id(request: web.Request) -> int | None:
    given = request.headers.get("Last-Event-ID") or request.query.get("last_event_id")
    if not given:
        return None
    if not (given.isascii() and given.isdigit() and len(given) < 19):
        raise InvalidRequest("Last-Event-ID: must be the id of an event of this stream.")
    return int(given)
