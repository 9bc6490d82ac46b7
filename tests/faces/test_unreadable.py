"""What is no request at all is answered in the form of the face it was meant for, unquoted."""

import asyncio
import json

import pytest

from tests.faces.support import DAISY, JSON, PHP, STUB, TEXT
from tests.support.gateway import Stand

WORDS = "The request could not be read as HTTP."
SECRET = "sk_live_d0NotTellAnybody"
LONG = "a" * 20_000
# What is sent after a method and a path.
BROKEN = {
    "a line too long": f"?api_key={SECRET}&x={LONG} HTTP/1.1\r\nHost: gateway\r\n\r\n",
    "a header too long": f"?api_key={SECRET} HTTP/1.1\r\nHost: gateway\r\nX: {LONG}\r\n\r\n",
    "no header": f"?api_key={SECRET} HTTP/1.1\r\nAuth {SECRET}\r\nAccept: text/html\r\n\r\n",
    "no HTTP": f"?api_key={SECRET} HTTQ/9\r\n\r\n",
    "two lengths": "? HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
}


async def ask(stand: Stand, sent: bytes) -> tuple[int, str, bytes]:
    """Status, content type and body of what comes back."""
    port = int(stand.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    async with asyncio.timeout(60):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    assert SECRET.encode() not in head + body
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(status.split(" ")[1]), headers["content-type"], body


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("method", ["GET", "POST", "FOO/BAR"])
async def test_the_old_protocol_calls_it_a_wrong_action(
    stand: Stand, method: str, broken: str
) -> None:
    for path in (PHP, f"{PHP}/", f"/{PHP}", DAISY, f"/{DAISY}/"):
        answer = await ask(stand, f"{method} {path}{broken}".encode())

        assert answer == (200, TEXT, b"BAD_ACTION")


@pytest.mark.parametrize("action", ["finishActivation", "CANCELactivation"])
@pytest.mark.parametrize("path", [PHP, DAISY])
async def test_what_is_told_by_the_status_alone_is_no_success(
    stand: Stand, path: str, action: str
) -> None:
    for before in (f"api_key={SECRET}", f"api_key=gtw_{'k' * 200}"):
        broken = f"?{before}&action={action}&id=1 HTTP/1.1\r\nno header\r\n\r\n"

        assert await ask(stand, f"GET {path}{broken}".encode()) == (400, TEXT, b"BAD_ACTION")


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("path", [STUB, f"/{STUB}/", "/api/v1/balance", "//api/v1/x"])
async def test_the_providers_own_faces_say_it_in_json(stand: Stand, path: str, broken: str) -> None:
    status, kind, body = await ask(stand, f"GET {path}{broken}".encode())

    assert (status, kind) == (400, JSON)
    assert json.loads(body) == {"errors": WORDS}


@pytest.mark.parametrize(
    "path", ["/", "/v1/prices", "/stubs/handler_api.phpx", "/daisysms/x", "no path"]
)
async def test_elsewhere_it_is_told_in_plain_words(stand: Stand, path: str) -> None:
    answer = await ask(stand, f"GET {path}{BROKEN['no header']}".encode())

    assert answer == (400, TEXT, WORDS.encode())


async def test_the_face_that_was_asked_last_on_a_connection_answers(stand: Stand) -> None:
    """What comes later may be the rest of a request, which does not say where it goes."""
    port = int(stand.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {PHP} HTTP/1.1\r\nHost: gateway\r\n".encode())
    await writer.drain()
    writer.write(b"Auth sk_secret\r\n\r\n")
    async with asyncio.timeout(60):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()

    assert answer.startswith((b"HTTP/1.0 200 ", b"HTTP/1.1 200 "))
    assert answer.endswith(b"\r\n\r\nBAD_ACTION")
