"""For how long after a rent the provider refuses to cancel: by its words, or by what was seen."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf

from cachetools import LRUCache

from gateway.core.model.provider_errors import CancelTooEarly
from gateway.core.model.rentals import Rental

_ACCOUNTS = 1000
_EVERY = timedelta(seconds=30)
_BELIEVED = timedelta(minutes=10)
_CLOSE = 45.0  # seconds between a refusal and a success that tell the lock: a try, and its way
_MARGIN = timedelta(seconds=1)


@dataclass(slots=True)
class _Seen:
    """Ages in seconds: the highest that was refused, and the lowest that was not."""

    refused: float = 0.0
    done: float = inf


class CancelLocks:
    """The lock of each account. A refusal at an age proves that it is longer, a success the rest.

    What contradicts what was seen before takes its place: the provider has changed the lock.
    """

    def __init__(self) -> None:
        self._seen: LRUCache[str, _Seen] = LRUCache(_ACCOUNTS)

    def refused(self, account_id: str, rental: Rental | None, at: datetime) -> None:
        """A cancel that was sent then came too early."""
        if rental is None or rental.created_at is None:
            return
        age, seen = (at - rental.created_at).total_seconds(), self._of(account_id)
        seen.refused = max(seen.refused, age)
        if age >= seen.done:
            seen.done = inf

    def done(self, account_id: str, rental: Rental | None, at: datetime) -> None:
        """A cancel was answered then, and had been made."""
        if rental is None or rental.created_at is None:
            return
        age, seen = (at - rental.created_at).total_seconds(), self._of(account_id)
        seen.done = min(seen.done, age)
        if age <= seen.refused:
            seen.refused, seen.done = 0.0, age

    def end(self, account_id: str, rental: Rental) -> datetime | None:
        """When the lock of a rental ends; None where that was not learned."""
        seen = self._seen.get(account_id)
        if seen is None or rental.created_at is None or seen.done - seen.refused > _CLOSE:
            return None
        return rental.created_at + timedelta(seconds=seen.done) + _MARGIN

    def next_try(
        self, account_id: str, rental: Rental, refusal: CancelTooEarly, now: datetime
    ) -> tuple[datetime, datetime | None]:
        """When to try again after a refusal, and from when the provider allows it, where known."""
        told = _told(rental, refusal, now)
        if told is not None:
            return min(told, now + _BELIEVED), told if told <= now + _BELIEVED else None
        learned = self.end(account_id, rental)
        if learned is not None and learned > now:
            return learned, learned
        return now + _EVERY, None

    def _of(self, account_id: str) -> _Seen:
        seen = self._seen.get(account_id)
        if seen is None:
            seen = self._seen[account_id] = _Seen()
        return seen


def _told(rental: Rental, refusal: CancelTooEarly, now: datetime) -> datetime | None:
    """By the provider's words, which count from the rent, from now on, or do not say from when."""
    if refusal.lock is None:
        return None
    seconds = timedelta(seconds=refusal.lock.seconds)
    if refusal.lock.more or rental.created_at is None:
        return now + seconds
    since_rent = rental.created_at + seconds + _MARGIN
    if since_rent > now:
        return since_rent
    # Refused later than that: it told what is left, or only just misses it by its own clock.
    return now + seconds if now - since_rent >= _EVERY else None
