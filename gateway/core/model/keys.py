"""Gateway keys as operators see and make them: values and inputs."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from gateway.core.model.account import left
from gateway.core.model.callers import GatewayKey
from gateway.core.model.purchases import Spent
from gateway.core.model.values import (
    CURRENCY,
    Currency,
    Frozen,
    Instant,
    Usd,
)


class KeyStatus(StrEnum):
    """Whether a key is accepted, and whether it buys."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    REVOKED = "revoked"


class Key(Frozen, defer_build=True):
    """A gateway key: its limits, and what it spent. Amounts in USD; null: no limit."""

    id: str = Field(description="Its id.")
    name: str = Field(description="What it is called.")
    status: KeyStatus = Field(
        description="suspended: it buys nothing, and still reads and cancels. expired, revoked: it "
        "is not accepted."
    )
    created_at: Instant = Field(description="When it was made.")
    revoked_at: Instant | None = Field(description="When it was revoked.")
    expires_at: Instant | None = Field(description="When it ends; null: never.")
    previous_secret_until: Instant | None = Field(
        description="Until when the secret before the last rotation is accepted too."
    )
    parent_id: str | None = Field(
        description="The key on whose behalf it was made: it ends with that one, and what it buys "
        "counts against both."
    )
    test: bool = Field(description="Whether it belongs to the test account, which costs nothing.")
    admin: bool = Field(description="Whether it sees the whole account.")
    read_only: bool = Field(description="Whether it may only look.")
    long_rentals: bool = Field(description="Whether it may buy what tells no price before.")
    services: list[str] | None = Field(description="The services that it may rent for.")
    max_price: Usd | None = Field(description="The highest price of one rental.")
    max_active: int | None = Field(description="How many rentals it may have at one time.")
    max_per_day: int | None = Field(description="How many purchases it may make in a day (UTC).")
    budget_day: Usd | None = Field(description="The most it may spend in a day (UTC).")
    budget_total: Usd | None = Field(description="The most it may spend in all.")
    confirm_above: Usd | None = Field(
        description="Over MCP, a person confirms what costs more; null: as the gateway is set."
    )
    spent_today: Usd = Field(
        description="What it spent today (UTC), refunds taken off, reservations included."
    )
    spent_total: Usd = Field(description="What it spent in all, reckoned the same way.")
    left_today: Usd | None = Field(description="What is left for today; null: no limit.")
    left_total: Usd | None = Field(description="What is left in all; null: no limit.")
    currency: Currency = Field(CURRENCY, description="The currency of every amount here.")


class KeyWithSecret(Key):
    """A key, and once the secret that is sent as the key."""

    secret: str = Field(description="What is sent as the key. Told once: only a hash is kept.")


class KeyList(Frozen, defer_build=True):
    """Every key, oldest first."""

    data: list[Key] = Field(description="The keys, oldest first.")
    next_cursor: str | None = Field(None, description="Always null: the list comes whole.")


def status_of(key: GatewayKey, at: datetime, parents: Iterable[GatewayKey] = ()) -> KeyStatus:
    """How a key stands at that time; `parents`: those on whose behalf it was made."""
    lineage = [key, *parents]
    if any(each.revoked_at is not None for each in lineage):
        return KeyStatus.REVOKED
    if not all(each.is_living(at) for each in lineage):
        return KeyStatus.EXPIRED
    suspended = any(each.limits.suspended for each in lineage)
    return KeyStatus.SUSPENDED if suspended else KeyStatus.ACTIVE


def shown_key(key: GatewayKey, status: KeyStatus, spent: Spent, at: datetime) -> Key:
    """A key as an operator sees it at that time."""
    limits, until = key.limits, key.previous_until
    return Key(
        id=key.id,
        name=key.name,
        status=status,
        created_at=key.created_at,
        revoked_at=key.revoked_at,
        expires_at=limits.expires_at,
        previous_secret_until=until if until is not None and at < until else None,
        parent_id=key.parent_id,
        test=key.test,
        admin=limits.admin,
        read_only=limits.read_only,
        long_rentals=limits.long_rentals,
        services=None if limits.services is None else sorted(limits.services),
        max_price=limits.max_price,
        max_active=limits.max_active,
        max_per_day=limits.max_per_day,
        budget_day=limits.budget_day,
        budget_total=limits.budget_total,
        confirm_above=limits.confirm_above,
        spent_today=spent.today,
        spent_total=spent.total,
        left_today=left(limits.budget_day, spent.today),
        left_total=left(limits.budget_total, spent.total),
    )
