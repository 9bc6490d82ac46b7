"""Remembers what an answer was read as: who asks again mostly hears the same, byte for byte.

Readers are pure, so the same bytes are the same value. Reading a status takes a quarter of the
gateway's own time of a call. Ids are those of the whole provider, and accounts share the memory: a
value goes only to an account that was just told, byte for byte, what it was read from.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

from cachetools import LRUCache

from adapters.getatext.reply import Reply

T = TypeVar("T")

_MOST = 5000
_LONGEST = 2048


class Unchanged(Generic[T]):
    """The last answer about each thing, by its id, with its value. A refusal is never kept."""

    def __init__(self, most: int = _MOST) -> None:
        self._last: LRUCache[int, tuple[Reply, T]] = LRUCache(most)

    def read(self, about: int, reply: Reply, read: Callable[[Reply], T]) -> T:
        """The value of a reply about a thing: the same object where the reply is the same."""
        last = self._last.get(about)
        if last is not None and last[0] == reply:
            return last[1]
        value = read(reply)
        if reply.body is not None and len(reply.body) <= _LONGEST:
            self._last[about] = reply, value
        return value
