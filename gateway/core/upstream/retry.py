"""How reads are repeated: the policy, and the budget that all reads of a group share."""

from dataclasses import dataclass


class RetryBudget:
    """So many repeated calls: `share` of the first ones, and `reserve` in a row at most."""

    __slots__ = ("_left", "_reserve", "_share")

    def __init__(self, share: float = 0.1, reserve: float = 10.0) -> None:
        """Start with the whole reserve."""
        self._share = share
        self._reserve = reserve
        self._left = reserve

    def earn(self) -> None:
        """A first call was made."""
        if self._left < self._reserve:
            self._left = min(self._reserve, self._left + self._share)

    def spend(self) -> bool:
        """Take one repeated call; False where there is none left."""
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long calls may wait for their turn, and how reads are repeated.

    A read's last try begins within `read_seconds` of the first. A read is repeated `retries` times
    at most, after about `backoff_seconds`, then twice that; all reads of a group together repeat
    `retry_share` of their calls, and `retry_reserve` besides.
    """

    read_seconds: float = 5.0
    spend_seconds: float = 10.0  # purchases and changes
    retries: int = 2
    backoff_seconds: float = 0.2
    retry_share: float = 0.1
    retry_reserve: float = 10.0
