"""Standard input and output line by line, for a client that starts this program itself.

Both descriptors are used by daemon threads: neither a client that sends nothing nor one that reads
nothing holds up the end of the program.
"""

import asyncio
import os
import queue
import signal
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import suppress

_FLUSH_SECONDS = 0.2


class StdinLines:
    """Standard input line by line; `ended` once the client has closed it, or a signal came.

    The SDK's own reader cannot be cancelled while it waits: Ctrl-C would do nothing until the
    next line. The descriptor is read directly, because a buffer's lock is not free at the end.
    """

    def __init__(self) -> None:
        """Begin to read; must be called in the event loop that takes the lines."""
        self.ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()
        for number in (signal.SIGTERM, signal.SIGINT):
            with suppress(NotImplementedError, ValueError):  # a system or thread without signals
                self._loop.add_signal_handler(number, self.end)
        descriptor = os.dup(sys.stdin.fileno())
        threading.Thread(target=self._read, args=(descriptor,), daemon=True).start()

    def end(self) -> None:
        """End the iteration, whatever the client sends."""
        self.ended.set()
        self._queue.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[str]:
        while (line := await self._queue.get()) is not None:
            yield line

    def _read(self, descriptor: int) -> None:
        rest = b""
        with suppress(RuntimeError):  # the event loop is closed
            while piece := os.read(descriptor, 65_536):
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    self._put(line)
            if rest:
                self._put(rest)
            self._loop.call_soon_threadsafe(self.end)

    def _put(self, line: bytes) -> None:
        text = line.decode(errors="replace")
        self._loop.call_soon_threadsafe(self._queue.put_nowait, text)


class StdoutLines:
    """Writes lines to standard output, in order."""

    def __init__(self) -> None:
        """Begin to write."""
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, daemon=True)
        self._writer.start()

    def put(self, line: bytes) -> None:
        """Write a line, which must not hold a line break, soon."""
        self._queue.put(line)

    def close(self) -> None:
        """Wait a moment until all is written."""
        self._queue.put(None)
        self._writer.join(_FLUSH_SECONDS)

    def _write(self) -> None:
        with suppress(OSError):  # the client reads no more, and will close standard input
            while (line := self._queue.get()) is not None:
                rest = memoryview(line + b"\n")
                while rest:
                    rest = rest[os.write(1, rest) :]
