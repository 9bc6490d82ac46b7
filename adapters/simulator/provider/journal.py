"""The log of requests received."""

from collections import Counter, deque
from dataclasses import dataclass


@dataclass(frozen=True)
class Received:
    """One request as it arrived. `account` is the key, None when it was missing or wrong."""

    method: str
    path: str
    call: str
    account: str | None
    json: object
    at: float


class Journal:
    """Counts all requests and holds the last `size` of them."""

    def __init__(self, size: int) -> None:
        self.calls: Counter[str] = Counter()
        self.received: deque[Received] = deque(maxlen=size)

    def note(self, received: Received) -> None:
        """Adds a request to the log."""
        self.calls[received.call] += 1
        self.received.append(received)
