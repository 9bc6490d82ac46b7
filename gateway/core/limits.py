"""What a gateway key may do: pure checks, made before anything is written or sent."""

from decimal import Decimal

from gateway.core.errors import BudgetExceeded, Forbidden, ServiceNotAllowed
from gateway.core.keys import Limits
from gateway.core.ledger import Breach
from gateway.core.operation import AnyOperation, Effect
from gateway.core.provider_errors import PriceTooHigh, TooManyActiveRentals
from gateway.core.quote import Quote
from gateway.core.values import money_text


def needs_price(limits: Limits | None) -> bool:
    """Whether a purchase must be quoted before it is made."""
    return limits is not None and any(
        limit is not None for limit in (limits.max_price, limits.budget_day, limits.budget_total)
    )


def check_effect(limits: Limits | None, op: AnyOperation) -> None:
    """Raises Forbidden where a read-only key asks for more."""
    if limits is not None and limits.read_only and op.effect is not Effect.READ:
        raise Forbidden(f"This key is read-only; {op.name} changes something.")


def check_service(limits: Limits | None, service_code: str | None) -> None:
    """Raises ServiceNotAllowed where the key is limited to other services."""
    if limits is None or limits.services is None:
        return
    if service_code is None or service_code not in limits.services:
        raise ServiceNotAllowed(advice="It may rent for: " + ", ".join(sorted(limits.services)))


def check_price(limits: Limits, quote: Quote, asked: Decimal | None) -> Decimal | None:
    """The highest price this purchase may have: quote, key and caller, the lowest of them.

    Raises Forbidden where the price cannot be known and the key does not allow that, and
    PriceTooHigh where it is above the key's own limit.
    """
    if quote.at_most is None:
        if limits.long_rentals:
            return asked
        raise Forbidden(
            "The price of this purchase cannot be known before, and this key has limits.",
            advice="A key made with --long-rentals may do it.",
        )
    if limits.max_price is not None and quote.at_most > limits.max_price:
        raise PriceTooHigh(
            f"It may cost up to {money_text(quote.at_most)} USD, above this key's highest price "
            f"of {money_text(limits.max_price)} USD.",
            advice="Choose a cheaper service, or leave out carrier and area codes.",
        )
    return quote.at_most if asked is None else min(quote.at_most, asked)


def refusal(breach: Breach) -> BudgetExceeded | TooManyActiveRentals:
    """The error for a limit that the ledger found would be passed."""
    match breach:
        case Breach.MAX_ACTIVE:
            return TooManyActiveRentals("This key has as many active rentals as it may.")
        case Breach.BUDGET_DAY:
            return BudgetExceeded("The purchase would pass this key's budget for today (UTC).")
        case Breach.BUDGET_TOTAL:
            return BudgetExceeded("The purchase would pass this key's whole budget.")
