"""What the ledger needs of a database; both drivers fit."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from adapters.store.sql.statement import Job, T, Tx
from gateway.core.ports.storage import Leases, SharedBuckets


class Liveness(Protocol):
    """Knows the living by a lock that the operating system lets go when they die."""

    @property
    def own_id(self) -> str:
        """The name this process signs its purchases with."""

    async def is_dead(self, tx: Tx, owner: str) -> bool:
        """Whether nobody signs with this name any more."""


CHANNEL = "getatext_gateway"
"""Where nodes tell each other what changed, as `account_id:rental_id:sender`."""
SENDER = "getatext_gateway.owner"
"""The setting of a connection that holds the name its process signs with."""
Changed = Callable[[str, int], Awaitable[None]]
"""Another process wrote something of this account's rental down."""
Missed = Callable[[], None]
"""Nothing was heard for a while: changes may have been missed."""
Listen = Callable[[Changed, Missed], None]
"""From now on, and until the store closes, call these."""


def _hears_nobody(changed: Changed, missed: Missed) -> None:
    """Processes on one file do not wake each other: what one writes the others find by looking."""


@dataclass(frozen=True, slots=True)
class Shared:
    """With other nodes, by PostgreSQL; or with nobody, beside a file."""

    leases: Leases
    buckets: SharedBuckets | None = None
    listen: Listen = _hears_nobody


class Database(Protocol):
    """Runs jobs. A job may be run again, so it does nothing but talk to its transaction."""

    @property
    def liveness(self) -> Liveness:
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
