"""How long to wait after tries that failed: longer each time, for a rental and for its account."""

from cachetools import LRUCache

from gateway.core.ports.clock import Clock

_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 30.0  # seconds
_RENTALS, _ACCOUNTS = 10_000, 1000
_Key = tuple[str, int]


class Setbacks:
    """Counts failures in a row. While an account rests, nothing of it is tried."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rentals: LRUCache[_Key, int] = LRUCache(_RENTALS)
        # How often in a row, and until when it rests.
        self._accounts: LRUCache[str, tuple[int, float]] = LRUCache(_ACCOUNTS)

    def of_rental(self, key: _Key, at_least: float) -> float:
        """A try of a rental failed: the seconds until the next one."""
        failures = self._rentals[key] = self._rentals.get(key, 0) + 1
        return max(at_least, _pause(failures))

    def of_account(self, account_id: str, at_least: float) -> float:
        """The provider did not serve an account: the seconds for which it rests."""
        now = self._clock.monotonic()
        failures, until = self._accounts.get(account_id, (0, 0.0))
        if now >= until:  # else it is one of several tries under way
            failures += 1
        pause = max(at_least, _pause(failures))
        self._accounts[account_id] = failures, max(until, now + pause)
        return pause

    def rests(self, account_id: str) -> float:
        """For how many seconds an account still rests."""
        _, until = self._accounts.get(account_id, (0, 0.0))
        return max(0.0, until - self._clock.monotonic())

    def answered(self, key: _Key) -> None:
        """The provider answered a try."""
        self._rentals.pop(key, None)
        self._accounts.pop(key[0], None)


def _pause(failures: int) -> float:
    return float(min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** (min(failures, 10) - 1)))
