"""Consent: a person allows a client a child of a gateway key, within limits."""

import secrets
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from itertools import count

from gateway.core.auth.authentication import Callers, KeyHasher
from gateway.core.auth.oauth import redirects
from gateway.core.model.audit import AuditAction, AuditRecord
from gateway.core.model.callers import GATEWAY_KEY_PREFIX, GatewayKey, Limits
from gateway.core.model.errors import Unauthorized
from gateway.core.model.oauth import (
    LABELS,
    AuthorizationCode,
    GrantAsked,
    OAuthClient,
    SignIn,
    TokenKind,
)
from gateway.core.ports.clock import Clock
from gateway.core.ports.oauth import AlreadyAnswered, OAuthStore, TooManyChildren
from gateway.core.ports.storage import Keys, NameTaken

CODE_LASTS = timedelta(minutes=5)
MOST_CHILDREN = 20
"""How many living keys of apps a key may have."""
_MOST_TRIES = 20
_CENT = Decimal("0.01")
_NOT_OURS = (
    f"Take a key of this gateway, which begins with {GATEWAY_KEY_PREFIX}. A key of Getatext's is "
    "never taken here."
)
_UNKNOWN = "This key is not accepted."
_CHILD = "An app's key allows nothing to others: take the key that it was made with."
_SUSPENDED = "This key is suspended: it allows nothing new."
_FULL = (
    f"This key has {MOST_CHILDREN} keys of apps, and may have no more. End one with "
    "`getatext-gateway keys revoke`, or in the console."
)
_ANSWERED = "This sign-in was allowed before. Go back to the app and connect it again."


class ConsentRefused(Exception):
    """A key, or limits, by which nothing was allowed; the message says why, for a person.

    `fitting`: the nearest limits that the key has. `wrong_key`: it is no key that is accepted.
    """

    def __init__(
        self, why: str, *, fitting: GrantAsked | None = None, wrong_key: bool = False
    ) -> None:
        super().__init__(why)
        self.fitting = fitting
        self.wrong_key = wrong_key


class Consent:
    """Makes child keys. They have no secret: only the tokens of their client lead to them."""

    def __init__(
        self,
        store: OAuthStore,
        keys: Keys,
        callers: Callers,
        hasher: KeyHasher,
        clock: Clock,
    ) -> None:
        self._store = store
        self._keys = keys
        self._callers = callers
        self._hasher = hasher
        self._clock = clock

    async def allow(self, key: str, asked: GrantAsked, client: OAuthClient, sign_in: SignIn) -> str:
        """Make a child of the key for a client, and return the code that leads to it.

        Raises ConsentRefused, where nothing was made.
        """
        parent = await self._parent(key)
        now = self._clock.now()
        fitting = _within(asked, parent.limits)
        if fitting != asked:
            raise ConsentRefused(_above(asked, fitting), fitting=fitting)
        child = GatewayKey(
            id=secrets.token_hex(4),
            name=client.name,
            hashed=self._hasher.name(GATEWAY_KEY_PREFIX + secrets.token_urlsafe(24)),
            limits=_limits(asked, parent.limits, now),
            created_at=now,
            parent_id=parent.id,
            test=parent.test,
        )
        code = TokenKind.CODE.prefix + secrets.token_urlsafe(32)
        hashed = self._hasher.name(code)
        await self._store_named(
            child, AuthorizationCode(hashed, child.id, sign_in, now + CODE_LASTS), asked
        )
        return code

    async def _parent(self, key: str) -> GatewayKey:
        """The key of which a child may be made. Raises ConsentRefused."""
        if not key.startswith(GATEWAY_KEY_PREFIX):
            raise ConsentRefused(_NOT_OURS, wrong_key=True)
        try:
            caller = await self._callers.identify(key)
        except Unauthorized:
            raise ConsentRefused(_UNKNOWN, wrong_key=True) from None
        parent = await self._keys.find(caller.hashed or "")
        if parent is None:
            raise ConsentRefused(_UNKNOWN, wrong_key=True)
        if parent.parent_id is not None or parent.limits.suspended:
            raise ConsentRefused(_SUSPENDED if parent.parent_id is None else _CHILD)
        return parent

    async def _store_named(
        self, child: GatewayKey, code: AuthorizationCode, asked: GrantAsked
    ) -> None:
        """Store a child under the name of its client, with a number where others have that."""
        now = child.created_at
        details = {
            "client": child.name,
            "redirects_to": redirects.target(code.sign_in.redirect_uri),
            **asked.model_dump(mode="json"),
        }
        actor = child.parent_id or ""
        record = AuditRecord(now, actor, AuditAction.OAUTH_AUTHORIZED, child.id, details)
        for _ in range(_MOST_TRIES):
            living = {each.name for each in await self._keys.all() if each.is_living(now)}
            named = replace(child, name=_free(child.name, living))
            with suppress(NameTaken):  # by another, meanwhile
                await self._granted(named, code, record)
                return
        raise ConsentRefused("Too many sign in at this moment. Try again.")

    async def _granted(
        self, child: GatewayKey, code: AuthorizationCode, record: AuditRecord
    ) -> None:
        try:
            await self._store.grant(child, code, record, MOST_CHILDREN)
        except TooManyChildren:
            raise ConsentRefused(_FULL) from None
        except AlreadyAnswered:
            raise ConsentRefused(_ANSWERED) from None


def _within(asked: GrantAsked, parent: Limits) -> GrantAsked:
    """The same, lowered to what the parent has."""
    most = asked.max_per_day if parent.max_per_day is None else parent.max_per_day
    return asked.model_copy(
        update={
            "max_price": _lower(asked.max_price, parent.max_price),
            "budget_day": _lower(asked.budget_day, parent.budget_day),
            "max_per_day": min(asked.max_per_day, most),
        }
    )


def _lower(amount: Decimal, limit: Decimal | None) -> Decimal:
    if limit is None or amount <= limit:
        return amount
    return limit.quantize(_CENT, ROUND_DOWN)


def _above(asked: GrantAsked, fitting: GrantAsked) -> str:
    beyond = [
        f"{LABELS[name].lower()}: {value}"
        for name, value in fitting
        if value != getattr(asked, name)
    ]
    return f"Your key itself has lower limits ({', '.join(beyond)}). They are filled in below."


def _limits(asked: GrantAsked, parent: Limits, now: datetime) -> Limits:
    """The parent's limits, lowered: what its price cannot be known before is left to the parent."""
    ends = now + timedelta(days=asked.days)
    return replace(
        parent,
        admin=False,
        long_rentals=False,
        max_price=asked.max_price,
        budget_day=asked.budget_day,
        max_per_day=asked.max_per_day,
        expires_at=ends if parent.expires_at is None else min(ends, parent.expires_at),
    )


def _free(name: str, taken: Collection[str]) -> str:
    """The name, or the first with a number that is not taken: Claude, Claude-2."""
    if name not in taken:
        return name
    numbered = (f"{name}-{number}" for number in count(2))
    return next(each for each in numbered if each not in taken)
