"""A provider on a raw socket that says more than it is asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass(eq=False)
class Line:
    """One connection: what was asked on it, by the keys, and whether the other side has left."""

    writer: asyncio.StreamWriter
    task: asyncio.Task[None]
    keys: list[str] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    async def say(self, *parts: bytes) -> None:
        """Send it all at once; to somebody who has left it is said in vain."""
        with suppress(ConnectionError):
            self.writer.write(b"".join(parts))
            await self.writer.drain()


@dataclass
class Question:
    """A request: its key, which of all it is, its path, and where it came."""

    key: str
    number: int
    path: str
    body: bytes
    line: Line


Answers = Callable[[Question], Awaitable[None]]


@dataclass
class Talkative:
    """Leaves each question to `answers`. `greeting` is said to everybody who comes."""

    answers: Answers
    greeting: bytes = b""
    url: str = ""
    lines: list[Line] = field(default_factory=list)
    asked: list[Question] = field(default_factory=list)
    most_open: int = 0
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Talkative]:
        """Listens until the block ends."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            for line in self.open:
                line.task.cancel()  # it may be in the midst of an answer
            await self.until_open(0)

    @property
    def open(self) -> list[Line]:
        """The connections on which somebody still is."""
        return [line for line in self.lines if not line.left.is_set()]

    async def until_open(self, most: int) -> None:
        """Wait until no more connections than that are open."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.open) <= most)

    async def until_asked(self, times: int) -> None:
        """Wait until so many questions have come in all."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.asked) >= times)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        line = Line(writer, task)
        self.lines.append(line)
        self.most_open = max(self.most_open, len(self.open))
        try:
            await line.say(self.greeting)
            while True:
                question = await self._read(reader, line)
                line.keys.append(question.key)
                self.asked.append(question)
                await self._tell()
                await self.answers(question)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            line.left.set()
            writer.close()
            await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _read(self, reader: asyncio.StreamReader, line: Line) -> Question:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *fields = head.strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (x.partition(": ") for x in fields)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        return Question(headers["auth"], len(self.asked), first.split(" ")[1], body, line)


def whole(body: bytes | object, *, length: int | None = None) -> bytes:
    """A whole answer, of JSON where it is no bytes; `length` is what it says of itself."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return head(len(raw) if length is None else length) + raw


def head(length: int) -> bytes:
    """The head of an answer."""
    return (
        b"HTTP/1.1 200 X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % length
    )
