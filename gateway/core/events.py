"""What happened to rentals, for those who listen: the value, and the port it is read from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from gateway.core.ledger import View
from gateway.core.rentals import Rental


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


class Events(Protocol):
    """Events are written together with what they tell of, so none is lost."""

    async def events(self, view: View, after: int, limit: int) -> Sequence[Event]:
        """The view's events with a greater id, oldest first."""

    async def last_event(self) -> int:
        """The greatest id there is; 0 where there is none."""
