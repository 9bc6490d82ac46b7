"""What the ledger needs of a database; both drivers fit."""

from typing import Protocol

from adapters.store.owners import Owners
from adapters.store.sharing import Shared
from adapters.store.statement import Job, T


class Database(Protocol):
    """Runs jobs. A job may be run again, so it does nothing but talk to its transaction."""

    @property
    def owners(self) -> Owners:
        """Who signs purchases here."""

    async def write(self, job: Job[T]) -> T:
        """Run it in a transaction; once this answers, what was written is durable."""

    async def alone(self, job: Job[T]) -> T:
        """As write, for a job of a single statement."""

    async def read(self, job: Job[T]) -> T:
        """Run what only reads; each statement sees what was committed before it."""


class SharedDatabase(Database, Protocol):
    """A database as it is opened."""

    @property
    def shared(self) -> Shared:
        """What the nodes on this database share."""
