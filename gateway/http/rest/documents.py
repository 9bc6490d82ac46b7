"""Serves the OpenAPI document, without a key."""

import json
from functools import lru_cache

from aiohttp import web

from gateway.core.auth.hosts import AllowedHosts
from gateway.http.rest import openapi

# A placeholder for the server's address: writing YAML takes 0.1 s, so that the text is cached once
# and the address of each request replaced in it.
_HERE = "https://server.invalid"


class Documents:
    """/openapi.json and /openapi.yaml, with the server's address as the request reached it."""

    def __init__(self, public_url: str, hosts: AllowedHosts) -> None:
        """`public_url` is the server's address.

        "" means the origin of each request, where that is one of `hosts`.
        """
        self._public_url = public_url
        self._hosts = hosts

    def routes(self) -> list[web.RouteDef]:
        """One route for each format."""
        return [web.get("/openapi.json", self._json), web.get("/openapi.yaml", self._yaml)]

    async def _json(self, request: web.Request) -> web.StreamResponse:
        server = json.dumps(self._server(request))
        return _respond(_json_text().replace(f'"{_HERE}"', server), "application/json")

    async def _yaml(self, request: web.Request) -> web.StreamResponse:
        # A JSON string is valid YAML, too.
        server = json.dumps(self._server(request))
        return _respond(_yaml_text().replace(_HERE, server), "application/yaml")

    def _server(self, request: web.Request) -> str:
        if self._public_url:
            return self._public_url
        try:
            origin = str(request.url.origin())
        except ValueError:  # a Host header that is no host
            return openapi.DEFAULT_SERVER
        return origin if self._hosts.allows(origin) else openapi.DEFAULT_SERVER


def _respond(text: str, content_type: str) -> web.Response:
    return web.Response(text=text, content_type=content_type, headers={"Cache-Control": "no-cache"})


@lru_cache(1)
def _json_text() -> str:
    return openapi.to_json(openapi.document(_HERE))


@lru_cache(1)
def _yaml_text() -> str:
    return openapi.to_yaml(openapi.document(_HERE))
