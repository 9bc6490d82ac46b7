"""The feed of one account: reads its events once and writes them to all its streams."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from gateway.core.model.events import Event
from gateway.core.model.purchases import View
from gateway.core.model.rentals import Rental
from gateway.core.ports.storage import Events
from gateway.core.rentals.notifier import Notifier
from gateway.http.events.heartbeat import Heartbeat
from gateway.http.events.stream import Stream, StreamMessage, message

_PAGE = 100
_MOST_STARTING = 8
_AT_ONCE = 100  # streams written to before other tasks of the event loop run


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events, and their encoded message."""

    events: Sequence[Event]
    message: StreamMessage


class Feed:
    """Writes new events to every stream of an account, from one task.

    A stream that is up to date rests here, which saves waking a task for each of them. Only the
    streams of slow clients read by themselves. Streams that continue after the same event share one
    read of the store.
    """

    def __init__(
        self,
        account_id: str,
        events: Events,
        notifier: Notifier,
        heartbeat: Heartbeat,
        key_accepted: Callable[[Stream], Awaitable[bool]],
    ) -> None:
        """`heartbeat` is shared by all feeds. `key_accepted`: whether a stream's key is valid."""
        self.streams = 0
        # Bounds the streams that start at once, as after a restart: each reads many rentals.
        self.beginners = asyncio.Semaphore(_MOST_STARTING)
        self.happened = 0  # counts changes; a stream that sees a new number reads again
        self._account_id = account_id
        self._events = events
        self._notifier = notifier
        self._heartbeat = heartbeat
        self._key_accepted = key_accepted
        self._resting: dict[Stream, asyncio.Future[None]] = {}
        self._shut_down = False
        self._pages: dict[tuple[View, int], asyncio.Task[EventPage]] = {}
        # Starts before any read, so that no later change is missed.
        self._listening = asyncio.create_task(
            self._listen(notifier.next_account_change(account_id))
        )

    def close(self) -> None:
        """Stop listening to the account."""
        self._listening.cancel()
        self._notifier.drop_account(self._account_id)

    def shut_down(self) -> None:
        """Wake all resting streams, at shutdown; later ones do not rest."""
        self._shut_down = True
        self._wake_all(self._resting)

    async def rest(self, stream: Stream, seen: int) -> None:
        """Wait until the stream must read by itself; `seen`: `happened` at its last read."""
        if self.happened != seen or self._shut_down:
            return
        wake_up = self._resting[stream] = asyncio.get_running_loop().create_future()
        try:
            await wake_up
        finally:
            del self._resting[stream]

    async def page(self, view: View, after: int) -> EventPage:
        """The events of a view after an event id, as of the last change or later."""
        key = view, after
        reading = self._pages.get(key)
        if reading is None:
            pages = self._pages
            reading = pages[key] = asyncio.create_task(self._read(view, after))
            # Not cached: a client that was away for long reads many pages.
            reading.add_done_callback(lambda _: pages.pop(key, None))
        return await asyncio.shield(reading)

    async def _read(self, view: View, after: int) -> EventPage:
        events = await self._events.events(view, after, _PAGE)
        return EventPage(events, message(b"".join(map(_lines, events))))

    async def _listen(self, changed: asyncio.Future[None]) -> None:
        last = await self._last(0)
        while True:
            await asyncio.wait({changed}, timeout=self._heartbeat.seconds)
            if changed.done():
                changed = self._notifier.next_account_change(self._account_id)
            elif last == (last := await self._last(last)):
                await self._end_revoked()
                continue
            self.happened += 1
            self._pages = {}  # a read that has begun may have missed the change
            await self._write_to_all()

    async def _write_to_all(self) -> None:
        groups: dict[tuple[str, int], list[Stream]] = {}
        for stream in self._resting:
            groups.setdefault((stream.caller.id, stream.last), []).append(stream)
        await asyncio.gather(*map(self._write_to, groups.values()))

    async def _end_revoked(self) -> None:
        """Wake the streams whose keys are not accepted any more: each then ends by itself."""
        of_callers: dict[str, list[Stream]] = {}
        for stream in self._resting:
            of_callers.setdefault(stream.caller.id, []).append(stream)
        for alike in of_callers.values():
            if not await self._key_accepted(alike[0]):
                self._wake_all(alike)

    def _wake_all(self, streams: Iterable[Stream]) -> None:
        for stream in streams:
            if stream in self._resting:
                self._wake(stream)

    async def _write_to(self, alike: list[Stream]) -> None:
        """Write new events to resting streams of one caller that have the same last event."""
        subscription, last = alike[0].subscription, alike[0].last
        if not await self._key_accepted(alike[0]):
            self._wake_all(alike)
            return
        try:
            page = await self.page(subscription.view, last)
        except Exception:  # each stream gets the error itself, and ends
            self._wake_all(alike)
            return
        if not page.events:
            return
        await self._write_page(page, alike)

        def drop(rental: Rental) -> None:
            for stream in alike:
                stream.subscription.drop(rental)

        subscription.when_finished(page.events, drop)

    async def _write_page(self, page: EventPage, alike: list[Stream]) -> None:
        for place, stream in enumerate(alike, 1):
            if stream in self._resting and not self._write_now(stream, page):
                self._wake(stream)
            if place % _AT_ONCE == 0:
                await asyncio.sleep(0)

    def _write_now(self, stream: Stream, page: EventPage) -> bool:
        """Write a page to a stream; returns whether the stream is up to date now."""
        if not stream.write_now(page.message):
            return False
        self._heartbeat.wrote(stream)
        stream.follow(page.events)
        return len(page.events) < _PAGE

    def _wake(self, stream: Stream) -> None:
        wake_up = self._resting[stream]
        if not wake_up.done():
            wake_up.set_result(None)

    async def _last(self, before: int) -> int:
        """The id of the last event: another process may have written one without a notice."""
        try:
            return await self._events.last_event()
        except Exception:  # retried at the next heartbeat
            return before


def _lines(event: Event) -> bytes:
    told = event.data if event.details is None else event.details
    data = "null" if told is None else told.model_dump_json()
    return f"id: {event.id}\nevent: {event.type.value}\ndata: {data}\n\n".encode()
