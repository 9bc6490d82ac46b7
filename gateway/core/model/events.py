"""What happened to rentals: the values that clients of the event stream read."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.core.model.rentals import Rental


class EventKind(StrEnum):
    """What happened: the name of an event in the store and on the event stream."""

    RENTAL_CREATED = "rental.created"
    RENTAL_CODE_RECEIVED = "rental.code_received"
    RENTAL_ENDED = "rental.ended"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a rental. Ids grow in the order in which they can be read."""

    id: int
    kind: EventKind
    at: datetime
    rental: Rental  # as it stood then
