"""Serves the pages: /, /docs and /console, the acceptable use, and the files they load."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from html import escape
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any

from aiohttp import hdrs, web

from gateway.http.pages import files
from gateway.http.pages.accept import prefers_html
from gateway.http.pages.frame import framed
from gateway.http.wire.addresses import OwnAddress
from gateway.http.wire.edge import Handler

_CONSOLE = Path(__file__).parent / "console" / "index.html"
_PATHS = ("/docs", "/console", "/acceptable-use")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = MappingProxyType(
    {
        "Cache-Control": "no-cache",
        "Content-Security-Policy": _POLICY,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
)
# In the console no text becomes an element: the browser refuses what would parse it as HTML.
_CONSOLE_POLICY = f"{_POLICY}; require-trusted-types-for 'script'; trusted-types 'none'"
_CONSOLE_HEADERS = MappingProxyType(
    {
        "Content-Security-Policy": _CONSOLE_POLICY,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
)
_VIEWER = """\
<link rel="stylesheet" href="assets/swagger-ui.css">
<link rel="stylesheet" href="assets/viewer.css">
<script defer src="assets/swagger-ui-bundle.js"></script>
<script defer src="assets/viewer.js"></script>
"""
_TITLES = MappingProxyType(
    {
        "home": "Getatext Gateway",
        "docs": "Getatext Gateway: every call",
        "acceptable-use": "Getatext Gateway: acceptable use",
    }
)
_STATES = MappingProxyType(
    {
        "ready": "It works: its ledger and the provider can be reached.",
        "degraded": "It runs, but the provider cannot be reached: nothing can be rented.",
        "unavailable": "It runs, but its ledger cannot be written: nothing can be rented.",
        "draining": "It is shutting down.",
    }
)

State = Callable[[], Awaitable[Mapping[str, Any]]]


class Pages:
    """What a person sees in a browser, and what a program is told at /."""

    def __init__(self, address: OwnAddress, documents: Sequence[str], state: State) -> None:
        """`documents` are the paths of the OpenAPI documents; `state` is what /readyz says."""
        self._address = address
        self._documents = documents
        self._state = state
        self._version = version("getatext-gateway")

    def routes(self) -> list[web.RouteDef]:
        """One route for each page and file."""
        return [
            web.get("/", self._home),
            web.get("/docs", self._docs),
            web.get("/acceptable-use", self._acceptable_use),
            web.get("/console", files.served(_CONSOLE, _CONSOLE_HEADERS)),
            *(web.get(f"{path}/", _without_slash(path)) for path in _PATHS),
            *files.routes(),
        ]

    async def _home(self, request: web.Request) -> web.StreamResponse:
        state = await self._state()
        if prefers_html(request.headers.getall(hdrs.ACCEPT, ())):
            status = str(state["status"])
            response = self._page(request, "home", status=status, state=_STATES[status])
        else:
            response = web.json_response(self._facts(request, state), headers=_HEADERS)
        response.headers[hdrs.VARY] = hdrs.ACCEPT
        return response

    async def _docs(self, request: web.Request) -> web.StreamResponse:
        return self._page(request, "docs", _VIEWER)

    async def _acceptable_use(self, request: web.Request) -> web.StreamResponse:
        return self._page(request, "acceptable-use")

    def _page(self, request: web.Request, name: str, head: str = "", **more: str) -> web.Response:
        links = ", ".join(f'<a href="{path[1:]}">{path}</a>' for path in self._documents)
        facts = {"base": self._address.of(request), "version": self._version, **more}
        safe = {field: escape(text) for field, text in facts.items()}
        text = framed(name, _TITLES[name], {**safe, "documents": links}, head)
        return web.Response(text=text, content_type="text/html", headers=_HEADERS)

    def _facts(self, request: web.Request, state: Mapping[str, Any]) -> dict[str, Any]:
        base = self._address.of(request)
        return {
            "name": "Getatext Gateway",
            "version": self._version,
            "status": state["status"],
            "health": f"{base}/readyz",
            "documents": [base + path for path in self._documents],
            "viewer": f"{base}/docs",
            "console": f"{base}/console",
            "rest": f"{base}/v1",
            "mcp": f"{base}/mcp",
            "sms_activate": f"{base}/stubs/handler_api.php",
            "daisysms": f"{base}/daisysms/stubs/handler_api.php",
            "getatext": [f"{base}/stubs/handler_api", f"{base}/api/v1"],
            "acceptable_use": f"{base}/acceptable-use",
        }


def _without_slash(path: str) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        # Relative, as all links: a proxy may serve the gateway below a path.
        return web.Response(status=308, headers={**_HEADERS, hdrs.LOCATION: f"..{path}"})

    return handle
