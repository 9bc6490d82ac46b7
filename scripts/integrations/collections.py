"""How a collection is run, by whichever program, and what a run of the whole must have done."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from adapters.simulator import LongStatus, RentalStatus, Simulator
from scripts.integrations.receiver import receiving
from scripts.integrations.stand import Result, Stand
from scripts.kits.requests import ANOTHER

# The first number, the same again, another, and the one in its place.
BOUGHT = 4


async def played(
    stand: Stand, command: Sequence[str | Path], whole: Sequence[str], purchase: Sequence[str]
) -> list[Result]:
    """Every request once, in order; then the purchase alone, again with the same request id.

    `whole` and `purchase` are the words behind `command` for all requests, and for the purchase.
    """
    _silence(stand.simulator)
    async with receiving() as (url, bodies):
        told = [*command, *_variables(stand, url)]
        results = [await _run(stand, "every request is answered as it says", *told, *whole)]
        results += _outcome(stand.simulator, bodies)
    for name in ("a purchase alone is answered", "and again"):
        results.append(await _run(stand, name, *told, *purchase))
    sold = len(stand.simulator.books.rentals)
    return [*results, _due("a purchase that is sent again buys nothing", sold == BOUGHT, sold)]


def _variables(stand: Stand, webhook: str) -> Iterator[str]:
    given = {"baseUrl": stand.url, "apiKey": stand.key, "webhookUrl": webhook, "requestId": "kits"}
    for name, value in given.items():
        yield from ("--env-var", f"{name}={value}")


async def _run(stand: Stand, name: str, *command: str | Path) -> Result:
    code, printed = await stand.run(*command)
    return Result(name, printed[-4000:] if code else None)


def _outcome(simulator: Simulator, bodies: Sequence[bytes]) -> list[Result]:
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


def _silence(simulator: Simulator) -> None:
    """Let no code come to the number that is to be replaced and cancelled."""
    simulator.change(service_code_after={ANOTHER["service_code"]: "never"})


def _due(name: str, well: bool, seen: object) -> Result:
    return Result(name, None if well else f"There was: {seen}")
