"""Balance and spending of an account: values and inputs."""

from decimal import Decimal

from pydantic import Field

from gateway.core.model.values import CURRENCY, Currency, Frozen, Usd


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


class Nothing(Frozen):
    """The input of calls and operations that take none."""


def left(limit: Decimal | None, spent: Decimal | None) -> Decimal | None:
    """The rest of a budget in USD, never below 0; None where it has no limit or is not known."""
    return None if limit is None or spent is None else max(limit - spent, Decimal(0))
