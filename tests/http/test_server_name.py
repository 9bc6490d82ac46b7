"""No answer tells which versions of what are behind it."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.mcp.support import SimulatedStand, run_mcp

KEY = "X-API-Key: sk_demo"
ACCEPT = "Accept: application/json, text/event-stream"
ASKED = {
    "a small answer": ("GET /v1/balance", [KEY], 200),
    "a cached list": ("GET /v1/prices", [KEY], 200),
    "a cached list to old HTTP": ("GET /v1/prices HTTP/1.0", [KEY], 200),
    "a head": ("HEAD /v1/prices", [KEY], 200),
    "a purchase": ("POST /v1/rentals", [KEY, "Content-Type: application/json"], 201),
    "no key": ("GET /v1/balance", [], 401),
    "unknown below the API": ("GET /v1/nothing", [KEY], 404),
    "unknown": ("GET /nothing", [], 404),
    "another method": ("DELETE /healthz", [], 405),
    "preflight": ("OPTIONS /v1/prices", ["Origin: https://a.example",
                                         "Access-Control-Request-Method: GET"], 204),
    "a page": ("GET /", ["Accept: text/html"], 200),
    "a redirect": ("GET /docs/", [], 308),
    "a file": ("GET /icon.svg", [], 200),
    "a document": ("GET /openapi.json", [], 200),
    "metrics": ("GET /metrics", ["X-Real-IP: 192.0.2.1"], 403),
    "a legacy tool": ("GET /stubs/handler_api.php?action=getBalance&api_key=sk_demo", [], 200),
    "a stream": ("GET /v1/events/stream", [KEY], 200),
    "agents": ("POST /mcp", [KEY, ACCEPT, "Content-Type: application/json"], 200),
    "an old agent's stream": ("GET /mcp", [KEY, ACCEPT], 400),
    "an unframed body": ("POST /v1/rentals", [KEY, "Transfer-Encoding:"], 400),
    "unreadable": ("GET /v1/balance HTTP/1.1\r\nno header", [KEY], 400),
    "unreadable to a legacy tool": ("GET /stubs/handler_api?a HTTP/1.1\r\n\x01", [], 400),
    "another expectation": ("GET /healthz", ["Expect: the-spanish-inquisition"], 400),
}  # fmt: skip
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
BODIES: dict[str, dict[str, Any]] = {
    "POST /v1/rentals": {"service_code": "whatsapp"},
    "POST /mcp": INITIALIZE,
}


@pytest.fixture
async def stand() -> AsyncIterator[SimulatedStand]:
    async with run_mcp() as stand:
        yield stand


async def head_of(url: str, line: str, headers: list[str]) -> tuple[int, str]:
    """The status and head of the answer to a request as it is written here."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    body = json.dumps(BODIES.get(line, {})) if line.startswith("POST") else ""
    if body and not any(field.startswith("Transfer") for field in headers):
        headers = [*headers, f"Content-Length: {len(body)}"]
    first = line if "HTTP/1." in line else f"{line} HTTP/1.1"
    writer.write("\r\n".join([first, "Host: localhost", *headers, "", body]).encode())
    async with asyncio.timeout(60):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    writer.close()
    return int(head.split(" ")[1]), head


async def test_the_server_s_name_has_no_versions(stand: SimulatedStand) -> None:
    found = {}
    for name, (line, headers, _) in ASKED.items():
        status, head = await head_of(stand.url, line, headers)
        found[name] = status, re.findall(r"^Server: *(.*?)\r$", head, re.MULTILINE)

        assert not re.search("python|aiohttp", head, re.IGNORECASE), name

    assert found == {name: (status, ["getatext-gateway"]) for name, (_, _, status) in ASKED.items()}
