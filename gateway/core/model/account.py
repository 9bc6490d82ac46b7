"""Balance and spending of an account: values and inputs."""

from decimal import Decimal

from pydantic import Field

from gateway.core.model.callers import Limits
from gateway.core.model.values import CURRENCY, Currency, Frozen, Instant, Usd


class Balance(Frozen):
    """The account's balance at the provider."""

    balance: Usd = Field(description="The account's balance at the provider.")
    currency: Currency = Field(CURRENCY, description="The currency of every amount here.")


class BalanceAndSpending(Balance):
    """What the account holds, and what this key has spent."""

    spent_today: Usd | None = Field(
        description="What this key spent today (UTC), refunds taken off, reservations included; "
        "null while the gateway's ledger is not available."
    )
    spent_total: Usd | None = Field(
        description="What this key spent in all, reckoned the same way."
    )
    left_today: Usd | None = Field(
        description="What is left for today; null: no limit, or not known."
    )
    left_total: Usd | None = Field(description="What is left in all, in the same way.")


class OwnKey(Frozen):
    """The key that asks, and what it may; null is no limit."""

    id: str = Field(description="The key's id.")
    name: str = Field(description="The key's name.")
    admin: bool = Field(description="Whether it sees the whole account.")
    read_only: bool = Field(description="Whether it buys and changes nothing.")
    suspended: bool = Field(description="Whether it buys nothing for now, and still cancels.")
    long_rentals: bool = Field(description="Whether it buys what tells no price before.")
    services: tuple[str, ...] | None = Field(description="The only services that it may rent.")
    max_price: Usd | None = Field(description="The most that one purchase may cost.")
    max_active: int | None = Field(description="How many rentals may be active at once.")
    max_per_day: int | None = Field(description="How many purchases it may make on a day (UTC).")
    budget_day: Usd | None = Field(description="The most that it may spend on a day (UTC).")
    budget_total: Usd | None = Field(description="The most that it may spend in all.")
    confirm_above: Usd | None = Field(
        description="Above which price a person confirms a purchase over MCP."
    )
    expires_at: Instant | None = Field(description="When it ends.")
    currency: Currency = Field(CURRENCY, description="The currency of every amount here.")

    @classmethod
    def of(cls, key_id: str, name: str, limits: Limits) -> "OwnKey":
        """The key with these limits."""
        fields = {each: getattr(limits, each) for each in cls.model_fields if hasattr(limits, each)}
        services = None if limits.services is None else tuple(sorted(limits.services))
        return cls(**{**fields, "id": key_id, "name": name, "services": services})


class Nothing(Frozen):
    """The input of calls and operations that take none."""


def left(limit: Decimal | None, spent: Decimal | None) -> Decimal | None:
    """The rest of a budget in USD, never below 0; None where it has no limit or is not known."""
    return None if limit is None or spent is None else max(limit - spent, Decimal(0))
