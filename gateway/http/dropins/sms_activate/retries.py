"""Which callers wait for another code of an activation: the protocol's only state of its own."""

from cachetools import LRUCache

from gateway.core.model.callers import Caller

_ACTIVATIONS = 100_000


class Retries:
    """The codes after which callers have requested another one.

    An LRU cache of this process only: after a restart, or on another node, an activation that
    waits for another code shows its last code as received again.
    """

    def __init__(self, size: int = _ACTIVATIONS) -> None:
        """`size`: how many activations are remembered."""
        self._codes: LRUCache[tuple[str, int], str] = LRUCache(size)

    def code_before(self, caller: Caller, rental_id: int) -> str | None:
        """The code after which another one was requested; None where none was."""
        return self._codes.get((caller.id, rental_id))

    def request(self, caller: Caller, rental_id: int, code: str) -> None:
        """Record that the caller waits for another code than this one."""
        self._codes[caller.id, rental_id] = code
