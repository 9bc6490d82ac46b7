"""The gateway's own keys: what they allow, and the port they are kept behind."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

GATEWAY_KEY_PREFIX = "gtw_"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a gateway key may do; None means no limit. Amounts in USD."""

    read_only: bool = False
    max_price: Decimal | None = None
    budget_day: Decimal | None = None
    budget_total: Decimal | None = None
    services: frozenset[str] | None = None
    max_active: int | None = None
    max_per_day: int | None = None  # purchases on one UTC day, whatever they cost
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
class Account:
    """An account at the provider: its key, and the hash by which we know it."""

    id: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody whose key was read. `id` keeps callers of one account apart.

    `limits` None: the caller brought a key of the provider's, and the account is its own
    (`pass_through`). `sees_account`: whether it sees the whole account, or only what it bought.
    """

    id: str
    account: Account
    limits: Limits | None = None
    pass_through: bool = field(init=False, compare=False)
    sees_account: bool = field(init=False, compare=False)

    def __post_init__(self) -> None:
        # Once for a caller, which asks many times.
        object.__setattr__(self, "pass_through", self.limits is None)
        object.__setattr__(self, "sees_account", self.limits is None or self.limits.admin)


def caller_id(key: GatewayKey) -> str:
    """The id of the caller that a gateway key makes; what it bought is found by it."""
    return GATEWAY_KEY_PREFIX + key.id
