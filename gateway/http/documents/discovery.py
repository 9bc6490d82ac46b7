"""How MCP clients find /mcp: a server card and a catalog of cards (the extension SEP-2127).

Both are read before a client connects, without a key, and repeat what the server says of itself
once it is connected.
"""

import json
from collections.abc import Callable
from importlib.metadata import version
from types import MappingProxyType
from typing import Any

from aiohttp import web
from cachetools import LRUCache

from gateway.http.wire.addresses import OwnAddress
from gateway.http.wire.cacheable import CacheableBody
from gateway.http.wire.edge import Handler

CARD = "/mcp/server-card"
CATALOG = "/.well-known/ai-catalog.json"
NAME = "io.github.getatext-gateway/getatext-gateway"
TITLE = "Getatext Gateway"
DESCRIPTION = (
    "Rent US phone numbers and read their SMS codes: price caps, confirmation, no double buying."
)
PROTOCOL_VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28")
_CARD_TYPE = "application/mcp-server-card+json"
_CATALOG_TYPE = "application/ai-catalog+json"
_IDENTIFIER = "urn:air:getatext-gateway.github.io:mcp:getatext-gateway"
_KEY = {
    "name": "X-API-Key",
    "description": "A key of this gateway (gtw_…), or yours at Getatext where it takes them.",
    "isRequired": True,
    "isSecret": True,
}
# Origin: a cache must not give a page of another site what it kept without that site's headers.
_HEADERS = MappingProxyType({"Vary": "Accept-Encoding, Origin"})
_MOST = 32  # bodies, by the address in them

Json = dict[str, Any]


def server_card(base: str) -> Json:
    """Who the MCP server is, and where it is reached."""
    return {
        "$schema": "https://static.modelcontextprotocol.io/schemas/v1/server-card.schema.json",
        "name": NAME,
        "version": version("getatext-gateway"),
        "title": TITLE,
        "description": DESCRIPTION,
        "websiteUrl": f"{base}/",
        "icons": [
            {"src": f"{base}/icon.png", "mimeType": "image/png", "sizes": ["48x48"]},
            {"src": f"{base}/icon.svg", "mimeType": "image/svg+xml", "sizes": ["any"]},
        ],
        "remotes": [
            {
                "type": "streamable-http",
                "url": f"{base}/mcp",
                "supportedProtocolVersions": list(PROTOCOL_VERSIONS),
                "headers": [_KEY],
            }
        ],
    }


def catalog(base: str) -> Json:
    """The one card that there is here."""
    entry = {
        "identifier": _IDENTIFIER,
        "displayName": TITLE,
        "type": _CARD_TYPE,
        "url": f"{base}{CARD}",
    }
    return {"specVersion": "1.0", "host": {"displayName": TITLE}, "entries": [entry]}


class Discovery:
    """The card and the catalog, with the server's address as the request reached it."""

    def __init__(self, address: OwnAddress) -> None:
        """`address` is the server's."""
        self._address = address

    def routes(self) -> list[web.RouteDef]:
        """One route for each."""
        return [
            web.get(CARD, self._handler(server_card, _CARD_TYPE)),
            web.get(CATALOG, self._handler(catalog, _CATALOG_TYPE)),
        ]

    def _handler(self, make: Callable[[str], Json], media_type: str) -> Handler:
        bodies: LRUCache[str, CacheableBody] = LRUCache(_MOST)

        async def handle(request: web.Request) -> web.StreamResponse:
            base = self._address.of(request)
            body = bodies.get(base)
            if body is None:
                text = json.dumps(make(base), ensure_ascii=False)
                body = CacheableBody(text.encode(), media_type, "public, max-age=3600")
                bodies[base] = body
            return body.response(request, _HEADERS)

        return handle
