"""Signing in to /mcp by OAuth, on the HTTP port."""

from functools import partial

from aiohttp import web

from gateway.core.auth.authentication import Callers
from gateway.core.auth.hosts import AllowedHosts
from gateway.core.auth.oauth.service import OAuth
from gateway.core.model.callers import Caller
from gateway.core.model.errors import Unauthorized
from gateway.core.model.oauth import TokenKind
from gateway.http.pages.consent import ConsentPage, refused_page
from gateway.http.wire.addresses import OwnAddress, counted_address
from gateway.http.wire.auth import key_of
from gateway.settings import Settings
from mcp_server.oauth.addresses import Addresses
from mcp_server.oauth.endpoints import OAuthEndpoints


class SignedIn:
    """Who calls /mcp where clients may sign in: by a key, or by an access token."""

    def __init__(self, oauth: OAuth, callers: Callers, address: OwnAddress) -> None:
        self._oauth = oauth
        self._callers = callers
        self._address = address

    async def identify(self, request: web.Request) -> Caller:
        """The caller. Raises Unauthorized, which tells a client where to sign in."""
        addresses = Addresses(self._address.of(request))
        sent = False
        try:
            key = key_of(request)
            sent = key is not None
            if key is not None and key.startswith(TokenKind.ACCESS.prefix):
                return await self._oauth.grants.caller(key, addresses.resource)
            return await self._callers.identify(key)
        except Unauthorized as refused:
            invalid = ', error="invalid_token"' if sent else ""
            refused.challenge = f'{invalid}, resource_metadata="{addresses.resource_metadata}"'
            raise


def add_oauth(
    app: web.Application, settings: Settings, oauth: OAuth, callers: Callers, hosts: AllowedHosts
) -> SignedIn:
    """Add the endpoints and the page to the application; who then calls /mcp."""
    proxies = settings.gateway_trusted_proxies
    address = OwnAddress(str(settings.gateway_public_url or "").rstrip("/"), hosts, proxies)
    sender = partial(counted_address, proxies=proxies)
    OAuthEndpoints(oauth, address.of, sender, address.path, refused_page).add_to(app)
    app.add_routes(ConsentPage(oauth, address, sender).routes())
    return SignedIn(oauth, callers, address)
