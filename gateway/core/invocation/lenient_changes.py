"""Changes as existing tools expect them: what ended by itself the same way is a success, too."""

from collections.abc import Callable

from gateway.core.invocation.invoker import Invoker
from gateway.core.model.provider_errors import RentalEnded
from gateway.core.model.rentals import OneRental, Rental, RentalStatus
from gateway.core.operations.call import Call
from gateway.core.operations.operation import Operation
from gateway.core.operations.rentals import (
    CANCEL_AT_ONCE,
    COMPLETE_RENTAL,
    FINISH_RENTAL,
    GET_RENTAL,
)


async def complete(invoker: Invoker, call: Call, rental_id: int) -> Rental:
    """Complete a rental. Succeeds also for one that ended with a code."""
    return await _end(invoker, call, COMPLETE_RENTAL, rental_id, _has_code)


async def finish(invoker: Invoker, call: Call, rental_id: int) -> Rental:
    """Complete a rental that has a code; cancel one without, now or as soon as it may be.

    Succeeds also for one that ended by itself. One that is to be cancelled later is still active.
    """
    return await _end(
        invoker, call, FINISH_RENTAL, rental_id, lambda ended: _has_code(ended) or _expired(ended)
    )


async def cancel(invoker: Invoker, call: Call, rental_id: int) -> Rental:
    """Cancel a rental now or not at all. Succeeds also for one that expired without a code."""
    return await _end(invoker, call, CANCEL_AT_ONCE, rental_id, _expired)


async def _end(
    invoker: Invoker,
    call: Call,
    op: Operation[OneRental, Rental],
    rental_id: int,
    fits: Callable[[Rental], bool],
) -> Rental:
    """End a rental; `fits` tells whether one that has ended by itself is a success."""
    given = {"rental_id": rental_id}
    try:
        return await invoker.invoke(op, call, given)
    except RentalEnded:
        rental = await invoker.invoke(GET_RENTAL, call, given)
        if not fits(rental):
            raise
        return rental


def _has_code(ended: Rental) -> bool:
    return ended.code is not None


def _expired(ended: Rental) -> bool:
    return ended.status is RentalStatus.EXPIRED
