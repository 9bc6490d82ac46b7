"""Authorization of purchases: the limits of keys, and those of the gateway's operator.

Pure checks, made before anything is written or sent. Each refusal names the limit and who can
change it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from gateway.core.model.callers import Caller, Limits
from gateway.core.model.errors import (
    AlreadyReplaced,
    BudgetExceeded,
    DuplicatePurchase,
    Forbidden,
    GatewayError,
    OutcomeUnknown,
    RequestInProgress,
    ServiceNotAllowed,
)
from gateway.core.model.hindrances import (
    MOST_REPLACEMENTS,
    REPEATED_WITHIN,
    AncestorBreach,
    Breach,
    Duplicate,
    Hindrance,
)
from gateway.core.model.provider_errors import (
    CodeAlreadyReceived,
    PriceTooHigh,
    TooManyActiveRentals,
)
from gateway.core.model.purchases import Intent, SpendState
from gateway.core.model.quote import Quote
from gateway.core.model.settling import settled_with
from gateway.core.model.values import Charged, money_text

_KEY_CHANGES = "Who runs the gateway can change it, by another key."
_REPLACED_COUNTS = (
    "The rental to be replaced counts until it is refunded: cancel it with cancel_rental, and "
    "replace it once it is cancelled."
)
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


def check_buys(limits: Limits | None) -> None:
    """Raise Forbidden for a key that is suspended."""
    if limits is not None and limits.suspended:
        raise Forbidden(
            "This key is suspended: it buys nothing, and still reads and cancels.",
            advice=_KEY_CHANGES,
        )


def needs_price(caller: Caller) -> bool:
    """Whether the limits of a caller, or of those above it, require a quote before a purchase."""
    return any(
        limit is not None
        for limits in limits_on(caller)
        for limit in (limits.max_price, limits.budget_day, limits.budget_total)
    )


def limits_on(caller: Caller) -> Sequence[Limits]:
    """The limits that a caller's purchases count against: its own, and of those above it."""
    own = () if caller.limits is None else (caller.limits,)
    return *own, *(ancestor.limits for ancestor in caller.ancestors)


def check_service(limits: Limits | None, service_code: str | None) -> None:
    """Raise ServiceNotAllowed where the key is limited to other services."""
    if limits is None or limits.services is None:
        return
    if service_code is None or service_code not in limits.services:
        may = ", ".join(sorted(limits.services))
        raise ServiceNotAllowed(advice=f"It may rent for: {may}. {_KEY_CHANGES}")


def check_price(caller: Caller, quote: Quote, asked: Decimal | None) -> Decimal | None:
    """The max_price to send: that of the quote, or the caller's (`asked`) where it is lower.

    Raises Forbidden where a limit needs a price that is not known, and PriceTooHigh where the quote
    is above the key's limit. Without any limits only the operator's budget needs the price.
    """
    limits = caller.limits
    if quote.at_most is None:
        if limits is not None and limits.long_rentals:
            return asked
        raise _price_unknown(caller)
    if limits is not None and limits.max_price is not None and quote.at_most > limits.max_price:
        raise PriceTooHigh(
            f"It may cost up to {money_text(quote.at_most)} USD, above this key's highest price "
            f"of {money_text(limits.max_price)} USD.",
            price_needed=quote.at_most,
            advice=f"Choose a cheaper service, or leave out carrier and area codes. {_KEY_CHANGES}",
        )
    return quote.at_most if asked is None else min(quote.at_most, asked)


def _price_unknown(caller: Caller) -> Forbidden:
    if needs_price(caller):
        return Forbidden(
            "The price of this purchase cannot be known before, and this key has limits.",
            advice="A key made with --long-rentals may do it.",
        )
    return Forbidden(
        "The price of this purchase cannot be known before, and this gateway has a budget for a "
        "day (GATEWAY_BUDGET_DAY).",
        advice=f"A key made with --long-rentals may do it. {_OPERATOR_CHANGES}",
    )


def refusal(breach: Hindrance, intent: Intent) -> GatewayError:
    """The error for what the ledger reports to forbid a purchase."""
    if isinstance(breach, Duplicate):
        return _repeats(breach, intent)
    if isinstance(breach, AncestorBreach):
        return _exceeded_above(breach, intent)
    not_replaceable = _NOT_REPLACEABLE.get(breach)
    return not_replaceable() if not_replaceable else _exceeded(breach, intent)


def _repeats(earlier: Duplicate, intent: Intent) -> DuplicatePurchase:
    minutes = REPEATED_WITHIN // timedelta(minutes=1)
    rental = intent.kind == "rental"
    if earlier.state is SpendState.BOUGHT:
        happened = (
            f"Rental {earlier.rental_id} for the same service was bought within {minutes} minutes "
            "and has no code yet"
            if rental
            else f"The same was bought within {minutes} minutes, for long rental "
            f"{earlier.rental_id}"
        )
        advice = (
            "Go on with that rental: wait_for_code, or replace_rental where no code comes."
            if rental
            else "See list_long_rentals."
        )
    elif earlier.state is SpendState.UNKNOWN:
        happened = f"The same was sent within {minutes} minutes, and its outcome is not known"
        look = "list_rentals" if rental else "list_long_rentals"
        advice = f"Look first at {look}. {settled_with()}"
    else:
        happened = "The same purchase is under way"
        advice = "Wait for its answer."
    return DuplicatePurchase(
        f"{happened}; this one, a second, was not sent.",
        rental_id=earlier.rental_id,
        advice=f"{advice} {DuplicatePurchase.advice}",
    )


def has_code() -> CodeAlreadyReceived:
    """The error of a replacement that is not needed."""
    return CodeAlreadyReceived(
        "The rental already has a code, so it is not replaced.",
        advice="Read the code with get_rental; for another code use rent_again or rent_number.",
    )


def _replacement_open() -> RequestInProgress:
    return RequestInProgress(
        "Another replacement of this rental is under way; this one was not sent.",
        charged=Charged.NO,
        retry_after=1,
        advice="Try again in some seconds, to learn what came of it.",
    )


def _replacement_unknown() -> OutcomeUnknown:
    return OutcomeUnknown(
        "An earlier replacement of this rental was sent and its answer was lost; this one was not "
        "sent.",
        charged=Charged.NO,
        advice="Look at list_rentals: it can be replaced again once that outcome is known.",
    )


def _too_many_replacements() -> BudgetExceeded:
    return BudgetExceeded(
        f"This rental is itself the last of {MOST_REPLACEMENTS} replacements in a row, and there "
        "are no more.",
        advice="The service may refuse such numbers: try other carriers or area codes, or later, "
        "with rent_number.",
    )


_NOT_REPLACEABLE: Mapping[Breach, Callable[[], GatewayError]] = {
    Breach.REPLACED: AlreadyReplaced,
    Breach.REPLACEMENT_OPEN: _replacement_open,
    Breach.REPLACEMENT_UNKNOWN: _replacement_unknown,
    Breach.REPLACEMENTS: _too_many_replacements,
    Breach.CODE_RECEIVED: has_code,
}


def _exceeded(breach: Breach, intent: Intent) -> BudgetExceeded | TooManyActiveRentals:
    limits = intent.limits or Limits()
    counted = f"{_REPLACED_COUNTS} " if intent.replaces else ""
    match breach:
        case Breach.MAX_ACTIVE:
            first = counted or "Cancel or complete a rental first. "
            return TooManyActiveRentals(
                f"This key may have {limits.max_active} active rentals, and has them.",
                advice=first + _KEY_CHANGES,
            )
        case Breach.MAX_PER_DAY:
            made = f"This key may make {limits.max_per_day} purchases a day (UTC), and made them."
            return BudgetExceeded(made, advice=_KEY_CHANGES)
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
                advice=counted + _OPERATOR_CHANGES,
            )
    return BudgetExceeded(happened, advice=counted + _KEY_CHANGES)


def _exceeded_above(
    breach: AncestorBreach, intent: Intent
) -> BudgetExceeded | TooManyActiveRentals:
    limits = breach.ancestor.limits
    nearest = breach.ancestor is intent.ancestors[0]
    whose = "the key that this one was made by" if nearest else "a key above the one that made it"
    counted = f"{_REPLACED_COUNTS} " if intent.replaces else ""
    match breach.limit:
        case Breach.MAX_ACTIVE:
            return TooManyActiveRentals(
                f"{whose.capitalize()} may have {limits.max_active} active rentals, with those of "
                "the keys it made, and has them.",
                advice=(counted or "Cancel or complete a rental first. ") + _KEY_CHANGES,
            )
        case Breach.MAX_PER_DAY:
            return BudgetExceeded(
                f"{whose.capitalize()} may make {limits.max_per_day} purchases a day (UTC), with "
                "those of the keys it made, and made them.",
                advice=_KEY_CHANGES,
            )
        case Breach.BUDGET_DAY:
            budget = f"budget{_of(limits.budget_day)} for today (UTC)"
        case _:
            budget = f"whole budget{_of(limits.budget_total)}"
    happened = f"The purchase would pass the {budget} of {whose}."
    return BudgetExceeded(happened, advice=counted + _KEY_CHANGES)


def _of(budget: Decimal | None) -> str:
    return "" if budget is None else f" of {money_text(budget)} USD"
