"""The provider's request limits: so many arrivals in every window, per account and call."""

from collections import deque

from adapters.simulator.provider.config import InForce, Limits

RENT_CALLS = frozenset({"rent-a-number", "rent-specific-number", "re-rent"})


def allowed(limits: Limits, call: str) -> int | None:
    """How many of these calls fit one window; None for any number."""
    if call in limits.calls:
        return limits.calls[call]
    if call.endswith("-premium"):
        return limits.premium
    return limits.rent if call in RENT_CALLS else limits.other


class Limiter:
    """Remembers arrivals. Every one is judged by those in the window before it."""

    def __init__(self, in_force: InForce) -> None:
        self._in_force = in_force
        self._arrivals: dict[tuple[str, str], deque[float]] = {}
        self.violations: dict[str, dict[str, int]] = {}

    def exceeded(self, account: str, call: str, now: float) -> bool:
        """Notes the arrival; True when it is one too many."""
        limits = self._in_force.config.limits
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
