"""Receivers on sockets that answer as they should not, and resolvers that lie."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_network

from aiohttp.abc import AbstractResolver, ResolveResult

from adapters.outgoing.addresses import Network
from adapters.outgoing.sender import WebhookSender
from gateway.core.auth.webhook_secrets import WebhookSecrets
from gateway.core.ports.sending import OutgoingMessage, SendResult
from tests.support.waiting import until

SECRET = WebhookSecrets(b"a test").signing("wh_1", 1)
BODY = b'{"id":"evt_71","type":"rental.code_received"}'
HERE: tuple[Network, ...] = (ip_network("127.0.0.0/8"),)
SMALL = 8192

Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Listener:
    """Answers each connection and counts them; it holds them until the other side closes."""

    answer: bytes | Answering
    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    opened: int = 0
    closed: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def all_closed(self) -> None:
        """Fails where a connection is left open."""
        await until(lambda: self.closed == self.opened)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests.append(head + await reader.readexactly(len(BODY)))
                if isinstance(self.answer, bytes):
                    writer.write(self.answer)
                    await writer.drain()
                else:
                    await self.answer(reader, writer)
                await reader.read()
        finally:
            self.closed += 1
            writer.transport.abort()


@asynccontextmanager
async def listening(
    answer: bytes | Answering = b"HTTP/1.1 204 No Content\r\n\r\n",
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Listener]:
    """A receiver that sends these bytes, or what `answer` writes, to each request."""
    listener = Listener(answer)
    place = socket.create_server((host, port))
    place.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
    server = await asyncio.start_server(listener.take, sock=place, ssl=tls)
    listener.port = place.getsockname()[1]
    try:
        yield listener
    finally:
        server.close()
        await listener.all_closed()


class Told(AbstractResolver):
    """Answers with the addresses of a list, one answer after the other; then the last for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        self.asked.append(host)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [
            ResolveResult(hostname=host, host=each, port=port, family=family, proto=0, flags=0)
            for each in answer
        ]

    async def close(self) -> None:
        """Nothing is held."""


class Numbers(Told):
    """Reads every spelling of a number that the system's own functions take, and no name."""

    def __init__(self) -> None:
        super().__init__([])

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        read = socket.inet_ntoa(socket.inet_aton(host.rstrip(".")))
        self._answers = [[read]]
        return await super().resolve(host, port, family)


@asynccontextmanager
async def a_sender(
    networks: Sequence[Network] = HERE,
    *,
    resolver: AbstractResolver | None = None,
    tls: ssl.SSLContext | bool = True,
    connect_seconds: float = 30.0,
    seconds: float = 30.0,
) -> AsyncIterator[WebhookSender]:
    """A sender with short times; everything it opened is closed behind it."""
    sender = WebhookSender(
        networks, resolver=resolver, tls=tls, connect_seconds=connect_seconds, seconds=seconds
    )
    try:
        yield sender
    finally:
        await sender.aclose()


async def sent(sender: WebhookSender, url: str, id: str = "evt_71") -> SendResult:
    """What came of sending to the URL."""
    return await sender.send(OutgoingMessage(id, url, BODY, SECRET))
