"""Changes that may be repeated: what is done already counts as done.

For faces without request ids, whose callers repeat a change when its answer was lost.
"""

from gateway.core.invocation.invoker import Invoker
from gateway.core.model.provider_errors import CodeAlreadyReceived, RentalEnded
from gateway.core.model.rentals import Rental, RentalStatus
from gateway.core.operations.call import Call
from gateway.core.operations.rentals import CANCEL_RENTAL, COMPLETE_RENTAL, GET_RENTAL

_GIVEN_BACK = (RentalStatus.CANCELLED, RentalStatus.EXPIRED)


async def complete(invoker: Invoker, call: Call, rental_id: int) -> Rental:
    """Complete a rental; one that ended with its code, or was completed before, counts as done."""
    given = {"rental_id": rental_id}
    try:
        return await invoker.invoke(COMPLETE_RENTAL, call, given)
    except RentalEnded:
        rental = await invoker.invoke(GET_RENTAL, call, given)
        if rental.status is RentalStatus.COMPLETED or rental.code is not None:
            return rental
        raise


async def cancel(invoker: Invoker, call: Call, rental_id: int) -> Rental:
    """Cancel a rental; one that ended without a code counts as cancelled.

    Raises CodeAlreadyReceived where it ended with one.
    """
    given = {"rental_id": rental_id}
    try:
        return await invoker.invoke(CANCEL_RENTAL, call, given)
    except RentalEnded:
        rental = await invoker.invoke(GET_RENTAL, call, given)
        if rental.code is not None:
            raise CodeAlreadyReceived from None
        if rental.status in _GIVEN_BACK:
            return rental
        raise
