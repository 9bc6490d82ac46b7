"""The gateway's own keys: what they allow, and the port they are kept behind."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol

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


class Keys(Protocol):
    """Keeps the gateway's own keys."""

    async def create(self, key: GatewayKey) -> None:
        """Keep a new key."""

    async def find(self, hashed: str) -> GatewayKey | None:
        """The key with this hash, revoked ones included."""

    async def all(self) -> Sequence[GatewayKey]:
        """Every key, oldest first."""

    async def revoke(self, id_or_name: str, at: datetime) -> bool:
        """Revoke a key; False where there is none to revoke."""
