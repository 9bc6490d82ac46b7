"""The files that the pages load: only those named here, read when first asked for."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from aiohttp import web

from gateway.http.wire.cacheable import CacheableBody
from gateway.http.wire.edge import Handler

_HERE = Path(__file__).parent
_CONSOLE = (
    "account", "api", "console", "dialog", "dom", "format", "health", "history", "keys", "live",
    "main", "purchases", "rent", "session", "stream", "unknown", "usage",
)  # fmt: skip
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".ico": "image/x-icon",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}
FILES: Mapping[str, Path] = MappingProxyType(
    {
        "/favicon.ico": _HERE / "own" / "favicon.ico",
        "/icon.png": _HERE / "own" / "icon.png",
        "/icon.svg": _HERE / "own" / "icon.svg",
        "/assets/consent.css": _HERE / "own" / "consent.css",
        "/assets/page.css": _HERE / "own" / "page.css",
        "/assets/viewer.css": _HERE / "own" / "viewer.css",
        "/assets/viewer.js": _HERE / "own" / "viewer.js",
        "/assets/console/console.css": _HERE / "console" / "console.css",
        **{f"/assets/console/{name}.js": _HERE / "console" / f"{name}.js" for name in _CONSOLE},
        "/assets/swagger-ui.css": _HERE / "swagger_ui" / "swagger-ui.css",
        "/assets/swagger-ui-bundle.js": _HERE / "swagger_ui" / "swagger-ui-bundle.js",
    }
)
"""By the address of each."""
# A gateway of another version has other files under the same names: browsers ask each time, and
# mostly get 304.
_CACHE_CONTROL = "no-cache"
_HEADERS = MappingProxyType({"X-Content-Type-Options": "nosniff"})


def routes() -> list[web.RouteDef]:
    """One route for each file."""
    return [web.get(address, served(path)) for address, path in FILES.items()]


def served(path: Path, headers: Mapping[str, str] = _HEADERS) -> Handler:
    """What serves a file, with further headers."""
    kept: list[CacheableBody] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        if not kept:
            content = await asyncio.to_thread(path.read_bytes)
            kept[:] = [CacheableBody(content, _TYPES[path.suffix], _CACHE_CONTROL)]
        return kept[0].response(request, headers)

    return handle
