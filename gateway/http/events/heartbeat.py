"""The heartbeat of event streams, so that clients and proxies keep idle ones open."""

import asyncio
from itertools import islice

from gateway.http.events.stream import Stream, message

_STILL_HERE = message(b": still here\n\n")
_PARTS = 15


class Heartbeat:
    """One timer for all streams. Writes to a fraction at a time, to not block the event loop."""

    def __init__(self, seconds: float) -> None:
        """`seconds`: the longest time without a message on a stream."""
        self.seconds = seconds
        self._written: dict[Stream, float] = {}  # when, by the event loop's clock; the oldest first
        self._timer: asyncio.TimerHandle | None = None

    def join(self, stream: Stream) -> None:
        """Add a stream, until `leave`."""
        self._written[stream] = asyncio.get_running_loop().time()
        if self._timer is None:
            self._schedule()

    def wrote(self, stream: Stream) -> None:
        """A message is written to the stream: postpone its next heartbeat."""
        del self._written[stream]
        self._written[stream] = asyncio.get_running_loop().time()

    def leave(self, stream: Stream) -> None:
        """Remove a stream that has ended."""
        del self._written[stream]
        if not self._written and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _schedule(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self.seconds / _PARTS, self._beat)

    def _beat(self) -> None:
        """Write to one fraction of the streams, except those with a recent message."""
        self._schedule()
        silent_since = asyncio.get_running_loop().time() - self.seconds / 2
        share = -(-len(self._written) // _PARTS)
        for stream, written in list(islice(self._written.items(), share)):
            if written > silent_since:
                break
            if stream.write_now(_STILL_HERE):
                self.wrote(stream)
            else:
                stream.cut_off()  # its client has not accepted the last message in all that time
