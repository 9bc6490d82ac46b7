"""The codes that rentals receive, how long after the rent, and which numbers stay silent."""

import random
from collections import deque

from adapters.simulator.provider.config import LiveConfig
from adapters.simulator.provider.records import Account

_HUNDRED = 100


class Codes:
    """Makes codes of six digits, every fourth with a leading zero; scripted codes go first."""

    def __init__(self, live: LiveConfig, seed: int) -> None:
        self._live = live
        self._rng = random.Random(seed)  # noqa: S311 - these codes protect nothing
        self._silence = random.Random(seed)  # noqa: S311 - of its own: it changes no code
        self._places: list[int] = []
        self._made = 0
        self._scripted: dict[str, deque[str]] = {}

    def script(self, service: str, code: str) -> None:
        """Queues a code for the service, after those already queued."""
        self._scripted.setdefault(service, deque()).append(code)

    def next(self, service: str) -> str:
        """A new code for a rental of this service."""
        scripted = self._scripted.get(service)
        if scripted:
            return scripted.popleft()
        self._made += 1
        highest = 99_999 if self._made % 4 == 0 else 999_999
        return f"{self._rng.randint(0, highest):06d}"

    def delay(self, account: Account, service: str) -> float:
        """Seconds until the first code: the account's, else the service's, else the rules'."""
        rules = self._live.rules
        if account.config.code_after is not None:
            return account.config.code_after
        return rules.service_code_after.get(service, rules.code_after)

    def silent(self, service: str) -> bool:
        """Whether the number rented next gets no code by itself: the service's share, or all's."""
        if not self._places:
            self._places = self._silence.sample(range(_HUNDRED), _HUNDRED)
        rules = self._live.rules
        share = rules.service_silent.get(service, rules.silent)
        return self._places.pop() < round(share * _HUNDRED)
