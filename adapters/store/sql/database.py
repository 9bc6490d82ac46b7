"""What the tables need of a database, as Protocols that both drivers fit."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from adapters.store.sql.statement import Job, T, Tx
from gateway.core.model.events import Alarm
from gateway.core.model.ledger_news import LedgerNews
from gateway.core.ports.storage import Leases, SharedBuckets

CHANNEL = "getatext_gateway"
"""The channel of PostgreSQL's notifications: `account_id:rental_id:sender` for each change."""
SENDER = "getatext_gateway.owner"
"""The session setting that holds the owner id of the process, the sender of its notifications."""

Changed = Callable[[str, int], Awaitable[None]]
"""Called with the account and the provider's id of a rental that another process wrote."""
Missed = Callable[[], None]
"""Called where changes may have been missed: any rental may have changed."""
Listen = Callable[[Changed, Missed], None]
"""Registers both callbacks until the store closes."""


class Liveness(Protocol):
    """Which processes are alive, by a lock that the system releases when its holder dies."""

    @property
    def own_id(self) -> str:
        """The owner id that this process writes into its purchases."""

    async def is_dead(self, tx: Tx, owner: str) -> bool:
        """Whether the process with this owner id has ended."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What the processes on one database share, and how each hears of the others' changes."""

    leases: Leases
    buckets: SharedBuckets
    listen: Listen


Failed = Callable[[Exception], None]
"""Called with each failure of a database that cannot be used now."""


def _no_report(fault: Exception) -> None:
    """Nobody wants to know."""


@dataclass(slots=True)
class FailureReports:
    """Who is told of a database's failures; nobody before `to` is set."""

    to: Failed = _no_report


def _no_news(news: LedgerNews) -> None:
    """Nobody wants to know."""


@dataclass(slots=True)
class NewsReports:
    """Who is told what this process wrote into the ledger; nobody before `to` is set."""

    to: Callable[[LedgerNews], None] = _no_news


def _no_alarm(alarm: Alarm) -> None:
    """Nobody wants to know."""


@dataclass(slots=True)
class AlarmReports:
    """Who is told of the alarms that this process wrote; nobody before `to` is set."""

    to: Callable[[Alarm], None] = _no_alarm

    def tell(self, alarms: Iterable[Alarm]) -> None:
        """Tell of alarms once they are committed."""
        for alarm in alarms:
            self.to(alarm)


class Database(Protocol):
    """Runs jobs. A job may be run again, so it does nothing but talk to its transaction.

    Each method raises Unavailable while the database cannot be used, Unstorable for a value it
    cannot hold, and whatever the job raises.
    """

    @property
    def liveness(self) -> Liveness:
        """Whether the processes that own purchases are alive."""

    async def write(self, job: Job[T]) -> T:
        """Run a job in a transaction, which is durable when this returns."""

    async def alone(self, job: Job[T]) -> T:
        """As write, for a job of a single statement."""

    def written(self) -> Callable[[], bool]:
        """A question: whether anything may have been written since it was last asked."""

    async def read(self, job: Job[T]) -> T:
        """Run a job that only reads; each statement sees what was committed before it."""


class SharedDatabase(Database, Protocol):
    """A database as it is opened."""

    failures: FailureReports
    news: NewsReports

    @property
    def shared(self) -> Shared:
        """What the nodes on this database share."""
