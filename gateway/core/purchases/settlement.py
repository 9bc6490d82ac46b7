"""Settlement of purchases by an operator."""

from decimal import Decimal

from gateway.core.model.callers import TEST_ACCOUNT_ID
from gateway.core.model.long_rentals import LongRental, LongRentalStatus
from gateway.core.model.provider_errors import UpstreamRefused
from gateway.core.model.purchases import (
    AnyRental,
    Outcome,
    Spend,
    SpendState,
    stored_error,
    stored_value,
)
from gateway.core.model.rentals import Rental, RentalStatus


def resolution(spend: Spend, provider_id: int | None, price: Decimal | None) -> Outcome:
    """The outcome as an operator decides it; `provider_id` None: nothing was charged.

    It replaces the stored answer, so that a caller that repeats its request gets the outcome.
    """
    if provider_id is None:
        error = UpstreamRefused("The operator found that the provider did not make this purchase.")
        return Outcome(SpendState.REFUSED, stored_error(error, spend.ledger_id))
    rental = _rental_of(spend, provider_id, spend.reserved if price is None else price)
    return Outcome(SpendState.BOUGHT, stored_value(rental), rental)


def _rental_of(spend: Spend, provider_id: int, price: Decimal | None) -> AnyRental:
    test = spend.account_id == TEST_ACCOUNT_ID
    if spend.kind == "long_rental":
        return LongRental(
            id=provider_id,
            status=LongRentalStatus.ACTIVE,
            price=price,
            reference=spend.reference,
            test=test,
        )
    return Rental(
        id=provider_id,
        ledger_id=spend.ledger_id,
        status=RentalStatus.ACTIVE,
        service_code=spend.service_code,
        codes=(),
        price=price,
        created_at=spend.at,
        reference=spend.reference,
        replaces=spend.replaces,
        test=test,
    )
