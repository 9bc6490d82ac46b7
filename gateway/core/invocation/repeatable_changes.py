"""Idempotent changes: a change that was made before succeeds again.

For faces without request ids, whose clients repeat a change when its response was lost.
"""

from gateway.core.invocation.invoker import Invoker
from gateway.core.model.provider_errors import CodeAlreadyReceived, RentalEnded
from gateway.core.model.rentals import Rental, RentalStatus
from gateway.core.operations.call import Call
from gateway.core.operations.rentals import CANCEL_RENTAL, COMPLETE_RENTAL, GET_RENTAL

_ENDED_WITHOUT_CODE = (RentalStatus.CANCELLED, RentalStatus.EXPIRED)


async def complete(invoker: Invoker, call: Call, rental_id: int) -> Rental:
    """Complete a rental. Succeeds for one that was completed before or ended with a code."""
    given = {"rental_id": rental_id}
    try:
        return await invoker.invoke(COMPLETE_RENTAL, call, given)
    except RentalEnded:
        rental = await invoker.invoke(GET_RENTAL, call, given)
        if rental.status is RentalStatus.COMPLETED or rental.code is not None:
            return rental
        raise


async def cancel(invoker: Invoker, call: Call, rental_id: int) -> Rental:
    """Cancel a rental. Succeeds for one that ended before without a code.

    Raises CodeAlreadyReceived where it ended with a code.
    """
    given = {"rental_id": rental_id}
    try:
        return await invoker.invoke(CANCEL_RENTAL, call, given)
    except RentalEnded:
        rental = await invoker.invoke(GET_RENTAL, call, given)
        if rental.code is not None:
            raise CodeAlreadyReceived from None
        if rental.status in _ENDED_WITHOUT_CODE:
            return rental
        raise
