"""Server-sent events of the caller's rentals, read from the store and resumable."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from random import randint

import structlog
from aiohttp import HttpVersion11, web

from gateway.core.auth.authentication import Callers
from gateway.core.auth.key_watch import KeyWatch
from gateway.core.invocation.invoker import Invoker
from gateway.core.model.callers import Caller
from gateway.core.model.errors import InvalidRequest, LedgerUnavailable, Unauthorized
from gateway.core.model.events import ID_PREFIX
from gateway.core.ports.storage import Events
from gateway.core.rentals.notifier import Notifier
from gateway.http.events.feed import Feed
from gateway.http.events.heartbeat import Heartbeat
from gateway.http.events.stream import Stream, StreamMessage, message
from gateway.http.wire.admission import STREAMS, Admission
from gateway.http.wire.auth import CALLER
from gateway.http.wire.edge import headers_of

PATH = "/v1/events/stream"
_SLOW = 10.0  # seconds a client may take to accept a message; under half a heartbeat
_HEARTBEAT = 30.0
_COME_BACK = 1500, 4500  # milliseconds; spread, so that thousands do not come back at once
_HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # proxies must not buffer
}

log = structlog.get_logger("gateway.events")


class EventsFace:
    """GET /v1/events/stream. `make_runner` cancels the handler of a client that disconnects."""

    def __init__(
        self,
        callers: Callers,
        invoker: Invoker,
        events: Events,
        notifier: Notifier,
        admission: Admission,
        watch: KeyWatch,
    ) -> None:
        """`events` is the store's; `notifier` reports changes, upon which it is read.

        `admission` limits how many streams are open; `watch` ends those of a key that has ended.
        """
        self._watch = watch
        self._callers = callers
        self._invoker = invoker
        self._admission = admission
        self._events = events
        self._notifier = notifier
        self._feeds: dict[str, Feed] = {}
        self._heartbeat = Heartbeat(_HEARTBEAT)
        self._closing = False

    def routes(self) -> list[web.RouteDef]:
        """The route; without HEAD, which would open a stream without a reader."""
        return [web.get(PATH, self._listen, allow_head=False)]

    def close(self) -> None:
        """End every stream; clients reconnect with the id of their last event."""
        self._closing = True
        self._notifier.shut_down()
        for feed in self._feeds.values():
            feed.shut_down()

    async def _listen(self, request: web.Request) -> web.StreamResponse:
        caller = request[CALLER]
        last = _last_event_id(request)
        stream: Stream | None = None
        try:
            with self._admission.held(request, caller, STREAMS), self._watch.holding(caller):
                resumed = last is not None
                if last is None:
                    last = await self._events.last_event()
                stream = await self._begin(request, caller, last)
                await self._serve(stream, resumed=resumed)
        except Unauthorized:  # its key has ended meanwhile: so does the stream
            if stream is None:
                raise
        return stream.response

    async def _begin(self, request: web.Request, caller: Caller, last: int) -> Stream:
        response = web.StreamResponse(headers=_HEADERS)
        response.headers.extend(headers_of(request))
        chunked = request.version >= HttpVersion11
        if chunked:
            response.enable_chunked_encoding()
        await response.prepare(request)
        if request.transport is None:
            raise ConnectionResetError("the client is gone")
        subscription = self._invoker.subscription(caller)
        return Stream(caller, subscription, response, request.transport, chunked, last)

    async def _serve(self, stream: Stream, *, resumed: bool) -> None:
        """Write events until the client leaves or is too slow, its key ends, or at shutdown."""
        feed = self._join(stream)
        try:
            with suppress(ConnectionError):
                await self._write_events(stream, feed, resumed=resumed)
        except LedgerUnavailable:  # before the first event: the client reconnects by itself
            stream.cut_off()
        except Exception:
            log.exception("a stream of events broke off")
            stream.cut_off()
        finally:
            self._leave(stream, feed)

    async def _write_events(self, stream: Stream, feed: Feed, *, resumed: bool) -> None:
        async with feed.beginners:
            await stream.subscription.start(datetime.now(UTC))
        await self._write(stream, _greeting())
        if resumed:
            await self._reset_where_broken(stream)
        while not self._closing and await self._key_accepted(stream):
            seen = feed.happened
            if not await self._catch_up(stream, feed):
                await feed.rest(stream, seen)

    async def _reset_where_broken(self, stream: Stream) -> None:
        """Write stream.reset where the events after the client's last one are not all there.

        The stream goes on from the id of that message, which skips nothing that is kept.
        """
        view, last = stream.subscription.view, stream.last
        deleted = await self._events.last_deleted(view.account_id)
        newest = max(await self._events.last_event(), deleted)
        if deleted <= last <= newest:
            return
        reason, stream.last = "unknown_event_id", newest
        if last < deleted:
            kept = await self._events.events(view, last, 1)
            reason, stream.last = "events_deleted", min([deleted, *(e.id - 1 for e in kept)])
        data = json.dumps({"reason": reason, "last_event_id": last})
        text = f"id: {stream.last}\nevent: stream.reset\ndata: {data}\n\n"
        await self._write(stream, message(text.encode()))

    async def _key_accepted(self, stream: Stream) -> bool:
        """Whether the stream's key is still accepted; True while the store fails."""
        try:
            await self._callers.recheck(stream.caller)
        except Unauthorized:
            return False
        except Exception:  # while the store fails no events can be read either
            return True
        return True

    async def _catch_up(self, stream: Stream, feed: Feed) -> bool:
        """Write the events after the stream's last one; False where there are none.

        While the ledger is away the stream stays open: the events come once it is back.
        """
        try:
            page = await feed.page(stream.subscription.view, stream.last)
        except LedgerUnavailable:
            return False
        if not page.events:
            return False
        await self._write(stream, page.message)
        stream.follow(page.events)
        stream.subscription.when_finished(page.events, stream.subscription.drop)
        return True

    async def _write(self, stream: Stream, what: StreamMessage) -> None:
        self._heartbeat.wrote(stream)  # before the write: the client may take its time
        await stream.write(what, _SLOW)

    def _join(self, stream: Stream) -> Feed:
        """Add the stream to its account's feed, which exists while it has streams."""
        account_id = stream.caller.account.id
        feed = self._feeds.get(account_id)
        if feed is None:
            feed = Feed(
                account_id, self._events, self._notifier, self._heartbeat, self._key_accepted
            )
            self._feeds[account_id] = feed
        feed.streams += 1
        self._heartbeat.join(stream)
        return feed

    def _leave(self, stream: Stream, feed: Feed) -> None:
        stream.subscription.close()
        self._heartbeat.leave(stream)
        feed.streams -= 1
        if not feed.streams:
            del self._feeds[stream.caller.account.id]
            feed.close()


def _greeting() -> StreamMessage:
    """The first message: a comment, and after how many milliseconds to come back."""
    return message(f": here you are\nretry: {randint(*_COME_BACK)}\n\n".encode())  # noqa: S311


def _last_event_id(request: web.Request) -> int | None:
    given = request.headers.get("Last-Event-ID") or request.query.get("last_event_id")
    if not given:
        return None
    digits = given.removeprefix(ID_PREFIX)
    if not (digits.isascii() and digits.isdigit() and len(digits) < 19):
        raise InvalidRequest("Last-Event-ID: must be the id of an event, such as 71 or evt_71.")
    return int(digits)
