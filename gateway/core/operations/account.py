"""The operation that reads balance and spending."""

from contextlib import suppress

from gateway.core.model.account import BalanceAndSpending, Nothing, left
from gateway.core.model.callers import Limits
from gateway.core.model.errors import LedgerUnavailable
from gateway.core.model.upstream_call import Effect
from gateway.core.operations.context import Context
from gateway.core.operations.operation import Operation, Rest
from gateway.core.upstream.calls import BALANCE


async def _get_balance(context: Context, asked: Nothing) -> BalanceAndSpending:
    services = context.services
    held = await context.upstream.ask(BALANCE, asked)
    today = total = None
    with suppress(LedgerUnavailable):  # the provider's answer is worth having without them
        today, total = await services.ledger.spending(context.caller.id, services.clock.now())
    limits = context.caller.limits or Limits()
    return BalanceAndSpending(
        balance=held.balance,
        currency=held.currency,
        spent_today=today,
        spent_total=total,
        left_today=left(limits.budget_day, today),
        left_total=left(limits.budget_total, total),
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
    calls=(BALANCE,),
)

OPERATIONS = (GET_BALANCE,)
