"""A cache whose keys are compared by identity.

A lookup by identity saves hashing the key: a caller's context is found without hashing the caller,
the bytes of a price page without hashing thousands of rows.
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
        """The value stored for this object, not for an equal one."""
        found = self._made.get(id(source))
        return None if found is None else found[1]

    def __setitem__(self, source: K, made: V) -> None:
        # Holds a reference to the key: until eviction no other object can have its id.
        self._made[id(source)] = source, made
