"""A cache of parsed responses: repeated status reads mostly get the same bytes.

Parsers are pure, so equal bytes give equal values. A hit saves parsing a status, a quarter of the
gateway's own time of a call. Ids are unique over the provider and accounts share the cache: a value
is returned only to an account that has just received the bytes it was parsed from.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

from cachetools import LRUCache

from adapters.getatext.reply import Reply

T = TypeVar("T")

_MOST = 5000
_LONGEST = 2048


class Unchanged(Generic[T]):
    """The last reply for each id, with its parsed value. Errors are not cached."""

    def __init__(self, most: int = _MOST) -> None:
        self._last: LRUCache[int, tuple[Reply, T]] = LRUCache(most)

    def read(self, about: int, reply: Reply, read: Callable[[Reply], T]) -> T:
        """The value of a reply for the id `about`; the same object if the reply is equal."""
        last = self._last.get(about)
        if last is not None and last[0] == reply:
            return last[1]
        value = read(reply)
        if reply.body is not None and len(reply.body) <= _LONGEST:
            self._last[about] = reply, value
        return value
