"""A provider that says what nobody asked for: no account ever hears another's answer."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from adapters.getatext.calls import BALANCE
from adapters.getatext.client import Client
from adapters.getatext.provider import accounts
from gateway.core.errors import GatewayError
from gateway.core.provider_errors import UpstreamBadResponse
from tests.support.waiting import until

AMOUNTS = {"sk_alice": "1.00", "sk_bob": "2.00"}
TIMES = 40


def http(body: str, more: str = "") -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return f"{head}\r\n{more}\r\n{body}".encode()


@dataclass
class Line:
    """One connection, as the provider sees it."""

    writer: asyncio.StreamWriter
    closed: bool = False
    asked: list[str] = field(default_factory=list)


Say = Callable[[Line, str, bytes], None]


class Provider:
    """Answers every request with what its key owns; `say` decides how."""

    def __init__(self, say: Say, *, early: bytes = b"") -> None:
        self.say, self.early, self.lines, self.url = say, early, list[Line](), ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(writer)
        self.lines.append(line)
        writer.write(self.early)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                found = re.search(rb"(?i)\r\nauth: *(\S+)", head)
                size = re.search(rb"(?i)\r\ncontent-length: *([0-9]+)", head)
                await reader.readexactly(int(size[1]) if size else 0)
                key = found[1].decode() if found else ""
                line.asked.append(key)
                self.say(line, key, http(f'{{"balance": "{AMOUNTS.get(key, "0.00")}"}}'))
        except (asyncio.IncompleteReadError, ConnectionError):
            line.closed = True
        finally:
            writer.close()


@asynccontextmanager
async def serving(provider: Provider, connections: int = 100) -> AsyncIterator[Client]:
    server = await asyncio.start_server(provider.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Client(f"http://127.0.0.1:{port}", connections=connections) as client:
        yield client


def twice(line: Line, key: str, answer: bytes) -> None:
    line.writer.write(answer + answer)


def twice_apart(line: Line, key: str, answer: bytes) -> None:
    line.writer.write(answer)
    asyncio.get_running_loop().call_soon(line.writer.write, answer)


def too_long(line: Line, key: str, answer: bytes) -> None:
    line.writer.write(answer + b'{"balance": "66.00"}')


def two_heads(line: Line, key: str, answer: bytes) -> None:
    line.writer.write(answer + b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n")


def bytes_after(line: Line, key: str, answer: bytes) -> None:
    line.writer.write(answer + b"\r\n\r\n\0\0")


def late(line: Line, key: str, answer: bytes) -> None:
    """The surplus answer to each request comes 50 ms after it, whatever was sent meanwhile."""
    line.writer.write(answer)
    asyncio.get_running_loop().call_later(0.05, line.writer.write, answer)


UNREADABLE = [too_long, bytes_after]  # no HTTP: the library takes nothing of the packet
SAYS = [twice, twice_apart, too_long, two_heads, bytes_after, late]


async def balance(client: Client, key: str) -> str:
    """What the account holds, as the core would be told; the code of an error where it is one."""
    provider = accounts(client, now=lambda: datetime.now(UTC), zone=UTC)(key)
    try:
        return str((await provider.get_balance()).balance)
    except GatewayError as error:
        return error.code


def is_its_own(key: str, told: str) -> bool:
    """What the account holds, or an error: never another's."""
    return told == AMOUNTS[key] or told.startswith("upstream_")


@pytest.mark.parametrize("say", SAYS, ids=lambda say: say.__name__)
async def test_no_account_hears_another_ones_answer(say: Say) -> None:
    async with serving(Provider(say)) as client:
        heard = [(key, await balance(client, key)) for _ in range(TIMES) for key in AMOUNTS]

    assert [one for one in heard if not is_its_own(*one)] == []
    if say in UNREADABLE:
        assert {told for _, told in heard} == {"upstream_bad_response"}
    else:
        assert any(told == AMOUNTS[key] for key, told in heard)


@pytest.mark.parametrize("say", SAYS, ids=lambda say: say.__name__)
async def test_nor_where_many_ask_at_once(say: Say) -> None:
    async with serving(Provider(say)) as client:
        keys = [key for _ in range(TIMES) for key in AMOUNTS]
        heard = await asyncio.gather(*(balance(client, key) for key in keys))

    assert all(is_its_own(key, told) for key, told in zip(keys, heard, strict=True))


async def test_what_came_early_is_read_by_nobody_once_the_client_has_seen_it() -> None:
    """The first answer on a new connection may be what came early; no later one is."""

    def answer_and_more(line: Line, key: str, answer: bytes) -> None:
        line.writer.write(answer)
        asyncio.get_running_loop().call_soon(line.writer.write, http('{"balance": "66.00"}'))

    provider = Provider(answer_and_more)
    async with serving(provider) as client:
        for key, amount in AMOUNTS.items():
            assert await balance(client, key) == amount
        await until(lambda: all(line.closed for line in provider.lines))
        heard = [await balance(client, key) for key in AMOUNTS]

    assert heard == list(AMOUNTS.values())
    assert [len(line.asked) for line in provider.lines] == [1, 1, 1, 1]


async def test_connections_are_kept_for_one_account_each() -> None:
    provider = Provider(lambda line, key, answer: line.writer.write(answer))
    async with serving(provider) as client:
        for _ in range(3):
            for key in AMOUNTS:
                await balance(client, key)

    assert sorted(line.asked for line in provider.lines) == [[key] * 3 for key in sorted(AMOUNTS)]


async def test_an_answer_about_another_rental_closes_its_connection() -> None:
    def other(line: Line, key: str, answer: bytes) -> None:
        line.writer.write(http('{"id": 99, "status": "active", "number": "2125550123"}'))

    provider = Provider(other)
    async with serving(provider) as client:
        account = accounts(client, now=lambda: datetime.now(UTC), zone=UTC)("sk_alice")
        for ask in (account.get_rental, account.cancel_rental, account.complete_rental):
            with pytest.raises(UpstreamBadResponse):
                await ask(12345)
        await until(lambda: all(line.closed for line in provider.lines))

    assert [len(line.asked) for line in provider.lines] == [1, 1, 1]


async def test_only_so_many_connections_are_kept_for_all_accounts_together() -> None:
    provider = Provider(lambda line, key, answer: line.writer.write(answer))
    async with serving(provider, connections=10) as client:
        for number in range(100):
            await client.send(BALANCE, f"sk_{number}")
        await until(lambda: sum(not line.closed for line in provider.lines) <= 10)
        await client.send(BALANCE, "sk_0")  # one of the kept

    assert len(provider.lines) == 100
    assert sum(len(line.asked) for line in provider.lines) == 101
