"""Tells the clients of silent event streams that those are still there."""

import asyncio
from itertools import islice

from gateway.http.events.stream import Stream, message

_STILL_HERE = message(b": still here\n\n")
_PARTS = 15


class Heartbeat:
    """One timer for all. It writes to a part of them at a time, so that no request waits long."""

    def __init__(self, seconds: float) -> None:
        """`seconds`: how long a stream is silent at the most."""
        self.seconds = seconds
        self._written: dict[Stream, float] = {}  # when; the longest silent first
        self._timer: asyncio.TimerHandle | None = None

    def join(self, stream: Stream) -> None:
        """Beat for it, until `leave`."""
        self._written[stream] = asyncio.get_running_loop().time()
        if self._timer is None:
            self._wind()

    def wrote(self, stream: Stream) -> None:
        """Something else is, or is being, written to it: no beat is needed for a while."""
        del self._written[stream]
        self._written[stream] = asyncio.get_running_loop().time()

    def leave(self, stream: Stream) -> None:
        """It has ended."""
        del self._written[stream]
        if not self._written and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wind(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self.seconds / _PARTS, self._beat)

    def _beat(self) -> None:
        """Each part of the time its part of the streams; those that spoke lately need none."""
        self._wind()
        silent_since = asyncio.get_running_loop().time() - self.seconds / 2
        share = -(-len(self._written) // _PARTS)
        for stream, written in list(islice(self._written.items(), share)):
            if written > silent_since:
                break
            if stream.write_now(_STILL_HERE):
                self.wrote(stream)
            else:
                stream.cut_off()  # its client has not taken what was written so long ago
