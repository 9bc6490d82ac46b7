"""The account's money: the value, and the operation that reads it."""

from decimal import Decimal

from pydantic import Field

from gateway.core.desk import Desk
from gateway.core.keys import Limits
from gateway.core.operation import Effect, Operation, Rest
from gateway.core.upstream import BALANCE
from gateway.core.values import CURRENCY, Currency, Frozen, Usd


class Balance(Frozen):
    """What the account holds at the provider."""

    balance: Usd = Field(description="The account's balance at the provider.")
    currency: Currency = Field(CURRENCY, description="The currency of every amount here.")


class BalanceAndSpending(Balance):
    """What the account holds, and what this key has spent."""

    spent_today: Usd = Field(
        description="What this key spent today (UTC), refunds taken off, reservations included."
    )
    spent_total: Usd = Field(description="What this key spent in all, reckoned the same way.")
    left_today: Usd | None = Field(description="What is left for today; null: no limit.")
    left_total: Usd | None = Field(description="What is left in all; null: no limit.")


class Nothing(Frozen):
    """No input."""


def left(limit: Decimal | None, spent: Decimal) -> Decimal | None:
    """What is left of a budget; None where there is no limit."""
    return None if limit is None else max(limit - spent, Decimal(0))


async def _get_balance(desk: Desk, asked: Nothing) -> BalanceAndSpending:
    held = await desk.ask(BALANCE, lambda provider: provider.get_balance())
    spent = await desk.helpers.records.spending(desk.caller.id)
    limits = desk.caller.limits or Limits()
    return BalanceAndSpending(
        balance=held.balance,
        currency=held.currency,
        spent_today=spent.today,
        spent_total=spent.total,
        left_today=left(limits.budget_day, spent.today),
        left_total=left(limits.budget_total, spent.total),
    )


GET_BALANCE = Operation(
    name="get_balance",
    summary="Read the account's balance and this key's spending",
    description=(
        "Answers the account's balance at the provider, and what this key has spent and may still "
        "spend, in US dollars."
    ),
    takes=Nothing,
    gives=BalanceAndSpending,
    effect=Effect.READ,
    rest=Rest("GET", "/v1/balance"),
    run=_get_balance,
    toolset="account",
)

OPERATIONS = (GET_BALANCE,)
