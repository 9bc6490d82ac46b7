"""What the protocol needs to know of an activation beyond what a rental tells."""

from cachetools import LRUCache

from gateway.core.model.callers import Caller

_ACTIVATIONS = 100_000


class Retries:
    """The codes after which callers have asked for another one.

    Kept in this process only, the oldest forgotten first: after a restart, or on another node,
    an activation that waits for another code shows its last code as received again.
    """

    def __init__(self, size: int = _ACTIVATIONS) -> None:
        """Start empty."""
        self._codes: LRUCache[tuple[str, int], str] = LRUCache(size)

    def after(self, caller: Caller, rental_id: int) -> str | None:
        """The code that was not enough; None where no other was asked for."""
        return self._codes.get((caller.id, rental_id))

    def ask(self, caller: Caller, rental_id: int, code: str) -> None:
        """Another code than this one is wanted."""
        self._codes[caller.id, rental_id] = code
