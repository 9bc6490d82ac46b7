"""Answers written down before they are asked for are, on the wire, as the library writes them."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.parser import BytesParser
from email.utils import parsedate_to_datetime

import pytest

from adapters.simulator import DEMO_KEY
from gateway.http.serving.app import EDGE
from tests.support.gateway import Client, Stand

PRICES = "/v1/prices?limit=1000"
BALANCE = "/v1/balance"
ENCODINGS = pytest.mark.parametrize("accepted", ["identity", "gzip", "br"])
PATHS = pytest.mark.parametrize("path", [PRICES, BALANCE])


async def exchange(client: Client, *requests: str) -> bytes:
    """Everything that comes back for requests sent at once, until the gateway closes."""
    host, port = client.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write("".join(requests).encode("ascii"))
    try:
        async with asyncio.timeout(60):
            return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


def get(path: str, *headers: str, method: str = "GET", version: str = "1.1") -> str:
    lines = [f"{method} {path} HTTP/{version}", "Host: gateway", f"X-API-Key: {DEMO_KEY}"]
    lines += ["X-Request-Id: ours-1", *headers]
    return "".join(f"{line}\r\n" for line in [*lines, ""])


def closing(path: str, *headers: str) -> str:
    """The same request as the last one of its connection: the library writes that answer."""
    return get(path, *headers, "Connection: close")


def parsed(answer: bytes) -> tuple[bytes, Message, bytes]:
    """Status line, headers and body of a single answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    line, _, fields = head.partition(b"\r\n")
    return line, BytesParser().parsebytes(fields, headersonly=True), body


def first_and_last(answers: bytes) -> tuple[bytes, bytes]:
    """Two answers that came one behind the other."""
    begin = answers.index(b"HTTP/1.1 ", 1)
    return answers[:begin], answers[begin:]


async def both(client: Client, path: str, *headers: str) -> list[tuple[bytes, Message, bytes]]:
    """The answer written down before, and the library's, in one connection."""
    answers = await exchange(client, get(path, *headers), closing(path, *headers))
    return [parsed(one) for one in first_and_last(answers)]


def fields(message: Message) -> dict[str, str]:
    """The headers but for what belongs to the moment and the connection."""
    return {
        name.lower(): value
        for name, value in message.items()
        if name.lower() not in {"age", "connection", "date"}
    }


@PATHS
@ENCODINGS
async def test_head_and_body_are_as_the_library_writes_them(
    client: Client, path: str, accepted: str
) -> None:
    ours, librarys = await both(client, path, f"Accept-Encoding: {accepted}")

    assert ours[0] == librarys[0] == b"HTTP/1.1 200 OK"
    assert fields(ours[1]) == fields(librarys[1])
    assert ours[2] == librarys[2]
    assert len(ours[2]) == int(ours[1]["Content-Length"])


async def test_an_unchanged_list_is_told_as_the_library_tells_it(client: Client) -> None:
    _, message, _ = parsed(await exchange(client, closing(PRICES)))
    ours, librarys = await both(client, PRICES, f"If-None-Match: {message['ETag']}")

    assert ours[0] == librarys[0] == b"HTTP/1.1 304 Not Modified"
    assert fields(ours[1]) == fields(librarys[1])
    assert ours[1]["Content-Length"] is None
    assert ours[2] == b""


@PATHS
async def test_an_answer_is_named_and_dated(client: Client, path: str) -> None:
    (_, message, _), _ = await both(client, path)
    age = datetime.now(UTC) - parsedate_to_datetime(message["Date"])

    assert message.get_all("X-Request-Id") == ["ours-1"]
    assert len(message.get_all("Date", [])) == 1
    assert timedelta(0) <= age < timedelta(seconds=10)


@PATHS
async def test_only_the_last_answer_of_a_connection_says_that_it_is_closed(
    client: Client, path: str
) -> None:
    (_, first, _), (_, last, _) = await both(client, path)

    assert first["Connection"] is None
    assert last["Connection"] == "close"


@PATHS
async def test_a_caller_of_http_1_0_is_answered_as_such(client: Client, path: str) -> None:
    line, message, body = parsed(await exchange(client, get(path, version="1.0")))

    assert line == b"HTTP/1.0 200 OK"
    assert message["X-Request-Id"] == "ours-1"
    assert len(body) == int(message["Content-Length"])


@PATHS
async def test_head_tells_the_length_and_sends_no_body(client: Client, path: str) -> None:
    head = get(path, method="HEAD")
    first, last = first_and_last(await exchange(client, head, closing(path)))

    assert fields(parsed(first)[1]) == fields(parsed(last)[1])
    assert parsed(first)[2] == b""


async def test_a_draining_gateway_closes_the_connection_behind_its_answer(stand: Stand) -> None:
    stand.app[EDGE].draining = True
    _, message, _ = parsed(await exchange(stand.client, get(BALANCE)))

    assert message["Connection"] == "close"
