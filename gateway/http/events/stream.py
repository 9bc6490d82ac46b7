"""One event stream: its connection, and the messages written to it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from gateway.core.codes.subscription import Subscription
from gateway.core.model.callers import Caller
from gateway.core.model.events import Event


@dataclass(frozen=True, slots=True)
class StreamMessage:
    """A message encoded once for many streams: plain, and as a chunk of HTTP/1.1."""

    text: bytes
    chunk: bytes


def message(text: bytes) -> StreamMessage:
    """Encode a message. `text` must not be empty: that would be the last chunk."""
    return StreamMessage(text, b"%x\r\n%b\r\n" % (len(text), text))


@dataclass(eq=False, slots=True)
class Stream:
    """The connection of one client, and the id of the last event written to it."""

    caller: Caller
    subscription: Subscription
    response: web.StreamResponse
    transport: asyncio.Transport
    chunked: bool
    last: int  # id of the last event written

    def write_now(self, what: StreamMessage) -> bool:
        """Write if the client has accepted all before; False where it is behind or gone.

        Writes to the transport directly: its buffer is empty, so no drain is needed.
        """
        if self.transport.is_closing() or self.transport.get_write_buffer_size():
            return False
        self.transport.write(what.chunk if self.chunked else what.text)
        return True

    async def write(self, what: StreamMessage, patience: float) -> None:
        """Write, and wait up to `patience` seconds for the client. Raises ConnectionError."""
        try:
            async with asyncio.timeout(patience):
                await self.response.write(what.text)
        except TimeoutError:
            self.cut_off()
            raise ConnectionResetError("the client is too slow") from None

    def cut_off(self) -> None:
        """Abort the connection: a graceful close would wait for the client to read."""
        self.transport.abort()

    def follow(self, events: Sequence[Event]) -> None:
        """Note that events were written, and update the subscription."""
        if events:
            self.last = events[-1].id
        self.subscription.follow(events)
