"""A line between a client and a gateway on which answers are lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Cutter:
    """Lies between a client and a gateway, one connection for each request.

    The answer to a request that holds `cuts` it takes as far as `until` and does not pass on, once.
    """

    gateway_url: str
    url: str = ""
    cuts: str = ""
    until: bytes = b'"result"'
    cut: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        self._tasks.add(asyncio.create_task(self._serve(reader, writer)))

    async def close(self) -> None:
        """End the connections that are still open: event streams never end by themselves."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with _closing(writer):
            host, _, port = self.gateway_url.removeprefix("http://").partition(":")
            there, to_there = await asyncio.open_connection(host, int(port))
            async with _closing(to_there):
                head = await reader.readuntil(b"\r\n\r\n")
                _, found, rest = head.lower().partition(b"content-length: ")
                body = await reader.readexactly(int(rest.split(b"\r\n")[0]) if found else 0)
                to_there.write(head + body)
                if self.cuts and self.cuts.encode() in body:
                    self.cuts = ""
                    await there.readuntil(self.until)  # what was bought is bought
                    self.cut += 1
                else:
                    await _copy(there, writer)


@asynccontextmanager
async def _closing(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    try:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            yield
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def _copy(there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await there.read(65_536):
        writer.write(piece)
        await writer.drain()


@asynccontextmanager
async def cutting(gateway_url: str) -> AsyncIterator[Cutter]:
    cutter = Cutter(gateway_url)
    server = await asyncio.start_server(cutter.begin, "127.0.0.1", 0)
    cutter.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        try:
            yield cutter
        finally:
            server.close()
            await cutter.close()
