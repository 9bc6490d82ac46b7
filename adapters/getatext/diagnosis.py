"""The steps to the provider one by one, so that the one that fails can be told.

A proxy that tunnels is a step of its own; one that passes requests on is seen at the last.
"""

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
from aiohttp import hdrs
from yarl import URL

from adapters.getatext.account import BALANCE, read_balance
from adapters.getatext.client import MAX_BODY
from adapters.getatext.connections import AUTH
from adapters.getatext.outbound import Outbound
from adapters.getatext.reply import Reply, read_answer
from gateway.core.model.account import Balance

_LONGEST_HEAD = 16_384


class TunnelRefused(Exception):
    """The proxy does not connect to the provider; `status` is its answer."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class Answered:
    """The provider's answer to a read of the balance, and its clock less ours in seconds."""

    reply: Reply
    clock_off: float | None

    def balance(self) -> Balance:
        """The balance in it. Raises the GatewayError that it means otherwise."""
        return read_answer(self.reply, BALANCE, read_balance)


class Route:
    """The way to the provider at `base_url`."""

    def __init__(self, base_url: str, out: Outbound) -> None:
        self._base = base_url.rstrip("/")
        self._out = out
        self.url = URL(base_url)
        self.encrypted = self.url.scheme == "https"
        self.tunnelled = out.proxy is not None and self.encrypted
        self.first = out.proxy or self.url

    async def resolve(self) -> list[str]:
        """The addresses of the host that is connected to. Raises OSError."""
        found: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        # Not a thread of the loop, which would wait for it at its end.
        threading.Thread(target=_look_up, args=(self.first, found), daemon=True).start()
        return await found

    async def connect(self) -> None:
        """Connect to the first host. Raises OSError."""
        async with _connection(self.first):
            pass

    async def tunnel(self) -> None:
        """Let the proxy connect to the provider. Raises OSError and TunnelRefused."""
        async with self._through_proxy():
            pass

    async def handshake(self) -> str:
        """Agree on TLS with the provider; its version. Raises OSError, also ssl.SSLError."""
        context = self._out.tls
        if not isinstance(context, ssl.SSLContext):
            context = ssl.create_default_context()
        async with self._through_proxy() as (_, writer):
            await writer.start_tls(context, server_hostname=self.url.host)
            return str(writer.get_extra_info("ssl_object").version())

    async def ask(self, key: str) -> Answered:
        """Read the balance of a key. Raises OSError and aiohttp.ClientError."""
        out = self._out
        login = out.proxy_headers if out.forwards(self._base) else {}
        before = datetime.now(UTC)
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=out.tls, force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            ) as session,
            session.get(
                URL(self._base + BALANCE.path),
                headers={AUTH: key, hdrs.ACCEPT_ENCODING: "identity", **login},
                proxy=out.proxy,
                proxy_headers=out.proxy_headers,
                allow_redirects=False,
            ) as response,
        ):
            middle = before + (datetime.now(UTC) - before) / 2
            body = await response.content.read(MAX_BODY)
            reply = Reply(response.status, body, response.headers.get(hdrs.RETRY_AFTER))
            return Answered(reply, _off(response.headers.get(hdrs.DATE), middle))

    @asynccontextmanager
    async def _through_proxy(
        self,
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        async with _connection(self.first) as (reader, writer):
            if self.tunnelled:
                await self._open_tunnel(reader, writer)
            yield reader, writer

    async def _open_tunnel(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        target = f"{self.url.host_subcomponent}:{self.url.port}"
        head = {"Host": target, **self._out.proxy_headers}
        lines = [f"CONNECT {target} HTTP/1.1", *(f"{name}: {text}" for name, text in head.items())]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        status = answer.split(b" ", 2)[1:2]
        if status != [b"200"]:
            raise TunnelRefused(b"".join(status).decode("ascii", "replace")[:20])


@asynccontextmanager
async def _connection(
    url: URL,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(
        url.host, url.port, limit=_LONGEST_HEAD, happy_eyeballs_delay=0.25
    )
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


def _look_up(url: URL, found: "asyncio.Future[list[str]]") -> None:
    loop = found.get_loop()
    try:
        rows = socket.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(row[4][0]) for row in rows))
        loop.call_soon_threadsafe(_settle, found, addresses)
    except (OSError, UnicodeError) as error:
        fault = error if isinstance(error, OSError) else socket.gaierror("is no name of a host")
        loop.call_soon_threadsafe(_settle, found, fault)


def _settle(found: "asyncio.Future[list[str]]", result: list[str] | OSError) -> None:
    if found.done():  # nobody waits any more
        return
    if isinstance(result, OSError):
        found.set_exception(result)
    else:
        found.set_result(result)


def _off(date: str | None, now: datetime) -> float | None:
    """By how many seconds a clock that told its whole seconds goes before ours."""
    try:
        told = parsedate_to_datetime(date or "")
    except ValueError:
        return None
    told = told if told.tzinfo else told.replace(tzinfo=UTC)
    behind = (now - told).total_seconds()
    return 0.0 if 0 <= behind < 1 else 0.5 - behind
