"""Codes and tokens: each leads to a child key, and ends with it."""

import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from cachetools import TTLCache

from gateway.core.auth.authentication import Callers, KeyHasher
from gateway.core.auth.oauth.clients import KEPT
from gateway.core.model.audit import AuditAction, AuditRecord
from gateway.core.model.callers import GATEWAY_KEY_PREFIX, Caller
from gateway.core.model.errors import Unauthorized
from gateway.core.model.oauth import AuthorizationCode, OAuthToken, SignIn, TokenKind, TokenPair
from gateway.core.ports.clock import Clock
from gateway.core.ports.oauth import OAuthStore
from gateway.core.ports.storage import Keys

ACCESS_LASTS = timedelta(hours=1)
USED_KEPT = timedelta(days=1)
"""How long what has expired is kept, so that its reuse is noticed."""
_WITHOUT_END = timedelta(days=365)
_MOST_TOKENS, _FOUND_SECONDS = 10_000, 2.0
_BODY = re.compile(r"[A-Za-z0-9_-]{43}").fullmatch
_AGAIN = "Sign in again."


class OAuthGrants:
    """Exchanges codes and refresh tokens, finds the callers of access tokens, and revokes."""

    def __init__(
        self, store: OAuthStore, keys: Keys, callers: Callers, hasher: KeyHasher, clock: Clock
    ) -> None:
        self._store = store
        self._keys = keys
        self._callers = callers
        self._hasher = hasher
        self._clock = clock
        self._found: TTLCache[str, OAuthToken] = TTLCache(
            _MOST_TOKENS, _FOUND_SECONDS, timer=clock.monotonic
        )

    async def caller(self, token: str, resource: str) -> Caller:
        """The caller of an access token for this resource. Raises Unauthorized."""
        hashed = self._hash(TokenKind.ACCESS, token)
        found = None if hashed is None else self._found.get(hashed)
        if found is None and hashed is not None:
            found = await self._store.token(hashed)
        if found is None or found.kind is not TokenKind.ACCESS or found.resource != resource:
            raise Unauthorized("The access token is not accepted.", advice=_AGAIN)
        self._found[found.hashed] = found
        if found.expires_at <= self._clock.now():
            raise Unauthorized("The access token has expired.", advice=_AGAIN)
        return await self._callers.of_caller(GATEWAY_KEY_PREFIX + found.key_id)

    async def find_code(self, code: str, client_id: str) -> AuthorizationCode | None:
        """A client's code, unless it was used: then all that it led to is revoked."""
        hashed = self._hash(TokenKind.CODE, code)
        found = None if hashed is None else await self._store.code(hashed)
        if found is None or found.sign_in.client_id != client_id:
            return None
        if found.used_at is not None:
            await self._revoke(found.key_id, "code used twice")
            return None
        return found

    async def find_token(self, kind: TokenKind, token: str) -> OAuthToken | None:
        """A token of this kind, expired and used ones too."""
        hashed = self._hash(kind, token)
        found = None if hashed is None else await self._store.token(hashed)
        return found if found is not None and found.kind is kind else None

    async def find_refresh(self, token: str, client_id: str) -> OAuthToken | None:
        """A client's refresh token, unless it was used: then its whole family is revoked."""
        found = await self.find_token(TokenKind.REFRESH, token)
        if found is None or found.client_id != client_id:
            return None
        if found.used_at is not None:
            await self._revoke(found.key_id, "refresh token used twice")
            return None
        return found

    async def redeem(self, code: AuthorizationCode) -> TokenPair | None:
        """Exchange a code for tokens; None where its key has ended, or the code has expired.

        Where it was used meanwhile, all that it led to is revoked.
        """
        made = await self._make(code.key_id, code.sign_in)
        if made is None:
            return None
        pair, tokens, kept_until = made
        now = self._clock.now()
        if await self._store.redeem(code.hashed, tokens, now, kept_until):
            return pair
        if now < code.expires_at:
            await self._revoke(code.key_id, "code used twice")
        return None

    async def rotate(self, used: OAuthToken) -> TokenPair | None:
        """Exchange a refresh token for new tokens; None where its key has ended.

        Where it was used meanwhile, its whole family is revoked.
        """
        made = await self._make(used.key_id, used)
        if made is None:
            return None
        pair, tokens, kept_until = made
        if await self._store.rotate(used.hashed, tokens, self._clock.now(), kept_until):
            return pair
        await self._revoke(used.key_id, "refresh token used twice")
        return None

    async def revoke(self, token: OAuthToken) -> None:
        """End a token's whole family: revoke the child key."""
        await self._revoke(token.key_id, "revoked by its app")

    async def purge(self) -> None:
        """Revoke keys that no client came for, and delete what has ended."""
        now = self._clock.now()
        for key_id in await self._store.unredeemed(now):
            await self._revoke(key_id, "never used")
        await self._store.purge(now - USED_KEPT, now)

    async def _make(
        self, key_id: str, asked: SignIn | OAuthToken
    ) -> tuple[TokenPair, Sequence[OAuthToken], datetime] | None:
        """New tokens, and until when to keep their client; None where the key has ended."""
        try:
            caller = await self._callers.of_caller(GATEWAY_KEY_PREFIX + key_id)
        except Unauthorized:
            return None
        now = self._clock.now()
        ends = caller.ends_at or now + _WITHOUT_END
        lasts = min(ACCESS_LASTS, ends - now)
        access, refresh = (
            kind.prefix + secrets.token_urlsafe(32)
            for kind in (TokenKind.ACCESS, TokenKind.REFRESH)
        )
        tokens = [
            OAuthToken(
                self._hasher.name(token),
                kind,
                asked.client_id,
                key_id,
                asked.resource,
                asked.scope,
                until,
            )
            for kind, token, until in (
                (TokenKind.ACCESS, access, now + lasts),
                (TokenKind.REFRESH, refresh, ends),
            )
        ]
        pair = TokenPair(access, refresh, int(lasts.total_seconds()), asked.scope)
        return pair, tokens, ends + KEPT

    async def _revoke(self, key_id: str, why: str) -> None:
        now = self._clock.now()
        details = {"reason": why}
        record = AuditRecord(now, key_id, AuditAction.KEY_REVOKED, key_id, details)
        await self._keys.revoke(key_id, now, record)

    def _hash(self, kind: TokenKind, token: str) -> str | None:
        """The hash of what has the form of such a token; None for anything else."""
        if token.startswith(kind.prefix) and _BODY(token.removeprefix(kind.prefix)):
            return self._hasher.name(token)
        return None
