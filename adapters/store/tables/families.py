"""Keys and those that they made: whose purchases a caller sees, and count against its limits."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Select, Text, cast, literal_column, select

from adapters.store.sql.schema import keys
from adapters.store.sql.statement import Row, Statement, Tx, text
from adapters.store.tables.keys import version
from gateway.core.model.callers import GATEWAY_KEY_PREFIX, key_id_of
from gateway.core.model.purchases import View

T = TypeVar("T")
_MADE = Statement(select(keys.c.id, keys.c.parent_id).where(keys.c.parent_id.is_not(None)))


def _members() -> Select[tuple[str]]:
    # Cast: in PostgreSQL both parts of a recursion have the very same types.
    itself = (cast(text(f"of_{name}"), Text).label(name) for name in ("key", "caller"))
    family = select(*itself).cte("family", recursive=True)
    made: ColumnElement[str] = literal_column(f"'{GATEWAY_KEY_PREFIX}'") + keys.c.id
    below = select(keys.c.id, made).join_from(family, keys, keys.c.parent_id == family.c.key)
    return select(family.union(below).c.caller)


MEMBERS = _members()
"""The caller ids of the key `of_key` and all below it; of another caller only `of_caller`."""


def of(caller_id: str) -> dict[str, str]:
    """The values of MEMBERS."""
    return {"of_caller": caller_id, "of_key": key_id_of(caller_id)}


def counted_by(spend: Row) -> tuple[str, ...]:
    """The callers in whose sums a purchase counts: its own, and those above it, nearest first."""
    above: str | None = spend["ancestors"]
    return (spend["caller_id"], *above.split()) if above else (spend["caller_id"],)


class _Tree(NamedTuple):
    """Which callers' keys made which, and the version of the keys that it is of."""

    version: str | None
    made: Mapping[str, Sequence[str]]

    def members(self, caller_id: str) -> tuple[str, ...]:
        """A caller and all below it."""
        found = [caller_id]
        for each in found:
            found += self.made.get(each, ())
        return tuple(found)


class Families:
    """Which keys were made by which, in memory; read again where any key has changed."""

    def __init__(self) -> None:
        self._tree = _Tree(None, {})

    async def seen(
        self, tx: Tx, caller_id: str, read: Callable[[Sequence[str]], Awaitable[T]]
    ) -> T:
        """What `read` reads of a caller and all below it.

        It misses nothing that a key bought which was made meanwhile: the keys are looked at after
        what was read, and were there before they bought anything.
        """
        while True:
            tree = self._tree
            found = await read(tree.members(caller_id))
            if await version(tx) == tree.version:
                return found
            self._tree = await _read(tx)

    async def of_view(
        self, tx: Tx, view: View, read: Callable[[Sequence[str | None]], Awaitable[T]]
    ) -> T:
        """The same of a view: of its caller and all below it, or of None, the whole account."""
        if view.caller_id is None:
            return await read((None,))
        return await self.seen(tx, view.caller_id, read)


async def _read(tx: Tx) -> _Tree:
    standing, made = await version(tx), dict[str, list[str]]()
    for row in await tx.rows(_MADE):
        parent = GATEWAY_KEY_PREFIX + row["parent_id"]
        made.setdefault(parent, []).append(GATEWAY_KEY_PREFIX + row["id"])
    return _Tree(standing, made)
