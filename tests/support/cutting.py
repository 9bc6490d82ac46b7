"""A line between a client and a gateway on which answers are lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass


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

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = self.gateway_url.removeprefix("http://").partition(":")
        try:
            there, to_there = await asyncio.open_connection(host, int(port))
        except ConnectionError:
            writer.close()
            return
        with suppress(ConnectionError, asyncio.IncompleteReadError):
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
        to_there.close()
        writer.close()


async def _copy(there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await there.read(65_536):
        writer.write(piece)
        await writer.drain()


@asynccontextmanager
async def cutting(gateway_url: str) -> AsyncIterator[Cutter]:
    cutter = Cutter(gateway_url)
    server = await asyncio.start_server(cutter.serve, "127.0.0.1", 0)
    cutter.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield cutter
