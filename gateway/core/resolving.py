"""How an operator's word settles a purchase whose outcome was unknown."""

from decimal import Decimal

from gateway.core.kept_answers import keep_error, keep_value
from gateway.core.ledger import Outcome, Spend, SpendState, Thing
from gateway.core.long_rentals import OPERATIONS as LONG_OPERATIONS
from gateway.core.long_rentals import LongRental, LongRentalStatus
from gateway.core.operation import AnyOperation
from gateway.core.provider_errors import UpstreamRefused
from gateway.core.rentals import Rental, RentalStatus
from gateway.core.renting import OPERATIONS

_BY_NAME: dict[str, AnyOperation] = {op.name: op for op in (*OPERATIONS, *LONG_OPERATIONS)}


def resolution(spend: Spend, provider_id: int | None, price: Decimal | None) -> Outcome:
    """The outcome as told: `provider_id` None means that nothing was charged.

    The answer kept under the request id is replaced, so that a caller that repeats its request
    learns what became of it.
    """
    if provider_id is None:
        error = UpstreamRefused("The operator found that the provider did not make this purchase.")
        return Outcome(SpendState.REFUSED, keep_error(error, spend.ledger_id))
    thing = _thing(spend, provider_id, spend.reserved if price is None else price)
    return Outcome(SpendState.BOUGHT, keep_value(_BY_NAME[spend.operation], thing), thing)


def _thing(spend: Spend, provider_id: int, price: Decimal | None) -> Thing:
    if spend.kind == "long_rental":
        return LongRental(id=provider_id, status=LongRentalStatus.ACTIVE, price=price)
    return Rental(
        id=provider_id,
        ledger_id=spend.ledger_id,
        status=RentalStatus.ACTIVE,
        service_code=spend.service_code,
        price=price,
        created_at=spend.at,
    )
