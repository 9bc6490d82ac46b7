"""Where a request ends is beyond doubt, or it is refused and its connection closed."""

import asyncio
import json
import re
from collections.abc import AsyncIterator

import pytest

from tests.mcp.support import SimulatedStand, run_mcp

WORDS = "Transfer-Encoding: must be chunked, or left out."
END = b"0\r\n\r\n"
NEXT = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
PHP, STUB = "/stubs/handler_api.php", "/stubs/handler_api"
RENT = [
    "POST /v1/rentals",
    "POST /api/v1/rent-a-number",
    f"POST {STUB}?action=getNumber&service=whatsapp",
    f"GET {PHP}?action=getNumber&service=wa",
    f"GET /daisysms{PHP}?action=getNumber&service=wa",
    "POST /mcp",
]
# Those that aiohttp takes, and how it takes the body of each.
TAKEN = [
    (["Transfer-Encoding: gzip, chunked"], END),
    (["Transfer-Encoding: x\x20,\tCHUNKED"], END),
    (["Transfer-Encoding:"], b""),
    (["Transfer-Encoding:", "Content-Length: 2"], b"{}"),
]
# Those that it refuses by itself, and that only a change of the library would let in.
REFUSED = [
    ["Transfer-Encoding: gzip"],
    ["Transfer-Encoding: identity"],
    ["Transfer-Encoding: chunked, gzip"],
    ["Transfer-Encoding: chunked, chunked"],
    ["Transfer-Encoding: chunked;q=1"],
    ["Transfer-Encoding: \x0bchunked"],
    ["Transfer-Encoding : chunked"],
    ["Transfer-Encoding:\r\n chunked"],
    ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
    ["Transfer-Encoding: identity", "Transfer-Encoding: chunked"],
    ["Transfer-Encoding: chunked", "Content-Length: 5"],
    ["Content-Length: 5", "Transfer-Encoding: chunked"],
    ["Content-Length: 5", "Content-Length: 5"],
]


@pytest.fixture
async def stand() -> AsyncIterator[SimulatedStand]:
    async with run_mcp() as stand:
        yield stand


async def answers(
    url: str, line: str, headers: list[str], body: bytes, behind: bytes = NEXT
) -> list[tuple[int, bytes]]:
    """All that is answered to a request with another one behind it, until the connection ends."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    usual = ["Host: localhost", "X-API-Key: sk_demo", "Content-Type: application/json"]
    accept = "Accept: application/json, text/event-stream"
    head = "\r\n".join([f"{line} HTTP/1.1", *usual, accept, *headers, "", ""])
    writer.write(head.encode("latin-1") + body + behind)
    async with asyncio.timeout(60):
        got = await reader.read()
    writer.close()
    await writer.wait_closed()
    whole = re.findall(rb"HTTP/1\.[01] (\d+) .*?\r\n\r\n(.*?)(?=HTTP/1|\Z)", got, re.DOTALL)
    return [(int(status), text) for status, text in whole]


@pytest.mark.parametrize("line", RENT)
@pytest.mark.parametrize(("headers", "body"), TAKEN, ids=str)
async def test_other_codings_are_refused_in_the_words_of_the_face(
    stand: SimulatedStand, line: str, headers: list[str], body: bytes
) -> None:
    ((status, said),) = await answers(stand.url, line, headers, body)

    if PHP in line:
        assert (status, said) == (200, b"BAD_ACTION")
    elif "/v1/rentals" in line or "/mcp" in line:
        assert (status, json.loads(said)["code"]) == (400, "invalid_request")
        assert json.loads(said)["detail"].startswith(WORDS)
    else:
        assert status == 400
        assert json.loads(said)["errors"].startswith(WORDS)
    assert stand.sim.journal.calls.total() == 0


@pytest.mark.parametrize("line", RENT)
@pytest.mark.parametrize("headers", REFUSED, ids=str)
async def test_what_frames_a_request_twice_or_wrongly_ends_the_connection(
    stand: SimulatedStand, line: str, headers: list[str]
) -> None:
    ((status, said),) = await answers(stand.url, line, headers, END)

    assert (status, said == b"BAD_ACTION") == ((200, True) if PHP in line else (400, False))
    assert stand.sim.journal.calls.total() == 0


@pytest.mark.parametrize("spelling", ["chunked", "Chunked", "CHUNKED"])
async def test_chunks_are_read_whatever_their_case_and_the_connection_stays(
    stand: SimulatedStand, spelling: str
) -> None:
    body = b'{"service_code": "whatsapp"}'
    chunks = b"%x\r\n%b\r\n" % (len(body), body) + END
    last = NEXT.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    coding = f"Transfer-Encoding: {spelling}"
    got = await answers(stand.url, "POST /v1/rentals", [coding], chunks, last)

    assert [status for status, _ in got] == [201, 200]
    assert len(stand.sim.books.rentals) == 1


async def test_the_answer_does_not_wait_for_the_body(stand: SimulatedStand) -> None:
    host, port = stand.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /v1/rentals HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: x, chunked\r\n\r\n")
    async with asyncio.timeout(60):
        head = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()

    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nConnection: close\r\n" in head
