"""The SDK's authorization server over the gateway's clients, codes and tokens."""

import re
from typing import Any

from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    AuthorizeError,
    OAuthAuthorizationServerProvider,
    RefreshToken,
    RegistrationError,
    TokenError,
)
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from pydantic import AnyUrl, TypeAdapter

from gateway.core.auth.oauth import redirects
from gateway.core.auth.oauth.clients import GRANT_TYPES, NotRegistrable
from gateway.core.auth.oauth.service import OAuth
from gateway.core.model.oauth import (
    AuthorizationCode as StoredCode,
)
from gateway.core.model.oauth import (
    OAuthClient,
    SignIn,
    TokenKind,
    TokenPair,
)
from gateway.core.model.oauth import OAuthToken as StoredToken
from mcp_server.oauth.addresses import Addresses

NO_SECRET = "none"  # noqa: S105 - the word of RFC 7591
_LONGEST_SCOPE, _LONGEST_STATE = 500, 2000
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}").fullmatch
_URL = TypeAdapter(AnyUrl)
_USED = "it was used, or has ended"


class RegisteredClient(OAuthClientInformationFull):
    """A registered client, as the SDK's handlers ask it."""

    def validate_redirect_uri(self, redirect_uri: AnyUrl | None) -> AnyUrl:
        """As the SDK's, but for the port of a program on the person's own machine."""
        known = tuple(str(_URL.validate_python(str(each))) for each in self.redirect_uris or ())
        if redirect_uri is not None and redirects.is_registered(str(redirect_uri), known):
            return redirect_uri
        return super().validate_redirect_uri(redirect_uri)

    def validate_scope(self, requested_scope: str | None) -> list[str] | None:
        """Whatever is asked for: there are no scopes here, the child key has limits instead."""
        return (requested_scope or "").split()


class UnusedCode(AuthorizationCode):
    """A code, and what is stored of it."""

    stored: StoredCode


class UnusedRefresh(RefreshToken):
    """A refresh token, and what is stored of it."""

    stored: StoredToken


class IssuedAccess(AccessToken):
    """An access token, and what is stored of it."""

    stored: StoredToken


class AuthorizationServer(
    OAuthAuthorizationServerProvider[UnusedCode, UnusedRefresh, IssuedAccess]
):
    """What the SDK's handlers ask, for one address of the gateway."""

    def __init__(self, oauth: OAuth, addresses: Addresses) -> None:
        self._oauth = oauth
        self._addresses = addresses

    async def get_client(self, client_id: str) -> RegisteredClient | None:
        """The client with this id."""
        found = await self._oauth.clients.find(client_id)
        return None if found is None else self._client(found)

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        """Store a client. Its secret is made of its id, so that none has to be stored.

        Raises RegistrationError, and GatewayBusy where there are too many.
        """
        method = client_info.token_endpoint_auth_method or NO_SECRET
        client_info.grant_types = [each for each in GRANT_TYPES if each in client_info.grant_types]
        try:
            await self._oauth.clients.register(
                client_info.client_id,
                client_info.client_name,
                tuple(map(str, client_info.redirect_uris or ())),
                method,
                tuple(client_info.grant_types),
            )
        except NotRegistrable as fault:
            raise RegistrationError("invalid_redirect_uri", str(fault)) from None
        if method != NO_SECRET:
            client_info.client_secret = self._oauth.clients.secret_of(client_info.client_id)

    async def authorize(
        self, client: OAuthClientInformationFull, params: AuthorizationParams
    ) -> str:
        """The page that asks a person. Raises AuthorizeError."""
        scope = " ".join(params.scopes or ())
        if not _CHALLENGE(params.code_challenge):
            raise AuthorizeError("invalid_request", "code_challenge: must be a SHA-256, as S256")
        if not self._addresses.is_resource(params.resource):
            raise AuthorizeError("invalid_target", f"resource: is {self._addresses.resource} here")
        if len(scope) > _LONGEST_SCOPE or not scope.isascii() or not scope.isprintable():
            raise AuthorizeError("invalid_scope", "scope: is too long, or no scope")
        if len(params.state or "") > _LONGEST_STATE:
            raise AuthorizeError("invalid_request", "state: is too long")
        sign_in = SignIn(
            client_id=client.client_id,
            redirect_uri=str(params.redirect_uri),
            redirect_given=params.redirect_uri_provided_explicitly,
            code_challenge=params.code_challenge,
            resource=self._addresses.resource,
            scope=scope,
            state=params.state,
        )
        sealed = self._oauth.sign_ins.seal(sign_in)
        return redirects.with_parameters(self._addresses.consent, request=sealed)

    async def load_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: str
    ) -> UnusedCode | None:
        """A client's code that was not used."""
        found = await self._oauth.grants.find_code(authorization_code, client.client_id)
        if found is None or found.sign_in.resource != self._addresses.resource:
            return None
        asked = found.sign_in
        return UnusedCode(
            code=authorization_code,
            scopes=asked.scope.split(),
            expires_at=found.expires_at.timestamp(),
            client_id=asked.client_id,
            code_challenge=asked.code_challenge,
            redirect_uri=_URL.validate_python(asked.redirect_uri),
            redirect_uri_provided_explicitly=asked.redirect_given,
            resource=asked.resource,
            stored=found,
        )

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: UnusedCode
    ) -> OAuthToken:
        """Tokens for a code. Raises TokenError."""
        return _told(await self._oauth.grants.redeem(authorization_code.stored))

    async def load_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: str
    ) -> UnusedRefresh | None:
        """A client's refresh token that was not used."""
        found = await self._oauth.grants.find_refresh(refresh_token, client.client_id)
        if found is None or found.resource != self._addresses.resource:
            return None
        return UnusedRefresh(token=refresh_token, stored=found, **_facts(found))

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: UnusedRefresh, scopes: list[str]
    ) -> OAuthToken:
        """New tokens for a refresh token. Raises TokenError."""
        return _told(await self._oauth.grants.rotate(refresh_token.stored))

    async def load_access_token(self, token: str) -> IssuedAccess | None:
        """An access token, to revoke it."""
        found = await self._oauth.grants.find_token(TokenKind.ACCESS, token)
        return None if found is None else IssuedAccess(token=token, stored=found, **_facts(found))

    async def revoke_token(self, token: IssuedAccess | UnusedRefresh) -> None:
        """End all that the token's client got with it."""
        await self._oauth.grants.revoke(token.stored)

    def _client(self, found: OAuthClient) -> RegisteredClient:
        secret = None
        if found.auth_method != NO_SECRET:
            secret = self._oauth.clients.secret_of(found.id)
        return RegisteredClient.model_validate(
            {
                "client_id": found.id,
                "client_secret": secret,
                "client_name": found.name,
                "redirect_uris": found.redirect_uris,
                "token_endpoint_auth_method": found.auth_method,
                "grant_types": found.grant_types,
            }
        )


def _told(pair: TokenPair | None) -> OAuthToken:
    if pair is None:
        raise TokenError("invalid_grant", _USED)
    return OAuthToken(
        access_token=pair.access,
        refresh_token=pair.refresh,
        expires_in=pair.expires_in,
        scope=pair.scope or None,
    )


def _facts(found: StoredToken) -> dict[str, Any]:
    return {
        "client_id": found.client_id,
        "scopes": found.scope.split(),
        "expires_at": int(found.expires_at.timestamp()),
        "resource": found.resource,
    }
