"""Which process began a purchase, and whether that process still lives."""

from typing import Protocol

from adapters.store.statement import Tx


class Owners(Protocol):
    """Knows the living by a lock that the operating system lets go when they die."""

    @property
    def mine(self) -> str:
        """The name this process signs its purchases with."""

    async def gone(self, tx: Tx, owner: str) -> bool:
        """Whether nobody signs with this name any more."""
