"""Compares what the provider reports of a rental with what is known."""

from gateway.core.model.purchases import AnyRental
from gateway.core.model.rentals import OVER, Rental


def without_balance(rental: AnyRental) -> AnyRental:
    """A copy without the balance, which belongs to the account."""
    return rental.model_copy(update={"balance": None}) if isinstance(rental, Rental) else rental


def equal(stored: AnyRental, rental: AnyRental) -> bool:
    """Whether a rental equals a stored one, balance ignored; saves copying it without balance."""
    if not isinstance(rental, Rental):
        return stored == rental
    return type(stored) is Rental and stored.__dict__ == {**rental.__dict__, "balance": None}


def shows_code(merged: AnyRental, rental: AnyRental) -> bool:
    """Whether the code as reported is the newest; else it may be an older one that came again."""
    if not (isinstance(merged, Rental) and isinstance(rental, Rental)):
        return True
    return rental.code in (None, merged.code)


def is_outdated(known: AnyRental, rental: AnyRental) -> bool:
    """Whether it is an older state that arrived after the end, which is final, without a code."""
    if not (isinstance(known, Rental) and isinstance(rental, Rental)):
        return False
    ended = known.status in OVER and rental.status not in OVER
    return ended and rental.code in (None, known.code)
