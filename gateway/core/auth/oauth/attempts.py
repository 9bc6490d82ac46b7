"""How often an address may fail at what anybody may try."""

from cachetools import TTLCache

from gateway.core.model.errors import RateLimited
from gateway.core.ports.clock import Clock

_MOST_ADDRESSES = 10_000


class Attempts:
    """Counts the attempts of each address, on this node."""

    def __init__(self, most: int, seconds: float, clock: Clock) -> None:
        """At most so many in as many seconds, from the first of them on."""
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._made: TTLCache[str, list[float]] = TTLCache(
            _MOST_ADDRESSES, seconds, timer=clock.monotonic
        )

    def check(self, address: str) -> None:
        """Raise RateLimited where the address has made as many as it may."""
        made = self._made.get(address, [])
        if len(made) >= self._most:
            left = made[0] + self._seconds - self._clock.monotonic()
            raise RateLimited("Too many attempts from this address.", retry_after=max(1.0, left))

    def count(self, address: str) -> None:
        """Count one more."""
        now = self._clock.monotonic()
        if address in self._made:
            self._made[address].append(now)  # changed in place: it expires with the first
        else:
            self._made[address] = [now]

    def take_back(self, address: str) -> None:
        """Count one less: it turned out to be no failure."""
        if made := self._made.get(address):
            made.pop()
            if not made:
                del self._made[address]
