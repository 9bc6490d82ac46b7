"""Changes as existing tools expect them: what ended by itself the same way is a success, too."""

from gateway.core.invocation.invoker import Invoker
from gateway.core.model.provider_errors import RentalEnded
from gateway.core.model.rentals import Rental, RentalStatus
from gateway.core.operations.call import Call
from gateway.core.operations.rentals import (
    CANCEL_AT_ONCE,
    COMPLETE_RENTAL,
    FINISH_RENTAL,
    GET_RENTAL,
)


async def complete(invoker: Invoker, call: Call, rental_id: int) -> Rental:
    """Complete a rental. Succeeds also for one that ended with a code."""
    given = {"rental_id": rental_id}
    try:
        return await invoker.invoke(COMPLETE_RENTAL, call, given)
    except RentalEnded:
        rental = await invoker.invoke(GET_RENTAL, call, given)
        if rental.code is None:
            raise
        return rental


async def finish(invoker: Invoker, call: Call, rental_id: int) -> Rental:
    """Complete a rental that has a code; cancel one without, now or as soon as it may be.

    Succeeds also for one that ended by itself. One that is to be cancelled later is still active.
    """
    given = {"rental_id": rental_id}
    try:
        return await invoker.invoke(FINISH_RENTAL, call, given)
    except RentalEnded:
        rental = await invoker.invoke(GET_RENTAL, call, given)
        if rental.code is None and rental.status is not RentalStatus.EXPIRED:
            raise
        return rental


async def cancel(invoker: Invoker, call: Call, rental_id: int) -> Rental:
    """Cancel a rental now or not at all. Succeeds also for one that expired without a code."""
    given = {"rental_id": rental_id}
    try:
        return await invoker.invoke(CANCEL_AT_ONCE, call, given)
    except RentalEnded:
        rental = await invoker.invoke(GET_RENTAL, call, given)
        if rental.status is not RentalStatus.EXPIRED:
            raise
        return rental
