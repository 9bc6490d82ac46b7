"""The endpoints of OAuth on the gateway's own port, over the SDK's handlers.

The SDK is imported with the first request, not with this module.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from importlib import import_module
from typing import Any

from aiohttp import hdrs, web
from cachetools import LRUCache

from gateway.core.auth.oauth.service import OAuth
from gateway.core.model.errors import InvalidRequest
from mcp_server.oauth import messages
from mcp_server.oauth.addresses import (
    AUTHORIZE,
    ENDPOINTS,
    REGISTER,
    Addresses,
    resource_paths,
    server_paths,
)
from mcp_server.oauth.messages import OAuthError
from mcp_server.transport.asgi_bridge import Asgi, Bridge, Scope, headers_of, read_body

_APP = "getatext.oauth"
_MOST_ADDRESSES = 16
_MAX_BODY = 64 * 1024
_ANYBODY = {"Access-Control-Allow-Origin": "*"}
_NO_STORE = {"Cache-Control": "no-store"}

AddressOf = Callable[[web.Request], str]
RefusedPage = Callable[[str, str], web.Response]
"""A page about a request that was refused: by the error's code, and its description."""


class OAuthEndpoints:
    """Serves the documents about the server, and what clients ask of it."""

    def __init__(
        self,
        oauth: OAuth,
        address: AddressOf,
        sender: AddressOf,
        below: str,
        refused: RefusedPage,
    ) -> None:
        """`address`: the gateway's URL for a request, without a slash at the end.

        `below`: the path of that URL. `sender`: the address that a request is counted for.
        `refused`: what a person is shown whom a client sent with a wrong request.
        """
        self._oauth = oauth
        self._address = address
        self._sender = sender
        self._below = below
        self._refused = refused
        self._bridge = Bridge(_dispatch)
        self._applications: LRUCache[str, Mapping[str, Asgi]] = LRUCache(_MOST_ADDRESSES)

    def add_to(self, app: web.Application) -> None:
        """Add the routes to an application, and what runs beside them."""
        app.add_routes([web.route("*", path, self._answer) for path in ENDPOINTS])
        for paths, document in (
            (resource_paths(self._below), Addresses.about_resource),
            (server_paths(self._below), Addresses.about_server),
        ):
            both = [each + slash for each in paths for slash in ("", "/")]
            app.add_routes([web.get(path, self._telling(document)) for path in both])
        app.cleanup_ctx.append(self._running)

    async def _running(self, _: web.Application) -> AsyncIterator[None]:
        self._bridge.start()
        yield
        await self._bridge.stop()

    def _telling(
        self, document: Callable[[Addresses], dict[str, Any]]
    ) -> Callable[[web.Request], Any]:
        async def tell(request: web.Request) -> web.StreamResponse:
            told = document(Addresses(self._address(request)))
            return web.json_response(told, headers=_ANYBODY | _NO_STORE)

        return tell

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        """The response of the SDK, with what it lacks; refusals are JSON, for a person a page."""
        addresses = Addresses(self._address(request))
        try:
            if not addresses.is_secure:
                raise OAuthError("invalid_request", "sign-ins need https: GATEWAY_PUBLIC_URL")
            scope, body = await self._read(request, addresses)
        except OAuthError as refused:
            if request.path == AUTHORIZE:
                return self._refused(refused.code, refused.description)
            headers = _NO_STORE | _ANYBODY
            return web.Response(
                status=400, body=refused.body(), content_type="application/json", headers=headers
            )
        scope[_APP] = (await self._apps(addresses))[request.path]
        response = await self._bridge.handle(request, body, scope, _NO_STORE)
        if request.path == AUTHORIZE:
            return self._to_person(response, addresses)
        if response.status == 401:
            response.headers[hdrs.WWW_AUTHENTICATE] = 'Basic realm="getatext-gateway"'
        return response

    def _to_person(self, response: web.StreamResponse, addresses: Addresses) -> web.StreamResponse:
        """The redirect to the page that asks, and to nowhere else.

        Anybody registers a client, so that a redirect to one would lead anywhere, before a person
        has allowed anything (RFC 9700, section 4.11.2).
        """
        location = response.headers.get(hdrs.LOCATION, "")
        leads_away = bool(location) and not location.startswith(f"{addresses.consent}?")
        if not leads_away and response.status != 400:
            return response
        told = response.text if isinstance(response, web.Response) else None
        refused = messages.refusal(location, told or "{}")
        return self._refused(refused.code, refused.description)

    async def _read(self, request: web.Request, addresses: Addresses) -> tuple[Scope, bytes]:
        """What the SDK gets of a request. Raises OAuthError, and RateLimited."""
        body = await _body(request)
        header = request.headers.get(hdrs.AUTHORIZATION, "")
        scope: Scope = {"headers": [*headers_of(request), (b"authorization", header.encode())]}
        if request.method == hdrs.METH_POST and request.path == REGISTER:
            self._oauth.registrations.check(self._sender(request))
            self._oauth.registrations.count(self._sender(request))
        elif request.path == AUTHORIZE:
            is_query = request.method == hdrs.METH_GET
            raw = request.rel_url.raw_query_string if is_query else body.decode(errors="replace")
            pairs = messages.read_pairs(raw)
            await self._check_redirect(pairs)
            body = messages.authorization(pairs)
            scope["query_string"], body = (body, b"") if is_query else (b"", body)
        elif request.method == hdrs.METH_POST:
            if not messages.is_form(request.headers):
                raise OAuthError("invalid_request", f"the body must be {messages.FORM}")
            pairs = messages.read_pairs(body.decode(errors="replace"))
            body = messages.form(request.path, pairs, header, addresses)
        return scope, body

    async def _check_redirect(self, pairs: messages.Pairs) -> None:
        client = await self._oauth.clients.find(dict(pairs).get("client_id", ""))
        if client is not None:
            messages.check_redirect(pairs, client.redirect_uris)

    async def _apps(self, addresses: Addresses) -> Mapping[str, Asgi]:
        """The SDK's applications for these addresses."""
        if (found := self._applications.get(addresses.base)) is not None:
            return found
        # The import takes about a second, in which the event loop must serve others.
        handlers = await asyncio.to_thread(import_module, "mcp_server.oauth.handlers")
        made: Mapping[str, Asgi] = handlers.applications(self._oauth, addresses)
        self._applications[addresses.base] = made
        return made


async def _dispatch(scope: Scope, receive: Any, send: Any) -> None:
    await scope[_APP](scope, receive, send)


async def _body(request: web.Request) -> bytes:
    try:
        body = await read_body(request)
    except InvalidRequest as fault:
        raise OAuthError("invalid_request", fault.detail) from None
    if len(body) > _MAX_BODY:
        raise OAuthError("invalid_request", "the body is too long")
    return body
