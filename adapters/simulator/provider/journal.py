"""What was asked of the simulator."""

from collections import Counter, deque
from dataclasses import dataclass


@dataclass(frozen=True)
class Received:
    """One request as it arrived. `account` is the key, None when there was none or a wrong one."""

    method: str
    path: str
    call: str
    account: str | None
    json: object
    at: float


class Journal:
    """Counts every request; keeps only the last few."""

    def __init__(self, size: int) -> None:
        self.calls: Counter[str] = Counter()
        self.received: deque[Received] = deque(maxlen=size)

    def note(self, received: Received) -> None:
        """Writes a request down."""
        self.calls[received.call] += 1
        self.received.append(received)
