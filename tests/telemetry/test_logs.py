import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import structlog
from aiohttp import web
from aiohttp.http_exceptions import TransferEncodingError
from pytest_aiohttp import AiohttpServer

from gateway.telemetry import logs

PLAIN = "kq7Plain-0wn"  # looks like no key at all
Lines = Callable[[], list[dict[str, Any]]]
Handler = Callable[[web.Request], Awaitable[web.Response]]
Send = Callable[[bytes, Handler], Awaitable[bytes]]


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root, access = logging.getLogger(), logging.getLogger("aiohttp.access")
    handlers, level, disabled = root.handlers[:], root.level, access.disabled
    yield
    root.handlers[:], access.disabled = handlers, disabled
    root.setLevel(level)
    logging.getLogger("aiohttp.server").filters.clear()
    structlog.reset_defaults()


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    def read() -> list[dict[str, Any]]:
        written = capsys.readouterr()
        assert not written.out
        return [json.loads(line) for line in written.err.splitlines()]

    return read


def crash(words: str) -> None:
    raise RuntimeError(words)


def test_both_libraries_write_the_same_lines(lines: Lines) -> None:
    logs.configure("json", "info")
    structlog.get_logger("ours").info("hello", rental=7)
    logging.getLogger("theirs").warning("hello %s", "you")

    ours, theirs = lines()
    assert ours.pop("timestamp") <= theirs.pop("timestamp")
    assert ours == {"event": "hello", "rental": 7, "logger": "ours", "level": "info"}
    assert theirs == {"event": "hello you", "logger": "theirs", "level": "warning"}


def test_what_is_less_grave_than_the_level_is_not_written(lines: Lines) -> None:
    logs.configure("json", "warning")
    structlog.get_logger("ours").info("no")
    logging.getLogger("theirs").info("no")
    structlog.get_logger("ours").error("yes")

    assert [line["event"] for line in lines()] == ["yes"]


def test_configuring_twice_writes_no_line_twice(lines: Lines) -> None:
    logs.configure("json", "info")
    logs.configure("json", "info")
    logging.getLogger("theirs").error("once")

    assert len(lines()) == 1


@pytest.mark.parametrize("form", ["console", "json"])
def test_no_record_holds_a_secret(form: Any, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(form, "debug", [PLAIN])
    ours, theirs = structlog.get_logger("ours"), logging.getLogger("theirs")
    ours.info(f"said {PLAIN}", words=PLAIN, deep={"x": [PLAIN]}, **{PLAIN: 1})
    ours.info("said %s", PLAIN)
    theirs.error("said %s", PLAIN, stack_info=True)
    theirs.error("said %(x)s", {"x": PLAIN})
    for log in (ours, theirs):
        try:
            crash(f"with {PLAIN}")
        except RuntimeError:
            log.exception("crashed")

    written = capsys.readouterr().err
    assert PLAIN not in written
    assert written.count("Traceback") == 2
    assert written.count("[redacted]") >= 7


def test_a_record_that_cannot_be_formatted_is_not_quoted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logging.getLogger().handlers.clear()  # pytest's own would complain of the record
    logs.configure("json", "info")
    logging.getLogger("theirs").error("number %d", PLAIN)

    assert capsys.readouterr().err == "a record of the logger theirs could not be written\n"


MALFORMED = [
    b"GET / HTTP/1.1\r\nHost: x\r\nAuth: %b\x01\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nAuth : %b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nX-A\x00PI-Key: %b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nAuth: " + b"%b" * 2000 + b"\r\n\r\n",
    b"G\x01T /?api_key=%b HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /?api_key=%b\x7f HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /?api_key=%b HTTP/9\r\nHost: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%b\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %b\r\n\r\n",
]


@pytest.fixture
def send(aiohttp_server: AiohttpServer) -> Send:
    """Sends raw bytes to a server with one handler; returns all that it answers."""

    async def send(raw: bytes, handler: Handler) -> bytes:
        app = web.Application()
        app.router.add_route("*", "/", handler)
        server = await aiohttp_server(app)
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(raw)
        if b"Connection: close" not in raw:
            writer.write_eof()
        answer = await reader.read()
        writer.close()
        return answer

    return send


async def reads_body(request: web.Request) -> web.Response:
    await request.read()
    return web.Response()


async def crashes(request: web.Request) -> web.Response:
    raise RuntimeError(f"bad: {dict(request.headers)}")


@pytest.mark.parametrize("raw", MALFORMED)
async def test_a_request_that_cannot_be_read_is_never_quoted(
    raw: bytes, send: Send, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("json", "debug")
    await send(raw.replace(b"%b", PLAIN.encode()), reads_body)

    written = capsys.readouterr().err
    assert PLAIN not in written
    events = [json.loads(line) for line in written.splitlines()]
    server = [event for event in events if event["logger"] == "aiohttp.server"]
    assert [(event["event"], event["level"]) for event in server] == [(logs.UNREADABLE, "warning")]
    assert "exception" not in server[0]


def test_an_error_that_came_of_an_unreadable_request_is_not_quoted(lines: Lines) -> None:
    logs.configure("json", "info")
    try:
        try:
            raise TransferEncodingError(f"bad chunk: {PLAIN}")
        except TransferEncodingError as error:
            raise ValueError(f"no body: {error}") from error
    except ValueError as error:
        structlog.get_logger("ours").exception("no body")
        structlog.get_logger("ours").error("no body", exc_info=error)
        logging.getLogger("theirs").exception("no body")

    assert [line["exception"] for line in lines()] == [f"ValueError, {logs.LEFT_OUT}"] * 3


async def test_a_crash_keeps_its_traceback_without_the_key(send: Send, lines: Lines) -> None:
    logs.configure("json", "info")
    answer = await send(
        f"GET / HTTP/1.1\r\nHost: x\r\nAuth: {PLAIN}\r\nConnection: close\r\n\r\n".encode(), crashes
    )

    assert answer.startswith(b"HTTP/1.1 500")
    (line,) = lines()
    assert line["event"] == logs.CRASHED
    assert line["level"] == "error"
    assert "in crashes" in line["exception"]
    assert PLAIN not in json.dumps(line)


async def test_the_server_librarys_own_access_log_is_off(send: Send, lines: Lines) -> None:
    logs.configure("json", "debug")
    await send(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", reads_body)

    assert [line for line in lines() if line["logger"].startswith("aiohttp")] == []


def test_a_line_for_no_terminal_has_its_fields_in_their_order_and_quoted_where_needed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("console", "info")
    structlog.get_logger("ours").info("hello", url="http://x", name="a b", odd="a\nb", apple=1)

    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert line.endswith(" [ours] url=http://x name='a b' odd='a\\nb' apple=1\n")
    assert "Z [info     ] hello  " in line
