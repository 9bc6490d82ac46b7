"""Receivers that answer as they should not: each comes to a result, and is let go of."""

import asyncio
import gzip
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.adapters.outgoing.support import BODY, SECRET, SMALL, a_sender, listening, sent
from tests.support.waiting import until

OK = b"HTTP/1.1 200 OK\r\n"


def answered(body: bytes, *headers: bytes) -> bytes:
    length = b"Content-Length: %d" % len(body)
    return OK + b"\r\n".join([*headers, length]) + b"\r\n\r\n" + body


BOMB = gzip.compress(bytes(20_000_000))
UNREADABLE = "Its answer is not HTTP that can be read."
ANSWERS = [  # name, bytes, status, error
    ("plain", answered(b"thanks"), 200, None),
    ("500", b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", 500, None),
    ("410", b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n", 410, None),
    ("bomb", answered(BOMB, b"Content-Encoding: gzip"), 200, None),
    ("not gzip", answered(b"abc", b"Content-Encoding: gzip"), 200, None),
    ("cookie", answered(b"", b"Set-Cookie: \xff=;;="), 200, None),
    ("header of 1 MB", OK + b"X: " + b"y" * 1_000_000 + b"\r\n\r\n", None, UNREADABLE),
    ("1,000 headers", OK + b"X: y\r\n" * 1000 + b"\r\n", None, UNREADABLE),
    ("garbage", b"\x00\x01\x02 no HTTP\r\n\r\n", None, UNREADABLE),
    ("NUL in a header", OK + b"X: a\x00b\r\n\r\n", None, UNREADABLE),
    ("two lengths", OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx", None, UNREADABLE),
    ("odd status", b"HTTP/1.1 99999 OK\r\n\r\n", None, UNREADABLE),
    ("HTTP 0.9", b"hello\r\n\r\n", None, UNREADABLE),
    ("odd chunks", OK + b"Transfer-Encoding: chunked\r\n\r\nzzz\r\n", None, UNREADABLE),
]


@pytest.mark.parametrize(
    ("raw", "status", "error"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS]
)
async def test_every_answer_is_a_result(raw: bytes, status: int | None, error: str | None) -> None:
    async with listening(raw) as here, a_sender() as sender:
        result = await sent(sender, here.url)
        await here.all_closed()

        assert (result.status, result.error) == (status, error)
        assert len(result.answer) <= 1000
        assert here.opened == 1


STUCK = [  # what comes before nothing more does, status
    ("before its answer", b"", None),
    ("in its headers", OK + b"X: y\r\nZ", None),
    ("in its body", OK + b"Content-Length: 100\r\n\r\nbegun", 200),
]


@pytest.mark.parametrize(
    ("raw", "status"), [row[1:] for row in STUCK], ids=[row[0] for row in STUCK]
)
async def test_one_that_gets_stuck_is_let_go_of(raw: bytes, status: int | None) -> None:
    async with listening(raw) as here, a_sender(seconds=1.0) as sender:
        result = await sent(sender, here.url)
        await here.all_closed()

    assert result.status == status
    assert result.error == (None if status else "It did not answer within 1 seconds.")
    assert result.answer == ("begun" if status else "")


@pytest.mark.parametrize("head", [b"", OK])
async def test_one_that_breaks_off_is_told_as_such(head: bytes) -> None:
    async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        await writer.drain()
        raise ConnectionResetError  # the listener aborts the connection

    async with listening(reset) as here, a_sender() as sender:
        result = await sent(sender, here.url)

    assert result.status is None
    assert result.error in {
        "It closed the connection without an answer.",
        "The connection broke off before its answer.",
    }


@pytest.mark.parametrize("head", [b"\r\n", b"Content-Length: 1000000000\r\n\r\n"])
async def test_of_an_answer_without_end_64_kilobytes_are_read(head: bytes) -> None:
    written = 0

    async def pour(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.transport.set_write_buffer_limits(0)
        writer.write(OK + head)
        while True:
            writer.write(b"x" * 1024)
            await writer.drain()
            written += 1024

    async with listening(pour) as here, a_sender() as sender:
        result = await sent(sender, here.url)
        await here.all_closed()

    assert result.status == 200
    assert result.answer == "x" * 1000
    assert written <= 64 * 1024 + 2 * SMALL  # what lies on the receiver's own side is not read


async def test_what_could_harm_a_terminal_or_a_store_is_replaced() -> None:
    odd = b"a\x00b\x1b[31mc\xffd\xe2\x80\xaee\x7f\nf\tg"
    async with listening(answered(odd)) as here, a_sender() as sender:
        result = await sent(sender, here.url)

    r = "\ufffd"
    assert result.answer == f"a{r}b{r}[31mc{r}d{r}e{r}\nf\tg"


def at(**later: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(**later), usegmt=True)


ASKED: list[tuple[Callable[[], str], float | None, float | None]] = [
    (lambda: "120", 120, 120),
    (lambda: "0", 0, 0),
    (lambda: " 7 ", 7, 7),
    (lambda: "9" * 4000, 999_999_999, 999_999_999),
    (lambda: at(seconds=600), 500, 601),
    (lambda: at(days=-3), 0, 0),
    (lambda: "Fri, 31 Dec 9999 23:59:59 GMT", 1e9, 1e12),
    (lambda: "-5", None, None),
    (lambda: "1.5", None, None),
    (lambda: "soon", None, None),
    (lambda: "", None, None),
    (lambda: "Mon, 01 Jan 99999 00:00:00 GMT", None, None),
    (lambda: "Mon, 01 Jan 2026 00:00:00 +999999999999999999999999", None, None),
]


@pytest.mark.parametrize(("header", "least", "most"), ASKED)
async def test_what_a_receiver_asks_for_is_told_where_it_can_be_read(
    header: Callable[[], str], least: float | None, most: float | None
) -> None:
    raw = f"HTTP/1.1 429 Slow\r\nRetry-After: {header()}\r\nContent-Length: 0\r\n\r\n".encode()
    async with listening(raw) as here, a_sender() as sender:
        result = await sent(sender, here.url)

    assert result.status == 429
    if least is None or most is None:
        assert result.retry_after is None
    else:
        assert result.retry_after is not None
        assert least <= result.retry_after <= most


async def test_a_delivery_is_what_the_standards_package_verifies() -> None:
    async with listening() as here, a_sender() as sender:
        await sent(sender, here.url)
    head, _, body = here.requests[0].partition(b"\r\n\r\n")
    lines = [line.partition(": ") for line in head.decode().split("\r\n")[1:]]
    headers = {name.lower(): value for name, _, value in lines}
    verifier = Webhook(SECRET)

    assert verifier.verify(body, headers) == {"id": "evt_71", "type": "rental.code_received"}
    assert body == BODY
    assert headers["content-type"] == "application/json"
    assert SECRET not in head.decode()
    long_ago = str(int(headers["webhook-timestamp"]) - 3600)
    for name, value in (("webhook-id", "evt_72"), ("webhook-timestamp", long_ago)):
        with pytest.raises(WebhookVerificationError):
            verifier.verify(body, headers | {name: value})
    for place in range(len(body)):
        changed = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        with pytest.raises(WebhookVerificationError):
            verifier.verify(changed, headers)


async def test_a_try_that_is_cancelled_lets_go_of_its_connection() -> None:
    async with listening(b"") as here, a_sender(seconds=60) as sender:
        trying = asyncio.create_task(sent(sender, here.url))
        await until(lambda: here.requests)
        trying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await trying
        await here.all_closed()
