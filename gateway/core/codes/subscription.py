"""Which rentals somebody waits for who listens to everything: those that may still bring a code."""

from datetime import datetime

from gateway.core.model.errors import GatewayError
from gateway.core.model.rentals import Rental, RentalStatus
from gateway.core.operations.context import Context

_MOST = 1000


async def awaited(context: Context, now: datetime) -> list[Rental]:
    """The caller's rentals that may bring a code, newest first.

    Of those that had one, only what has not ended by its own time is asked about from here on:
    nobody has looked at them since, so the provider's word of their end may be missing.
    """
    active = await _standing(context, RentalStatus.ACTIVE)
    had_one = await _standing(context, RentalStatus.CODE_RECEIVED)
    going_on = [each for each in had_one if each.ends_at is not None and each.ends_at > now]
    return active + [rental for rental in going_on if await another_may_come(context, rental)]


async def another_may_come(context: Context, rental: Rental) -> bool:
    """Whether its service sends more than one code; yes where no price list can be had."""
    book = context.services.price_cache
    try:
        prices = book.known(context.caller.account.id) or await book.current(context)
    except GatewayError:
        return True
    found = (each for each in prices if each.service_code == rental.service_code)
    return next((each.multiple_sms for each in found), True)


async def _standing(context: Context, status: RentalStatus) -> list[Rental]:
    found = await context.services.repository.list_rentals(
        context.view, status=status, service_code=None, limit=_MOST, before=None
    )
    return [rental for rental in found if rental.id is not None]
