"""A provider that says exactly what a test tells it to, byte for byte, on a real socket."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Act(Enum):
    """What to do instead of answering."""

    DROP = "drop"  # read the request and close the connection
    HANG = "hang"  # read the request and never answer


@dataclass(frozen=True, slots=True)
class Held:
    """An answer that is given only after `release`."""

    answer: bytes


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None

    @property
    def brief(self) -> tuple[str, str, Any]:
        """Method, path and JSON body: what most tests look at."""
        return self.method, self.path, self.json


def reply(
    status: int, body: bytes | str | object, content_type: str = "application/json", **headers: str
) -> bytes:
    """A whole HTTP response; what is neither bytes nor text is written as JSON."""
    if isinstance(body, str):
        body = body.encode()
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    lines = {"Content-Type": content_type, "Content-Length": str(len(raw)), **named}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} Scripted\r\n{head}\r\n".encode() + raw


Said = bytes | Held | Act
NOTHING_SCRIPTED = reply(500, {"errors": "nothing is scripted"})


@dataclass
class Scripted:
    """Answers from `script`, then `always`; writes down what was asked.

    `arrived` is set as soon as a request has come. One that hangs ends when the provider does, or
    by `release`. `tls`: it speaks https, under the name localhost.
    """

    script: deque[Said] = field(default_factory=deque)
    always: Said | Callable[[Asked], Said] = NOTHING_SCRIPTED
    asked: list[Asked] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    tls: ssl.SSLContext | None = None
    url: str = ""
    _released: asyncio.Event = field(default_factory=asyncio.Event)
    _greeted: set[asyncio.Task[None]] = field(default_factory=set)
    _open: dict[asyncio.Task[None], asyncio.StreamWriter] = field(default_factory=dict)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Scripted]:
        """Listens until the block ends."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            host = "https://localhost" if self.tls else "http://127.0.0.1"
            self.url = f"{host}:{listener.getsockname()[1]}"
            accepting = asyncio.create_task(self._accept(listener))
            try:
                yield self
            finally:
                self.release()
                accepting.cancel()
                # One in its handshake too: its client may be gone, which nobody has seen yet.
                await asyncio.gather(accepting, *self._greeted, return_exceptions=True)
                for writer in self._open.values():
                    writer.close()
                if self._open:
                    await asyncio.wait(self._open)

    def release(self) -> None:
        """Closes the connections that hang."""
        self._released.set()
        self._released = asyncio.Event()

    @property
    def briefs(self) -> list[tuple[str, str, Any]]:
        """Everything asked, in brief."""
        return [one.brief for one in self.asked]

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            connected, _ = await loop.sock_accept(listener)
            greeting = asyncio.create_task(self._greet(connected))
            self._greeted.add(greeting)
            greeting.add_done_callback(self._greeted.discard)

    async def _greet(self, connected: socket.socket) -> None:
        protocol = asyncio.StreamReaderProtocol(asyncio.StreamReader(), self._serve)
        with suppress(OSError):  # a client that breaks the handshake off
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: protocol, connected, ssl=self.tls
            )

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = writer
        try:
            while await self._answer(await _read(reader), writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            del self._open[task]

    async def _answer(self, asked: Asked, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection stays open."""
        self.asked.append(asked)
        self.arrived.set()
        answer = self._next(asked)
        if answer is Act.HANG or isinstance(answer, Held):
            await self._released.wait()
        if isinstance(answer, Held):
            answer = answer.answer
        if not isinstance(answer, bytes):
            return False
        writer.write(answer)
        await writer.drain()
        head = answer.partition(b"\r\n\r\n")[0].lower()
        closing = asked.headers.get("connection") == "close"
        return not closing and b"content-length: " in head

    def _next(self, asked: Asked) -> Said:
        if self.script:
            return self.script.popleft()
        return self.always(asked) if callable(self.always) else self.always


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method, path, headers, body)
