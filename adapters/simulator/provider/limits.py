"""The provider's rate limits: a sliding window per account and call."""

from collections import deque

from adapters.simulator.provider.config import Limits, LiveConfig

RENT_CALLS = frozenset({"rent-a-number", "rent-specific-number", "re-rent"})


def allowed(limits: Limits, call: str) -> int | None:
    """How many of these calls one window allows; None is no limit."""
    if call in limits.calls:
        return limits.calls[call]
    if call.endswith("-premium"):
        return limits.premium
    return limits.rent if call in RENT_CALLS else limits.other


class Limiter:
    """Sliding windows of arrivals; `violations` counts refused requests by account and call."""

    def __init__(self, live: LiveConfig) -> None:
        self._live = live
        self._arrivals: dict[tuple[str, str], deque[float]] = {}
        self.violations: dict[str, dict[str, int]] = {}

    def exceeded(self, account: str, call: str, now: float) -> bool:
        """Records an arrival; True when it is over the limit."""
        limits = self._live.config.limits
        if not limits.on:
            return False
        most = allowed(limits, call)
        if most is None:
            return False
        arrivals = self._arrivals.setdefault((account, call), deque())
        while arrivals and arrivals[0] <= now - limits.window:
            arrivals.popleft()
        too_many = len(arrivals) >= most
        if not too_many or limits.refusals_count:
            arrivals.append(now)
        if too_many:
            counts = self.violations.setdefault(account, {})
            counts[call] = counts.get(call, 0) + 1
        return too_many
