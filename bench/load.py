"""The load: keep-alive connections that each send the next request when an answer is whole."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import cast

CONNECTIONS = 32
_SEGMENT_SECONDS = 120.0
_END = b"\r\n\r\n"
_LENGTH = b"content-length:"
_BODILESS = (b"204", b"304")


class Load:
    """A fixed number of connections to one server."""

    def __init__(self) -> None:
        self._connections: list[_Connection] = []
        self._requests: Iterator[bytes] = iter(())
        self._status = b""
        self._left = 0
        self._done: asyncio.Future[None] | None = None

    async def run(self, requests: Sequence[bytes], status: int = 200) -> None:
        """Send every request once and wait for all answers; each must have this status."""
        self._requests, self._status = iter(requests), str(status).encode()
        self._left, self._done = len(requests), asyncio.get_running_loop().create_future()
        for connection in self._connections:
            self.next(connection)
        async with asyncio.timeout(_SEGMENT_SECONDS):
            await self._done

    async def connect(self, port: int, connections: int) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(connections):
            _, one = await loop.create_connection(lambda: _Connection(self), "127.0.0.1", port)
            self._connections.append(one)

    def close(self) -> None:
        self._done = None
        for connection in self._connections:
            connection.close()

    def next(self, connection: "_Connection") -> None:
        request = next(self._requests, None)
        if request is not None:
            connection.send(request)

    def answered(self, connection: "_Connection", status: bytes, body: bytes) -> None:
        if status != self._status:
            self.failed(f"answered {status.decode()}: {body[:300]!r}")
            return
        self._left -= 1
        if self._left:
            self.next(connection)
        elif self._done is not None and not self._done.done():
            self._done.set_result(None)

    def failed(self, why: str) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_exception(RuntimeError(why))


class _Connection(asyncio.Protocol):
    def __init__(self, load: Load) -> None:
        self._load = load
        self._buffer = bytearray()
        self._body_from = self._until = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass

    def send(self, request: bytes) -> None:
        assert self._transport is not None
        self._transport.write(request)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        if not self._until:
            end = buffer.find(_END)
            if end < 0:
                return
            self._body_from = end + len(_END)
            bodiless = buffer[9:12] in _BODILESS
            self._until = self._body_from + (0 if bodiless else _length(buffer[:end]))
        if len(buffer) >= self._until:
            status, body = bytes(buffer[9:12]), bytes(buffer[self._body_from : self._until])
            del buffer[: self._until]
            self._until = 0
            self._load.answered(self, status, body)

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.failed("the server closed a connection")


def _length(head: bytearray) -> int:
    _, found, rest = bytes(head).lower().partition(_LENGTH)
    if not found:
        raise RuntimeError("an answer without Content-Length")
    return int(rest.split(b"\r\n", 1)[0])


@asynccontextmanager
async def connected(port: int, connections: int = CONNECTIONS) -> AsyncIterator[Load]:
    """Connections that are open before anything is measured."""
    load = Load()
    try:
        await load.connect(port, connections)
        yield load
    finally:
        load.close()


def post(path: str, body: bytes, **headers: str) -> bytes:
    """The bytes of a POST of JSON."""
    about = {"Content_Type": "application/json", "Content_Length": str(len(body))}
    return _request("POST", path, headers | about) + body


def get(path: str, **headers: str) -> bytes:
    """The bytes of a GET; `X_API_Key="…"` is the header X-API-Key."""
    return _request("GET", path, headers)


def _request(method: str, path: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
