"""By what MCP clients find /mcp: the server card, the catalog, the icons; all of it is true."""

import base64
import json
import re
from typing import Any

import pytest
from mcp_types.version import KNOWN_PROTOCOL_VERSIONS

from gateway.http.documents import discovery
from gateway.http.documents.discovery import CARD, CATALOG
from mcp_server.options import McpOptions
from scripts.mcpb import SERVER, version
from tests.mcp.support import LEGACY, connected, done, run_mcp
from tests.support.gateway import Client, open_client, run_simulated

MEDIA_TYPES = {
    CARD: "application/mcp-server-card+json",
    CATALOG: "application/ai-catalog+json",
}
each_document = pytest.mark.parametrize("path", [CARD, CATALOG])
MODES = (LEGACY, "auto")  # by initialize, and by server/discover
PAGE = "https://app.example"


async def read(client: Client, path: str, **headers: str) -> dict[str, Any]:
    answer = await client.ask("GET", path, key=None, headers=headers)
    assert answer.status == 200
    told: dict[str, Any] = json.loads(answer.body)
    return told


@each_document
async def test_it_needs_no_key_and_is_cached(client: Client, path: str) -> None:
    answer = await client.ask("GET", path, key=None)
    again = await client.ask(
        "GET", path, key=None, headers={"If-None-Match": answer.headers["ETag"]}
    )
    head = await client.ask("HEAD", path, key=None)
    with_slash = await client.ask("GET", f"{path}/", key=None)

    assert (answer.status, answer.content_type) == (200, MEDIA_TYPES[path])
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert (again.status, again.body) == (304, b"")
    assert (head.status, head.body) == (200, b"")
    assert with_slash.body == answer.body


@each_document
async def test_pages_of_other_origins_read_it(client: Client, path: str) -> None:
    answer = await client.ask("GET", path, key=None, headers={"Origin": PAGE})
    asked = {
        "Origin": PAGE,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "if-none-match",
    }
    preflight = await client.ask("OPTIONS", path, key=None, headers=asked)

    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "ETag" in answer.headers["Access-Control-Expose-Headers"]
    assert "Origin" in answer.headers["Vary"]
    assert preflight.status == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert "If-None-Match" in preflight.headers["Access-Control-Allow-Headers"]


async def test_the_catalog_leads_to_the_card_and_the_card_to_the_server() -> None:
    async with (
        run_mcp(options=McpOptions(version=version())) as stand,
        open_client(stand.url) as client,
    ):
        (entry,) = (await read(client, CATALOG))["entries"]
        assert entry["type"] == MEDIA_TYPES[CARD]
        assert entry["url"] == f"{stand.url}{CARD}"
        card = await read(client, CARD, Accept=entry["type"])
        (remote,) = card["remotes"]
        assert remote["type"] == "streamable-http"
        assert tuple(remote["supportedProtocolVersions"]) == KNOWN_PROTOCOL_VERSIONS
        (header,) = remote["headers"]
        assert (header["name"], header["isSecret"]) == ("X-API-Key", True)
        for mode in MODES:
            async with connected(remote["url"], mode) as session:
                assert (await done(session, "list_rentals"))["data"] == []
                server = session.server_info
                assert server is not None
                assert (server.title, server.version) == (card["title"], card["version"])


def test_the_card_keeps_the_rules_of_its_schema() -> None:
    card = discovery.server_card("https://sms.example.com")
    manifest = json.loads(SERVER.read_text(encoding="utf-8"))

    schema = "https://static.modelcontextprotocol.io/schemas/v1/server-card.schema.json"
    assert card["$schema"] == schema
    assert re.fullmatch(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+", card["name"])
    assert 1 <= len(card["description"]) <= 100
    for field in ("name", "title", "description", "version"):
        assert card[field] == manifest[field]
    assert card["version"] == version()
    publisher = re.fullmatch(
        r"urn:air:([a-z0-9.-]+):mcp:([a-z0-9-]+)", discovery.catalog("")["entries"][0]["identifier"]
    )
    assert publisher
    domain = ".".join(reversed(publisher[1].split(".")))
    assert f"{domain}/{publisher[2]}" == card["name"]


@pytest.mark.parametrize(
    ("changes", "host", "base"),
    [
        (
            {"gateway_public_url": "https://sms.example.com/x/"},
            "other",
            "https://sms.example.com/x",
        ),
        ({}, "localhost:81", "http://localhost:81"),
        ({}, "evil.example.com", "http://127.0.0.1:8080"),
        ({"gateway_allowed_hosts": ["gateway:8080"]}, "gateway:8080", "http://gateway:8080"),
        ({"gateway_allowed_hosts": ["gateway:8080"]}, "gateway:81", "http://127.0.0.1:8080"),
    ],
)
async def test_addresses_are_those_of_the_gateway(
    changes: dict[str, Any], host: str, base: str
) -> None:
    async with run_simulated(**changes) as stand:
        card = await read(stand.client, CARD, Host=host)
        (entry,) = (await read(stand.client, CATALOG, Host=host))["entries"]

    assert card["remotes"][0]["url"] == f"{base}/mcp"
    assert [icon["src"] for icon in card["icons"]] == [f"{base}/icon.png", f"{base}/icon.svg"]
    assert entry["url"] == f"{base}{CARD}"


async def test_the_icons_of_the_card_are_those_of_the_server() -> None:
    async with run_mcp() as stand, open_client(stand.url) as client:
        named = (await read(client, CARD))["icons"]
        served = [
            await client.ask("GET", icon["src"].removeprefix(stand.url), key=None) for icon in named
        ]
        told = []
        for mode in MODES:
            async with connected(stand.mcp, mode) as session:
                assert session.server_info is not None
                told.append(session.server_info.icons)
                assert "data:image" not in (await session.list_prompts()).model_dump_json()

    for icons in told:
        assert [(icon.mime_type, icon.sizes) for icon in icons or ()] == [
            (icon["mimeType"], icon["sizes"]) for icon in named
        ]
        for icon, file in zip(icons or (), served, strict=True):
            kind, _, data = icon.src.partition(";base64,")
            assert kind == f"data:{icon.mime_type}" == f"data:{file.content_type}"
            assert base64.b64decode(data) == file.body
    assert served[0].body.startswith(b"\x89PNG\r\n")
    assert int.from_bytes(served[0].body[16:20]) == int.from_bytes(served[0].body[20:24]) == 48
    assert b"script" not in served[1].body
