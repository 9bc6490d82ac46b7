"""What a run of a whole collection must have done, whichever program ran it."""

from collections.abc import Sequence

from adapters.simulator import LongStatus, RentalStatus, Simulator
from scripts.integrations.stand import Result

# The first number, the same again, another, and the one in its place.
BOUGHT = 4


def outcome(simulator: Simulator, bodies: Sequence[bytes]) -> list[Result]:
    """Rented and completed with a code, replaced, cancelled, and the webhook heard of a test."""
    simulator.tick()
    sold = list(simulator.books.rentals.values())
    ended = [rental.status for rental in sold]
    longs = [rental.status for rental in simulator.books.long_rentals.values()]
    done = [rental for rental in sold if rental.status is RentalStatus.COMPLETED and rental.code]
    return [
        _due("four numbers are bought", len(sold) == BOUGHT, ended),
        _due("one got its code and was completed", len(done) == 1, ended),
        _due("two were cancelled", ended.count(RentalStatus.CANCELLED) == 2, ended),
        _due("a long rental was bought and cancelled", longs == [LongStatus.CANCELLED], longs),
        _due("a test was delivered", any(b"webhook.test" in body for body in bodies), bodies),
    ]


def repeated(simulator: Simulator, bought: int) -> Result:
    """Nothing was bought besides."""
    sold = len(simulator.books.rentals)
    return _due("a purchase that is sent again buys nothing", sold == bought, sold)


def _due(name: str, well: bool, seen: object) -> Result:
    return Result(name, None if well else f"There was: {seen}")
