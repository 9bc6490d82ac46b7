"""Authorization of purchases: the limits of keys, and those of the gateway's operator.

Pure checks, made before anything is written or sent. Each refusal names the limit and who can
change it.
"""

from dataclasses import dataclass
from decimal import Decimal

from gateway.core.model.callers import Limits
from gateway.core.model.errors import BudgetExceeded, Forbidden, ServiceNotAllowed
from gateway.core.model.provider_errors import PriceTooHigh, TooManyActiveRentals
from gateway.core.model.purchases import Breach, Intent
from gateway.core.model.quote import Quote
from gateway.core.model.values import money_text

_KEY_CHANGES = "Who runs the gateway can change it, by another key."
_OPERATOR_CHANGES = "Only who runs the gateway can change that."


@dataclass(frozen=True, slots=True)
class OperatorLimits:
    """The operator's limits, for all callers.

    `budget_day`: USD for all purchases of the server's own account on one UTC day.
    `blocked_services`: services that are never rented.
    """

    own_account: str | None = None
    budget_day: Decimal | None = None
    blocked_services: frozenset[str] = frozenset()

    def budget_of(self, account_id: str) -> Decimal | None:
        """USD that all callers of this account may spend a day; None: no limit."""
        return self.budget_day if account_id == self.own_account else None

    def check_service(self, service_code: str | None) -> None:
        """Raise ServiceNotAllowed for a blocked service, or an unknown one where any is blocked.

        Case is ignored, since it is not known whether the provider ignores it.
        """
        if not self.blocked_services:
            return
        if service_code is None:
            raise ServiceNotAllowed(
                "The service of this rental is not known, and this gateway does not rent for every "
                "service (GATEWAY_BLOCKED_SERVICES).",
                advice=_OPERATOR_CHANGES,
            )
        if service_code.strip().casefold() in {one.casefold() for one in self.blocked_services}:
            raise ServiceNotAllowed(
                "This gateway does not rent numbers for that service (GATEWAY_BLOCKED_SERVICES).",
                advice=_OPERATOR_CHANGES,
            )


def needs_price(limits: Limits | None) -> bool:
    """Whether the limits require a quote before the purchase."""
    return limits is not None and any(
        limit is not None for limit in (limits.max_price, limits.budget_day, limits.budget_total)
    )


def check_service(limits: Limits | None, service_code: str | None) -> None:
    """Raise ServiceNotAllowed where the key is limited to other services."""
    if limits is None or limits.services is None:
        return
    if service_code is None or service_code not in limits.services:
        may = ", ".join(sorted(limits.services))
        raise ServiceNotAllowed(advice=f"It may rent for: {may}. {_KEY_CHANGES}")


def check_price(limits: Limits | None, quote: Quote, asked: Decimal | None) -> Decimal | None:
    """The max_price to send: that of the quote, or the caller's (`asked`) where it is lower.

    Raises Forbidden where a limit needs a price that is not known, and PriceTooHigh where the quote
    is above the key's limit. `limits` None: only the operator's budget needs the price.
    """
    if quote.at_most is None:
        if limits is not None and limits.long_rentals:
            return asked
        raise _price_unknown(limits)
    if limits is not None and limits.max_price is not None and quote.at_most > limits.max_price:
        raise PriceTooHigh(
            f"It may cost up to {money_text(quote.at_most)} USD, above this key's highest price "
            f"of {money_text(limits.max_price)} USD.",
            price_needed=quote.at_most,
            advice=f"Choose a cheaper service, or leave out carrier and area codes. {_KEY_CHANGES}",
        )
    return quote.at_most if asked is None else min(quote.at_most, asked)


def _price_unknown(limits: Limits | None) -> Forbidden:
    if needs_price(limits):
        return Forbidden(
            "The price of this purchase cannot be known before, and this key has limits.",
            advice="A key made with --long-rentals may do it.",
        )
    return Forbidden(
        "The price of this purchase cannot be known before, and this gateway has a budget for a "
        "day (GATEWAY_BUDGET_DAY).",
        advice=f"A key made with --long-rentals may do it. {_OPERATOR_CHANGES}",
    )


def refusal(breach: Breach, intent: Intent) -> BudgetExceeded | TooManyActiveRentals:
    """The error for a limit that the ledger reports as exceeded."""
    limits = intent.limits or Limits()
    match breach:
        case Breach.MAX_ACTIVE:
            return TooManyActiveRentals(
                f"This key may have {limits.max_active} active rentals, and has them.",
                advice=f"Cancel or complete a rental first. {_KEY_CHANGES}",
            )
        case Breach.MAX_PER_DAY:
            happened = (
                f"This key may make {limits.max_per_day} purchases a day (UTC), and made them."
            )
        case Breach.BUDGET_DAY:
            most = _of(limits.budget_day)
            happened = f"The purchase would pass this key's budget{most} for today (UTC)."
        case Breach.BUDGET_TOTAL:
            happened = f"The purchase would pass this key's whole budget{_of(limits.budget_total)}."
        case Breach.ACCOUNT_BUDGET_DAY:
            most = _of(intent.account_budget_day)
            return BudgetExceeded(
                f"The purchase would pass this gateway's budget{most} for today (UTC), which all "
                "keys share (GATEWAY_BUDGET_DAY).",
                advice=_OPERATOR_CHANGES,
            )
    return BudgetExceeded(happened, advice=_KEY_CHANGES)


def _of(budget: Decimal | None) -> str:
    return "" if budget is None else f" of {money_text(budget)} USD"
