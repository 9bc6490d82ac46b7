"""A provider on a real socket that sends the scripted bytes and remembers what it was asked."""

import asyncio
from dataclasses import dataclass, field
from typing import Self

Headers = dict[str, str]


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    target: str
    headers: Headers
    body: bytes
    connection: int


@dataclass(frozen=True)
class Send:
    """One scripted answer: these bytes, then perhaps silence until the end, or the line dropped."""

    data: bytes = b""
    hang: bool = False
    drop: bool = False


def http(status: int, body: bytes = b"", *headers: str) -> Send:
    """A whole answer."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers]
    return Send("\r\n".join([*lines, "", ""]).encode() + body)


def cut(status: int, body: bytes) -> Send:
    """An answer that promises more than it sends."""
    whole = http(status, body).data.replace(b"Content-Length: ", b"Content-Length: 9")
    return Send(whole, drop=True)


@dataclass
class ScriptedServer:
    """Answers each request with the next of `script`; with a hang where there is none."""

    script: list[Send] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    url: str = ""
    somebody_asked: asyncio.Event = field(default_factory=asyncio.Event)
    _connections: int = 0
    _end: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._end.set()
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        connection = self._connections
        try:
            while (asked := await _read(reader, connection)) is not None:
                self.asked.append(asked)
                self.somebody_asked.set()
                send = self.script.pop(0) if self.script else Send(hang=True)
                writer.write(send.data)
                await writer.drain()
                if send.hang:
                    await self._end.wait()
                if send.drop or send.hang:
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader, connection: int) -> Asked | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode().strip().split("\r\n")
    method, target, _version = first.split(" ")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method, target, headers, body, connection)
