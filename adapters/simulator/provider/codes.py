"""Which code comes, and how long after the rent."""

import random
from collections import deque

from adapters.simulator.provider.config import InForce
from adapters.simulator.provider.records import Account


class Codes:
    """Six digits, every fourth time with a leading zero, unless a code was scripted."""

    def __init__(self, in_force: InForce, seed: int) -> None:
        self._in_force = in_force
        self._rng = random.Random(seed)  # noqa: S311 - nobody is protected by these codes
        self._made = 0
        self._scripted: dict[str, deque[str]] = {}

    def script(self, service: str, code: str) -> None:
        """Makes this the next code to come for the service, after those scripted before."""
        self._scripted.setdefault(service, deque()).append(code)

    def next(self, service: str) -> str:
        """The code that comes now."""
        scripted = self._scripted.get(service)
        if scripted:
            return scripted.popleft()
        self._made += 1
        highest = 99_999 if self._made % 4 == 0 else 999_999
        return f"{self._rng.randint(0, highest):06d}"

    def delay(self, account: Account, service: str) -> float:
        """Seconds until the first code: the account's word, then the service's, then the rules'."""
        rules = self._in_force.rules
        if account.config.code_after is not None:
            return account.config.code_after
        return rules.service_code_after.get(service, rules.code_after)
