"""What the ledger refuses for its content: the rest is written without the offending field."""

from collections.abc import Iterator
from dataclasses import replace

from gateway.core.model.errors import LedgerUnavailable
from gateway.core.model.purchases import AnyRental, Outcome
from gateway.core.ports.clock import Clock
from gateway.core.ports.ledger import Ledger
from gateway.core.ports.observer import Observer

_ALWAYS_STORABLE = frozenset({"id", "ledger_id", "status", "currency"})


async def write_end(
    ledger: Ledger, ledger_id: str, outcome: Outcome, clock: Clock, observer: Observer
) -> None:
    """Settle a purchase; what the ledger cannot hold is left out. Raises LedgerUnavailable."""
    refused: Exception | None = None
    for left_out, storable in _storable_outcomes(outcome):
        try:
            await ledger.settle(ledger_id, storable, clock.now())
        except LedgerUnavailable:
            raise
        except Exception as fault:  # for its content, of which one field may be left out
            refused = refused or fault
        else:
            if refused is not None:
                observer.content_refused(ledger_id, left_out, refused)
            return
    if refused is not None:
        observer.content_refused(ledger_id, "the end", refused)


def without_each(rental: AnyRental) -> Iterator[tuple[str, AnyRental]]:
    """A rental without one of its fields, for each of them, then without all: (name, rental)."""
    given = [
        name
        for name, value in rental
        if value is not None and name not in _ALWAYS_STORABLE and not isinstance(value, bool)
    ]
    for name in given:
        yield name, rental.model_copy(update={name: None})
    yield "all that may be", rental.model_copy(update=dict.fromkeys(given))


def _storable_outcomes(outcome: Outcome) -> Iterator[tuple[str, Outcome]]:
    """The outcome, then without what may be refused in it: (what is left out, outcome)."""
    yield "", outcome
    if outcome.bought is not None:
        for name, rental in without_each(outcome.bought):
            yield name, replace(outcome, bought=rental)
    yield "the answer and what was bought", Outcome(outcome.state)
