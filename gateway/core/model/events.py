"""What happened to rentals, for those who listen: the value, and the port it is read from."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.core.model.rentals import Rental


class EventKind(StrEnum):
    """What happened."""

    RENTAL_RENTED = "rental_rented"
    CODE_RECEIVED = "code_received"
    RENTAL_ENDED = "rental_ended"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a rental. Ids grow in the order in which they can be read."""

    id: int
    kind: EventKind
    at: datetime
    rental: Rental  # as it stood then
