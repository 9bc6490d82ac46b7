"""What the event streams of one account share: their wake-up, and what they read of the store."""

import asyncio
from collections.abc import Callable, Sequence

from gateway.core.events import Event, Events
from gateway.core.ledger import View
from gateway.core.waking import Waking

_PAGE = 100
Page = Sequence[tuple[Event, bytes]]
"""Events, and each as it goes over the wire."""


class Feed:
    """Wakes every stream of an account when something has happened, and with each heartbeat.

    However many streams then read on from the same event, it is one look into the store.
    """

    def __init__(
        self,
        account_id: str,
        events: Events,
        waking: Waking,
        next_beat: Callable[[], asyncio.Future[None]],
    ) -> None:
        """`next_beat` gives the next heartbeat, which all feeds share."""
        self.streams = 0
        self.happened = 0  # how often; whoever sees another number than before looks again
        self._account_id = account_id
        self._events = events
        self._waking = waking
        self._next_beat = next_beat
        self._sleeping: set[asyncio.Future[None]] = set()
        self._pages: dict[tuple[View, int], asyncio.Task[Page]] = {}
        # Before anybody looks: what happens from now on is not missed.
        self._turning = asyncio.create_task(self._turn(waking.next_stir(account_id)))

    def close(self) -> None:
        """Wake nobody any more."""
        self._turning.cancel()
        self._waking.hush(self._account_id)

    async def next_turn(self) -> None:
        """Until something has happened, or for the length of a heartbeat.

        Each stream has a future of its own: of a shared one, taking back a callback costs time
        for every other.
        """
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleeping.add(turn)
        try:
            await turn
        finally:
            self._sleeping.discard(turn)

    async def page(self, view: View, after: int) -> Page:
        """What the view has after an event, as of the last happening or later."""
        key = view, after
        reading = self._pages.get(key)
        if reading is None:
            pages = self._pages
            reading = pages[key] = asyncio.create_task(self._read(view, after))
            # Not kept: who comes back after long reads many.
            reading.add_done_callback(lambda _: pages.pop(key, None))
        return await asyncio.shield(reading)

    async def _read(self, view: View, after: int) -> Page:
        events = await self._events.events(view, after, _PAGE)
        return [(event, _line(event)) for event in events]

    async def _turn(self, stirred: asyncio.Future[None]) -> None:
        last = await self._last(0)
        while True:
            await asyncio.wait({stirred, self._next_beat()}, return_when=asyncio.FIRST_COMPLETED)
            if stirred.done():
                stirred = self._waking.next_stir(self._account_id)
                self._looks_again()
            elif last != (last := await self._last(last)):
                self._looks_again()
            sleeping, self._sleeping = self._sleeping, set()
            for turn in sleeping:
                if not turn.done():
                    turn.set_result(None)

    def _looks_again(self) -> None:
        self.happened += 1
        self._pages = {}  # a look that has begun may have missed what happened

    async def _last(self, before: int) -> int:
        """The last event: another process may have written one without a word."""
        try:
            return await self._events.last_event()
        except Exception:  # the store is away for a moment; the next heartbeat asks again
            return before


def _line(event: Event) -> bytes:
    return (
        f"id: {event.id}\nevent: {event.kind.value}\ndata: {event.rental.model_dump_json()}\n\n"
    ).encode()
