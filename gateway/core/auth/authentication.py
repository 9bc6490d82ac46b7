"""Authentication: finds the caller of an API key, the gateway's or the provider's."""

import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime

from cachetools import LRUCache, TTLCache

from gateway.core.auth.verification import KeyVerification
from gateway.core.model.audit import COMMAND
from gateway.core.model.callers import (
    GATEWAY_KEY_PREFIX,
    TEST_ACCOUNT,
    TEST_ACCOUNT_ID,
    TEST_KEY_PREFIX,
    Account,
    Ancestor,
    Caller,
    GatewayKey,
    Limits,
    caller_id,
)
from gateway.core.model.errors import LedgerUnavailable, Unauthorized
from gateway.core.model.provider_errors import UpstreamAuthFailed
from gateway.core.ports.clock import Clock
from gateway.core.ports.storage import Keys

_NO_ACCOUNT = Account("", "")
_TEST = "test\n"  # no key has a line break
_MAX_KEY = 256
_MOST_CALLERS = 1000
_MOST_KEYS = 10_000
_REVOKED_WITHIN = 0.75  # seconds until every process has noticed a change


Lineage = tuple[GatewayKey, ...]
"""A gateway key and those it was made by, the nearest first; empty: there is no such key."""


class KeyHasher:
    """Hashes keys with HMAC-SHA256 under the gateway's secret."""

    def __init__(self, secret: bytes) -> None:
        """`secret` is the same on all nodes of one database."""
        self._inner = hmac.new(secret, digestmod=hashlib.sha256)

    def name(self, key: str) -> str:
        """The hash that stands for a key: 32 hex digits, deterministic and one-way.

        That of a test key is one that versions before test keys do not compute: there it would
        spend real money.
        """
        keyed = self._inner.copy()
        keyed.update((_TEST + key if key.startswith(TEST_KEY_PREFIX) else key).encode())
        return keyed.hexdigest()[:32]


class Callers:
    """Finds and caches the caller of a key.

    The first call with a provider key that is new here costs a balance call at the provider: a key
    that it does not accept is nobody's. Keys it has accepted are remembered in the store.
    """

    def __init__(
        self,
        hasher: KeyHasher,
        keys: Keys,
        clock: Clock,
        verification: KeyVerification,
        *,
        own_key: str | None = None,
        pass_through: bool = True,
    ) -> None:
        """`own_key` is the server's provider key, whose account gateway keys use.

        `pass_through`: whether callers may send a provider key of their own.
        """
        self._hasher = hasher
        self._keys = keys
        self._clock = clock
        self._verification = verification
        self._own = Account(hasher.name(own_key), own_key) if own_key else None
        self._pass_through = pass_through
        self._known: dict[str, Caller] = {}  # by provider key
        self._met: LRUCache[str, Account] = LRUCache(_MOST_KEYS)
        self._found: TTLCache[str, Lineage] = TTLCache(
            _MOST_KEYS, _REVOKED_WITHIN, timer=clock.monotonic
        )
        self._last_found: LRUCache[str, Lineage] = LRUCache(_MOST_KEYS)
        self._made: LRUCache[str, tuple[Lineage, Caller]] = LRUCache(_MOST_KEYS)
        self._hashes: LRUCache[str, str] = LRUCache(_MOST_CALLERS)  # by gateway key
        self._when_seen: tuple[Callable[[], None], ...] = ()

    def recall(self, key: str | None) -> Caller | None:
        """The caller of a key that was identified before, a gateway key within the last second.

        It is the same object as then while nothing of the key has changed; saves the HMAC.
        """
        if not key:
            return None
        if (known := self._known.get(key)) is not None:
            return known
        hashed = self._hashes.get(key)
        lineage = self._found.get(hashed) if hashed is not None else None
        return self._as_made(hashed, lineage) if hashed is not None and lineage else None

    async def identify(self, key: str | None) -> Caller:
        """The caller of a key.

        Raises Unauthorized; what KeyVerification.verify raises for a provider key that is new here;
        UpstreamAuthFailed for a gateway key, no test key, where the server has no own key.
        """
        if (known := self.recall(key)) is not None:
            return known
        if not key:
            raise Unauthorized(
                "No key was sent.",
                advice="Send one in the header X-API-Key: your own from https://getatext.com, or "
                "one that who runs this gateway makes with `getatext-gateway keys create`.",
            )
        if len(key) > _MAX_KEY or not (key.isascii() and key.isprintable()):
            raise Unauthorized("The key has a form that no key has.")
        if key.startswith(GATEWAY_KEY_PREFIX):
            hashed = self._hasher.name(key)
            caller = await self._by_gateway_key(hashed)
            self._hashes[key] = hashed
            return caller
        if not self._pass_through:
            raise Unauthorized("This gateway takes only keys that it made itself.")
        account = Account(self._hasher.name(key), key)
        if self._own is None or account.id != self._own.id:
            await self._verification.verify(account)
        return self._accepted(account)

    async def recheck(self, caller: Caller, *, anew: bool = False) -> Caller:
        """The caller as its gateway key is now. Raises Unauthorized where that has ended.

        `anew`: as it is stored now, not as it was within the last second.
        """
        if caller.hashed is None:
            return caller
        if anew:
            self._found.pop(caller.hashed, None)
        return await self._by_gateway_key(caller.hashed)

    async def of_caller(self, caller_id: str) -> Caller:
        """The caller with this id, as stored now. Raises Unauthorized where its key has ended."""
        key = await self._keys.of_caller(caller_id)
        if key is None:
            raise Unauthorized
        self._found.pop(key.hashed, None)
        return await self._by_gateway_key(key.hashed)

    @property
    def operator(self) -> Caller:
        """Who runs the gateway, at its own command line."""
        may = Limits(admin=True, long_rentals=True)
        return Caller(COMMAND, self._own or _NO_ACCOUNT, may, key_name=COMMAND)

    @property
    def own(self) -> Account | None:
        """The server's own account at the provider, if it has a key."""
        return self._own

    def when_seen(self, *tell: Callable[[], None]) -> None:
        """Set what is called when a provider key is seen for the first time."""
        self._when_seen = tell

    def met(self, account_id: str) -> Account | None:
        """The account: the server's own, that of test keys, or one whose key is in memory."""
        if self._own is not None and self._own.id == account_id:
            return self._own
        if account_id == TEST_ACCOUNT_ID:
            return TEST_ACCOUNT
        return self._met.get(account_id)

    def _accepted(self, account: Account) -> Caller:
        """The caller of an accepted key; the same one for all who waited for its verification."""
        if (known := self._known.get(account.key)) is not None:
            return known
        if account.id not in self._met:
            for tell in self._when_seen:
                tell()
        self._met[account.id] = account
        if len(self._known) >= _MOST_CALLERS:
            del self._known[next(iter(self._known))]
        caller = self._known[account.key] = Caller(account.id, account)
        return caller

    async def _find(self, hashed: str) -> Lineage:
        """The stored key; while the store is away, as it was last found: nobody can change it."""
        if (found := self._found.get(hashed)) is not None:
            return found
        try:
            lineage = await self._read(hashed)
        except LedgerUnavailable:
            if (last := self._last_found.get(hashed)) is None:
                raise
            lineage = last
        if lineage == self._last_found.get(hashed):
            lineage = self._last_found[hashed]  # the same object while nothing has changed
        self._found[hashed] = lineage
        if lineage:
            self._last_found[hashed] = lineage
        return lineage

    def _as_made(self, hashed: str, lineage: Lineage) -> Caller | None:
        """The caller that was made of a stored key, if its end has not come since."""
        made = self._made.get(hashed)
        if made is None or made[0] is not lineage:
            return None
        ends_at = made[1].ends_at
        return made[1] if ends_at is None or ends_at > self._clock.now() else None

    async def _read(self, hashed: str) -> Lineage:
        key = await self._keys.find(hashed)
        if key is None:
            return ()
        lineage = [key]
        while lineage[-1].parent_id is not None:
            parent = await self._keys.by_id(lineage[-1].parent_id)
            if parent is None:
                return ()
            lineage.append(parent)
        return tuple(lineage)

    async def _by_gateway_key(self, hashed: str) -> Caller:
        lineage = await self._find(hashed)
        if not lineage:
            raise Unauthorized
        if (made := self._as_made(hashed, lineage)) is not None:
            return made
        key, *above = lineage
        ends = [_end_of_secret(key, hashed)]
        for each in lineage:
            if each.revoked_at is not None:
                raise Unauthorized("This key was revoked.")
            ends.append(each.limits.expires_at)
        ends_at = min((end for end in ends if end is not None), default=None)
        if ends_at is not None and ends_at <= self._clock.now():
            raise Unauthorized("This key has expired.")
        account = TEST_ACCOUNT if any(each.test for each in lineage) else self._own
        if account is None:
            raise UpstreamAuthFailed("The gateway has no key of its own at the provider.")
        limits = key.limits
        for each in above:
            limits = limits.within(each.limits)
        caller = Caller(
            caller_id(key),
            account,
            limits,
            hashed,
            key.name,
            ends_at,
            tuple(Ancestor(caller_id(each), each.name, each.limits) for each in above),
        )
        self._made[hashed] = lineage, caller
        return caller


def _end_of_secret(key: GatewayKey, hashed: str) -> datetime | None:
    """When the secret with this hash ends; None: with its key. Raises Unauthorized.

    What the store's equality takes for equal is compared again, in constant time.
    """
    if hmac.compare_digest(key.hashed, hashed):
        return None
    if key.previous_hashed is None or not hmac.compare_digest(key.previous_hashed, hashed):
        raise Unauthorized
    return key.previous_until


def _nobody() -> None:
    pass
