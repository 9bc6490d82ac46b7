"""Events of rentals, as clients of the event stream receive them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.core.model.rentals import Rental


class EventKind(StrEnum):
    """The type of an event, as stored and as sent on the event stream."""

    RENTAL_CREATED = "rental.created"
    RENTAL_CODE_RECEIVED = "rental.code_received"
    RENTAL_ENDED = "rental.ended"


@dataclass(frozen=True, slots=True)
class Event:
    """A change of a rental. Ids increase in the order in which events become readable."""

    id: int
    kind: EventKind
    at: datetime
    rental: Rental  # its state at that moment
