"""A memory for so many things: what was needed longest ago makes room."""

from collections import OrderedDict
from typing import Generic, TypeVar, overload

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")


class Remembered(Generic[K, V]):
    """Like the LRUCache of cachetools, at a fifth of its cost: a read looks into many of them."""

    __slots__ = ("_most", "_things")

    def __init__(self, most: int) -> None:
        """Start empty."""
        self._most = most
        self._things: OrderedDict[K, V] = OrderedDict()

    @overload
    def get(self, key: K) -> V | None: ...
    @overload
    def get(self, key: K, default: D) -> V | D: ...
    def get(self, key: K, default: object = None) -> object:
        """The thing of this name, which is needed now, or the default."""
        things = self._things
        if key not in things:
            return default
        things.move_to_end(key)
        return things[key]

    def __setitem__(self, key: K, thing: V) -> None:
        things = self._things
        things[key] = thing
        things.move_to_end(key)
        if len(things) > self._most:
            things.popitem(last=False)

    def __contains__(self, key: K) -> bool:
        return key in self._things

    def __len__(self) -> int:
        return len(self._things)

    def pop(self, key: K) -> V | None:
        """Forget one thing. Answers it, where there is one."""
        return self._things.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        self._things.clear()

    def all(self) -> list[tuple[K, V]]:
        """Everything by its name, as it is now."""
        return list(self._things.items())


class ByIdentity(Generic[K, V]):
    """What was made of objects, for as long as it is asked for with the very same ones."""

    __slots__ = ("_made",)

    def __init__(self, most: int) -> None:
        """Start empty."""
        self._made: Remembered[int, tuple[K, V]] = Remembered(most)

    def get(self, source: K) -> V | None:
        """What was made of this object."""
        found = self._made.get(id(source))
        return None if found is None else found[1]

    def __setitem__(self, source: K, made: V) -> None:
        # The object is kept with it: until it is forgotten, no other can have its id.
        self._made[id(source)] = source, made
