"""Who asks: accounts at the provider, and the keys that lead to them."""

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from gateway.core.errors import Unauthorized

GATEWAY_KEY_PREFIX = "gtw_"
_MAX_KEY = 256


@dataclass(frozen=True, slots=True)
class Account:
    """An account at the provider: its key, and the hash by which we know it."""

    id: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a gateway key may do; None means no limit. Amounts in USD."""

    read_only: bool = False
    max_price: Decimal | None = None
    budget_day: Decimal | None = None
    budget_total: Decimal | None = None
    services: frozenset[str] | None = None
    max_active: int | None = None
    long_rentals: bool = False  # purchases whose price cannot be known before
    admin: bool = False  # sees the whole account
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class GatewayKey:
    """A key the gateway made; `hashed` is how it is found, the key itself is not kept."""

    id: str
    name: str
    hashed: str = field(repr=False)
    limits: Limits
    created_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody whose key was read. `id` keeps callers of one account apart.

    `limits` None: the caller brought a key of the provider's, and the account is its own.
    """

    id: str
    account: Account
    limits: Limits | None = None

    @property
    def pass_through(self) -> bool:
        """Whether the key is the provider's."""
        return self.limits is None

    @property
    def sees_account(self) -> bool:
        """Whether it sees the whole account, or only what it bought."""
        return self.limits is None or self.limits.admin


class KeyHasher:
    """Turns keys into names that give nothing away: HMAC-SHA256 under the gateway's secret."""

    def __init__(self, secret: bytes) -> None:
        """Take the secret of this gateway (or of all its nodes)."""
        self._inner = hmac.new(secret, digestmod=hashlib.sha256)

    def name(self, key: str) -> str:
        """The same key always has the same name; the name does not lead back."""
        keyed = self._inner.copy()
        keyed.update(key.encode())
        return keyed.hexdigest()[:32]


class Callers:
    """Reads a key and says who is calling."""

    def __init__(self, hasher: KeyHasher, *, pass_through: bool = True) -> None:
        """`pass_through`: whether callers may bring a key of the provider's."""
        self._hasher = hasher
        self._pass_through = pass_through

    async def identify(self, key: str | None) -> Caller:
        """The caller behind a key. Raises Unauthorized where there is none to be found."""
        if not key:
            raise Unauthorized("No key was sent.")
        if len(key) > _MAX_KEY or not (key.isascii() and key.isprintable()):
            raise Unauthorized("The key has a form that no key has.")
        if key.startswith(GATEWAY_KEY_PREFIX) or not self._pass_through:
            raise Unauthorized
        account = Account(self._hasher.name(key), key)
        return Caller(account.id, account)
