"""One event stream: what is written to it, and the rentals it waits for."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from aiohttp import web

from gateway.core.codes.poll_schedule import PollTarget
from gateway.core.codes.subscription import another_may_come
from gateway.core.model.events import Event, EventKind
from gateway.core.model.rentals import Rental
from gateway.core.operations.context import Context


@dataclass(frozen=True, slots=True)
class StreamMessage:
    """What goes to many streams, made ready once: as it is, and as a chunk of HTTP/1.1."""

    text: bytes
    chunk: bytes


def message(text: bytes) -> StreamMessage:
    """The message of a text, which is not empty: that would be the last chunk."""
    return StreamMessage(text, b"%x\r\n%b\r\n" % (len(text), text))


@dataclass(eq=False, slots=True)
class Stream:
    """One listener; it counts as waiting for every rental it may see that may bring a code."""

    context: Context
    key: str | None = field(repr=False)
    response: web.StreamResponse
    transport: asyncio.Transport
    chunked: bool
    last: int  # event that was written
    watched: dict[int, PollTarget] = field(default_factory=dict)

    def write_now(self, what: StreamMessage) -> bool:
        """Write where the client has taken all before it; False where it is behind, or gone.

        To the transport itself: nothing is before it there, so nothing has to be waited for.
        """
        if self.transport.is_closing() or self.transport.get_write_buffer_size():
            return False
        self.transport.write(what.chunk if self.chunked else what.text)
        return True

    async def write(self, what: StreamMessage, patience: float) -> None:
        """Write, and let the client catch up for so many seconds. Raises ConnectionError."""
        try:
            async with asyncio.timeout(patience):
                await self.response.write(what.text)
        except TimeoutError:
            self.cut_off()
            raise ConnectionResetError("the client is too slow") from None

    def cut_off(self) -> None:
        """A proper end would wait for the client, with all that was written to it."""
        self.transport.abort()

    def follow(self, events: Iterable[Event]) -> None:
        """They were written. Wait for new rentals, and no longer for those that have ended."""
        for event in events:
            self.last = event.id
            if event.kind is EventKind.RENTAL_CREATED:
                self.target(event.rental)
            elif event.kind is EventKind.RENTAL_ENDED:
                self.watch_no_more(event.rental)

    def target(self, rental: Rental) -> None:
        """Wait for its codes."""
        if rental.id is not None and rental.id not in self.watched:
            self.watched[rental.id] = self.context.services.poller.join(self.context, rental)

    def watch_no_more(self, rental: Rental) -> None:
        """Nothing more will come of it."""
        target = self.watched.pop(rental.id, None) if rental.id is not None else None
        if target is not None:
            self.context.services.poller.leave(target)

    def leave(self) -> None:
        """Wait for nothing any more."""
        while self.watched:
            self.context.services.poller.leave(self.watched.popitem()[1])


async def done_with(context: Context, events: Iterable[Event]) -> list[Rental]:
    """Those that had their code, and whose service sends one only."""
    coded = [event.rental for event in events if event.kind is EventKind.RENTAL_CODE_RECEIVED]
    return [rental for rental in coded if not await another_may_come(context, rental)]
