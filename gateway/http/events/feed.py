"""What the event streams of one account share: their wake-up, and what they read of the store."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from gateway.core.model.events import Event
from gateway.core.model.purchases import View
from gateway.core.ports.storage import Events
from gateway.core.rentals.notifier import Notifier
from gateway.http.events.heartbeat import Heartbeat
from gateway.http.events.stream import Stream, StreamMessage, message

_PAGE = 100
_BEGINNERS = 8
_AT_ONCE = 100  # streams; then whatever else there is to do gets its time


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events, and all of them as they go over the wire."""

    events: Sequence[Event]
    message: StreamMessage


class Feed:
    """Tells every stream of an account what has happened, from one task.

    A stream that is up to date rests here: waking a task for each would take longer than writing.
    Only those whose clients are behind go on by themselves. However many read on from the same
    event, it is one look into the store.
    """

    def __init__(
        self,
        account_id: str,
        events: Events,
        notifier: Notifier,
        heartbeat: Heartbeat,
        may_hear: Callable[[Stream], Awaitable[bool]],
    ) -> None:
        """`heartbeat` is told of what is written; all feeds share it.

        `may_hear`: whether a stream's key is still good.
        """
        self.streams = 0
        # Who begin at one time: each reads up to thousands of rentals, and all come back together.
        self.beginners = asyncio.Semaphore(_BEGINNERS)
        self.happened = 0  # how often; whoever sees another number than before looks again
        self._account_id = account_id
        self._events = events
        self._notifier = notifier
        self._heartbeat = heartbeat
        self._may_hear = may_hear
        self._resting: dict[Stream, asyncio.Future[None]] = {}
        self._shut_down = False
        self._pages: dict[tuple[View, int], asyncio.Task[EventPage]] = {}
        # Before anybody looks: what happens from now on is not missed.
        self._listening = asyncio.create_task(
            self._listen(notifier.next_account_change(account_id))
        )

    def close(self) -> None:
        """Tell nobody any more."""
        self._listening.cancel()
        self._notifier.drop_account(self._account_id)

    def shut_down(self) -> None:
        """Let nobody rest any more: the gateway ends."""
        self._shut_down = True
        self._wake_all(self._resting)

    async def rest(self, stream: Stream, seen: int) -> None:
        """Until the stream must look by itself; `seen`: what had happened when it last looked."""
        if self.happened != seen or self._shut_down:
            return
        wake_up = self._resting[stream] = asyncio.get_running_loop().create_future()
        try:
            await wake_up
        finally:
            del self._resting[stream]

    async def page(self, view: View, after: int) -> EventPage:
        """What the view has after an event, as of the last happening or later."""
        key = view, after
        reading = self._pages.get(key)
        if reading is None:
            pages = self._pages
            reading = pages[key] = asyncio.create_task(self._read(view, after))
            # Not kept: who comes back after long reads many.
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
                await self._send_away()
                continue
            self.happened += 1
            self._pages = {}  # a look that has begun may have missed what happened
            await self._tell_all()

    async def _tell_all(self) -> None:
        groups: dict[tuple[str, int], list[Stream]] = {}
        for stream in self._resting:
            groups.setdefault((stream.caller.id, stream.last), []).append(stream)
        await asyncio.gather(*map(self._tell, groups.values()))

    async def _send_away(self) -> None:
        """Wake those whose keys are no more: each finds out by itself, and ends."""
        of_callers: dict[str, list[Stream]] = {}
        for stream in self._resting:
            of_callers.setdefault(stream.caller.id, []).append(stream)
        for alike in of_callers.values():
            if not await self._may_hear(alike[0]):
                self._wake_all(alike)

    def _wake_all(self, streams: Iterable[Stream]) -> None:
        for stream in streams:
            if stream in self._resting:
                self._wake(stream)

    async def _tell(self, alike: list[Stream]) -> None:
        """Write to those of one caller who rest, and have had the same events."""
        subscription, last = alike[0].subscription, alike[0].last
        if not await self._may_hear(alike[0]):
            self._wake_all(alike)
            return
        try:
            page = await self.page(subscription.view, last)
        except Exception:  # each finds out by itself, and ends as one that broke off
            self._wake_all(alike)
            return
        if not page.events:
            return
        await self._spread(page, alike)
        for rental in await subscription.finished(page.events):
            for stream in alike:
                stream.subscription.drop(rental)

    async def _spread(self, page: EventPage, alike: list[Stream]) -> None:
        for place, stream in enumerate(alike, 1):
            if stream in self._resting and not self._told(stream, page):
                self._wake(stream)
            if place % _AT_ONCE == 0:
                await asyncio.sleep(0)

    def _told(self, stream: Stream, page: EventPage) -> bool:
        """Whether the stream has all there is now."""
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
        """The last event: another process may have written one without a word."""
        try:
            return await self._events.last_event()
        except Exception:  # the store is away for a moment; the next heartbeat asks again
            return before


def _lines(event: Event) -> bytes:
    return (
        f"id: {event.id}\nevent: {event.kind.value}\ndata: {event.rental.model_dump_json()}\n\n"
    ).encode()
