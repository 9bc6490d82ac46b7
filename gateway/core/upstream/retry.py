"""Retries of reads: the policy, and the retry budget of a group of calls."""

from dataclasses import dataclass


class RetryBudget:
    """A retry budget: `share` retries for each first call, saved up to `reserve`."""

    __slots__ = ("_left", "_reserve", "_share")

    def __init__(self, share: float = 0.1, reserve: float = 10.0) -> None:
        """Start with the full reserve."""
        self._share = share
        self._reserve = reserve
        self._left = reserve

    def earn(self) -> None:
        """Credit one first call."""
        if self._left < self._reserve:
            self._left = min(self._reserve, self._left + self._share)

    def spend(self) -> bool:
        """Take one retry; False where the budget is used up."""
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long calls may wait for a permit, and how reads are retried.

    A read's last attempt begins within `read_seconds` of the first. A read is retried at most
    `retries` times, after about `backoff_seconds`, doubled each time. All reads of a group share a
    budget of `retry_share` retries for each call, saved up to `retry_reserve`.
    """

    read_seconds: float = 5.0
    spend_seconds: float = 10.0  # purchases and changes
    retries: int = 2
    backoff_seconds: float = 0.2
    retry_share: float = 0.1
    retry_reserve: float = 10.0
