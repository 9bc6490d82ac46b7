"""One event stream: its socket, and what is written to it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from aiohttp import web

from gateway.core.codes.subscription import Subscription
from gateway.core.model.callers import Caller
from gateway.core.model.events import Event


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
    """One listener's connection, and the id of the last event that was written to it."""

    caller: Caller
    subscription: Subscription
    key: str | None = field(repr=False)
    response: web.StreamResponse
    transport: asyncio.Transport
    chunked: bool
    last: int  # event that was written

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

    def follow(self, events: Sequence[Event]) -> None:
        """They were written: go on after them."""
        if events:
            self.last = events[-1].id
        self.subscription.follow(events)
