"""The refusals of purchases that no person confirmed: the price, and what would allow it."""

from collections.abc import Mapping
from decimal import Decimal

from gateway.core.model.callers import Caller
from gateway.core.model.values import money_text
from mcp_server.calls.confirmation import Verdict
from mcp_server.tools.errors import ConfirmationRequired, NotConfirmed

_NEW_KEY = "getatext-gateway keys create --confirm-above"
_HAPPENED: Mapping[Verdict, str] = {
    Verdict.DECLINED: (
        "The purchase at {cost} was declined: by the user, or by the client itself without asking "
        "anybody."
    ),
    Verdict.REFUSED: "The person who was asked did not confirm the purchase at {cost}.",
    Verdict.UNANSWERED: "Nobody answered in time whether to buy it at {cost}.",
}


def confirmation_required(caller: Caller, price: Decimal | None) -> ConfirmationRequired:
    """Nobody could be asked; `price` in USD, None where it is not known."""
    allow = (
        "It can be allowed by setting GATEWAY_MCP_UNCONFIRMED=allow for this MCP server."
        if price is None
        else f"{_threshold(caller, price)} Or choose what costs less."
    )
    return ConfirmationRequired(
        f"A person has to confirm a purchase at {_cost(price)}, and nobody could be asked: this "
        "client cannot ask, or answered by itself.",
        advice=allow,
    )


def not_confirmed(verdict: Verdict, caller: Caller, price: Decimal | None) -> NotConfirmed:
    """A question was answered, or left, without a yes."""
    allow = (
        "A price not known before is always asked about, whatever --confirm-above a key has: it "
        "needs a client that asks the user."
        if price is None
        else f"What is asked about can be changed. {_threshold(caller, price)}"
    )
    return NotConfirmed(
        _HAPPENED[verdict].format(cost=_cost(price)), advice=f"{NotConfirmed.advice} {allow}"
    )


def _threshold(caller: Caller, price: Decimal) -> str:
    """Who may raise the price above which a person confirms, and how."""
    amount = money_text(price)
    if caller.pass_through:
        return (
            f"The user can set GATEWAY_MCP_CONFIRM_ABOVE={amount} for this MCP server, or use a "
            f"key made with `{_NEW_KEY} {amount}`."
        )
    return f"Who runs the gateway can make another key: `{_NEW_KEY} {amount}`."


def _cost(price: Decimal | None) -> str:
    return "a price not known before" if price is None else f"{money_text(price)} USD"
