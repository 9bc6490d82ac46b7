"""An HTTP proxy on a raw socket, which can fail at every step of a tunnel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto


class Step(Enum):
    """Up to where the proxy does its work."""

    REFUSE = auto()  # says `says` in place of opening a tunnel
    CUT = auto()  # closes without an answer
    HANG = auto()  # never answers
    OPEN_AND_CUT = auto()  # opens the tunnel, and closes it at once
    CUT_IN_HANDSHAKE = auto()  # closes it when the first bytes come
    BABBLE = auto()  # says what is no TLS where the provider should speak
    PASS = auto()


@dataclass(frozen=True, slots=True)
class Connect:
    """What the proxy was asked: the first line's target, and the headers."""

    method: str
    target: str
    headers: dict[str, str]


@dataclass
class Proxy:
    """Tunnels (CONNECT), and passes plain requests on, to whatever this machine is asked for.

    What goes through a tunnel is in `carried`, as it was.
    """

    step: Step = Step.PASS
    says: bytes = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\n\r\ngone"
    asked: list[Connect] = field(default_factory=list)
    carried: bytearray = field(default_factory=bytearray)
    most_open: int = 0
    port: int = 0
    _open: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = field(default_factory=dict)
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def open(self) -> int:
        """How many connections are open."""
        return len(self._open)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Proxy]:
        """Listens until the block ends."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            self._ended.set()
            server.close()
            self.cut()
            if self._open:
                await asyncio.wait(list(self._open))

    def cut(self) -> None:
        """Close everything that is open, at once."""
        for writers in self._open.values():
            for writer in writers:
                writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = [writer]
        self.most_open = max(self.most_open, len(self._open))
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            asked = _read(head)
            self.asked.append(asked)
            if await self._opens(asked, reader, writer):
                await self._pass_on(asked, head, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            for each in self._open.pop(task):
                each.close()

    async def _opens(
        self, asked: Connect, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Whether it goes on to the provider."""
        if self.step is Step.PASS:
            return True
        if self.step is Step.REFUSE:
            writer.write(self.says)
        elif self.step is Step.HANG:
            await self._ended.wait()
        elif self.step is not Step.CUT:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            if self.step is not Step.OPEN_AND_CUT:
                await reader.read(65_536)
            if self.step is Step.BABBLE:
                writer.write(b"This is no TLS.")
        with suppress(ConnectionError):
            await writer.drain()
        return False

    async def _pass_on(
        self,
        asked: Connect,
        head: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        tunnel = asked.method == "CONNECT"
        place = asked.target if tunnel else asked.headers["host"]
        port = int(place.rpartition(":")[2])
        theirs, there = await asyncio.open_connection("127.0.0.1", port)
        task = asyncio.current_task()
        assert task is not None
        self._open[task].append(there)
        if tunnel:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            path = asked.target.partition("://")[2].partition("/")[2]
            there.write(head.replace(asked.target.encode(), f"/{path}".encode(), 1))
        await asyncio.gather(self._copy(reader, there), self._copy(theirs, writer))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                self.carried += data
                writer.write(data)
                await writer.drain()
        writer.close()


def _read(head: bytes) -> Connect:
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    return Connect(method, target, headers)
