"""Serves the documents, without a key."""

import json
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

from aiohttp import web
from cachetools import LRUCache

from gateway.core.model.errors import InvalidRequest
from gateway.core.operations.catalog import CATALOG
from gateway.core.operations.operation import AnyOperation
from gateway.http.wire.addresses import OwnAddress
from gateway.http.wire.cacheable import CacheableBody
from gateway.http.wire.edge import Handler

ADDRESSES = MappingProxyType(
    {
        "/openapi.json": "3.1",
        "/openapi.yaml": "3.1",
        "/openapi-3.0.json": "3.0",
        "/swagger.json": "2.0",
    }
)
"""Where each dialect is served."""
# A placeholder for the server's address: writing YAML takes 0.1 s, so that the text is cached once
# and the address of each request replaced in it.
_HERE = "https://server.invalid"
_MOST = 32  # bodies, of 100 kB each


class Documents:
    """The documents, with the server's address as the request reached it."""

    def __init__(
        self,
        address: OwnAddress,
        operations: Sequence[AnyOperation] = CATALOG,
    ) -> None:
        """`address` is the server's."""
        self._address = address
        self._operations = operations
        self._documents: dict[tuple[str, bool], dict[str, Any]] = {}
        self._yaml: dict[bool, str] = {}
        self._bodies: LRUCache[tuple[str, bool, str], CacheableBody] = LRUCache(_MOST)

    def routes(self) -> list[web.RouteDef]:
        """One route for each dialect and form."""
        return [web.get(path, self._handler(path)) for path in ADDRESSES]

    def _handler(self, path: str) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            key = path, _whole(request), self._address.of(request)
            body = self._bodies.get(key)
            if body is None:
                body = self._bodies[key] = self._body(*key)
            return body.response(request)

        return handle

    def _body(self, path: str, whole: bool, server: str) -> CacheableBody:
        from gateway.http.documents.dialects import DIALECTS, to_json, to_yaml, with_server
        from gateway.http.documents.openapi import document

        made = self._documents.get((ADDRESSES[path], whole))
        if made is None:
            made = DIALECTS[ADDRESSES[path]](document(_HERE, self._operations, whole=whole))
            self._documents[ADDRESSES[path], whole] = made
        if path.endswith(".json"):
            text, kind = to_json(with_server(made, server)), "application/json"
        else:
            if whole not in self._yaml:
                self._yaml[whole] = to_yaml(made)
            # A JSON string is valid YAML, too.
            named = self._yaml[whole].replace(f"'{_HERE}'", json.dumps(server))
            text, kind = named, "application/yaml"
        return CacheableBody(text.encode(), f"{kind}; charset=utf-8", "no-cache")


def _whole(request: web.Request) -> bool:
    """Whether what only operators use is asked for, too."""
    scope = request.query.get("scope")
    if scope not in {None, "all"}:
        raise InvalidRequest("scope: must be all, or be left out for what callers use.")
    return scope == "all"
