"""Cross-origin resource sharing: what pages of other origins may ask for and read."""

from collections.abc import Collection

from aiohttp import hdrs, web

from gateway.core.operations.catalog import CATALOG

ANY = "*"
_ALLOW_ORIGIN = hdrs.ACCESS_CONTROL_ALLOW_ORIGIN
_VARY = (hdrs.VARY, hdrs.ORIGIN)
_EXPOSED = (
    hdrs.ACCESS_CONTROL_EXPOSE_HEADERS,
    "ETag, Location, Retry-After, Idempotency-Replayed, X-Request-Id, Age",
)
_PREFLIGHT = (
    (
        hdrs.ACCESS_CONTROL_ALLOW_METHODS,
        ", ".join(sorted({op.rest.method for op in CATALOG} | {hdrs.METH_HEAD})),
    ),
    (
        hdrs.ACCESS_CONTROL_ALLOW_HEADERS,
        "Authorization, Auth, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, "
        "X-API-Key",
    ),
    (hdrs.ACCESS_CONTROL_MAX_AGE, "7200"),
)

Headers = tuple[tuple[str, str], ...]


class Cors:
    """The headers by which a browser lets a page of another origin read a response.

    Credentials are never allowed: keys travel in headers of their own, which a page must know.
    """

    def __init__(self, origins: Collection[str], prefix: str, paths: Collection[str]) -> None:
        """`origins`: those of the pages, "*" for all, none to turn it off.

        It applies to paths that begin with `prefix`, and to `paths`.
        """
        self._origins = frozenset(origins)
        self._prefix = prefix
        self._paths = frozenset(paths)
        self.varies = bool(origins) and ANY not in origins
        """Whether responses to requests without an Origin have headers, too."""

    def headers(self, request: web.Request) -> Headers:
        """What is added to any response to a request, errors too."""
        if not self._origins or not self._applies(request.path):
            return ()
        origin = request.headers.get(hdrs.ORIGIN)
        if ANY in self._origins:
            return ((_ALLOW_ORIGIN, ANY), _EXPOSED)
        if origin in self._origins:
            return ((_ALLOW_ORIGIN, origin), _EXPOSED, _VARY)
        return (_VARY,)

    def _applies(self, path: str) -> bool:
        return path.startswith(self._prefix) or path in self._paths


def is_preflight(request: web.Request) -> bool:
    """Whether a browser asks what a page of another origin may send."""
    return (
        request.method == hdrs.METH_OPTIONS
        and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers
    )


def preflight() -> web.Response:
    """The response to a preflight request, to which `Cors.headers` are added."""
    return web.Response(status=204, headers=_PREFLIGHT)
