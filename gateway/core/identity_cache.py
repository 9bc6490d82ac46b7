"""What was made of an object, found again by the very same object.

Looking an object up by its identity costs less than hashing it: requests of one caller find their
context without hashing the caller, and a price page its bytes without hashing thousands of rows.
"""

from typing import Generic, TypeVar

from cachetools import LRUCache

K = TypeVar("K")
V = TypeVar("V")


class IdentityCache(Generic[K, V]):
    """An LRU cache of at most `most` entries whose keys are compared by identity."""

    __slots__ = ("_made",)

    def __init__(self, most: int) -> None:
        self._made: LRUCache[int, tuple[K, V]] = LRUCache(most)

    def get(self, source: K) -> V | None:
        """What was made of this very object."""
        found = self._made.get(id(source))
        return None if found is None else found[1]

    def __setitem__(self, source: K, made: V) -> None:
        # The object is kept with it: until it is evicted, no other can have its id.
        self._made[id(source)] = source, made
