"""The account's money: the value, and the operation that reads it."""

from pydantic import Field

from gateway.core.desk import Desk
from gateway.core.operation import Effect, Operation, Rest
from gateway.core.values import CURRENCY, Currency, Frozen, Usd


class Balance(Frozen):
    """What the account holds at the provider."""

    balance: Usd = Field(description="The account's balance at the provider.")
    currency: Currency = Field(CURRENCY, description="The currency of every amount here.")


class Nothing(Frozen):
    """No input."""


async def _get_balance(desk: Desk, asked: Nothing) -> Balance:
    return await desk.ask(lambda provider: provider.get_balance())


GET_BALANCE = Operation(
    name="get_balance",
    summary="Read the account's balance",
    description="Answers the balance of the account at the provider, in US dollars.",
    takes=Nothing,
    gives=Balance,
    effect=Effect.READ,
    rest=Rest("GET", "/v1/balance"),
    run=_get_balance,
    toolset="account",
)

OPERATIONS = (GET_BALANCE,)
