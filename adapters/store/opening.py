"""Opens the store and puts its parts together behind the core's ports."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from adapters.store.inspection import Inspection
from adapters.store.sql.database import (
    AlarmReports,
    FailureReports,
    Listen,
    NewsReports,
    SharedDatabase,
)
from adapters.store.tables.accounts import StoredAccounts
from adapters.store.tables.audit import StoredAuditTrail
from adapters.store.tables.balances import StoredBalances
from adapters.store.tables.checks import StoredChecks
from adapters.store.tables.events import StoredEvents
from adapters.store.tables.keys import StoredKeys
from adapters.store.tables.ledger import NewId, StoredLedger
from adapters.store.tables.oauth import StoredOAuth
from adapters.store.tables.outgoing_webhooks import StoredWebhooks
from adapters.store.tables.sandbox_ids import StoredSandboxIds
from adapters.store.tables.webhooks import StoredInbox, StoredOutbox
from adapters.store.urls import postgres_dsn, sqlite_path
from gateway.core.ports.ledger import Ledger
from gateway.core.ports.oauth import OAuthStore
from gateway.core.ports.storage import (
    Accounts,
    AuditTrail,
    Balances,
    Events,
    Inbox,
    Keys,
    Leases,
    Outbox,
    SharedBuckets,
)
from gateway.core.ports.webhooks import OutgoingWebhooks


@dataclass(frozen=True, slots=True)
class Store:
    """An open store, by its ports."""

    ledger: Ledger
    checks: StoredChecks
    keys: Keys
    accounts: Accounts
    inbox: Inbox
    leases: Leases
    events: Events
    outbox: Outbox
    shared_buckets: SharedBuckets | None
    listen: Listen
    failures: FailureReports
    news: NewsReports
    balances: Balances
    webhooks: OutgoingWebhooks
    alarms: AlarmReports
    sandbox_ids: StoredSandboxIds
    audit_trail: AuditTrail
    oauth: OAuthStore


@asynccontextmanager
async def open_store(url: str, *, new_id: NewId) -> AsyncIterator[Store]:
    """The store at this URL, migrated, until the end of the block; raises StoreError.

    `new_id` makes the ledger_id, a text that sorts by time, of a rental not bought here.
    """
    path = sqlite_path(url)
    if path is not None:
        from adapters.store.sqlite.opening import open_sqlite

        opened: AbstractAsyncContextManager[SharedDatabase] = open_sqlite(path)
    else:
        from adapters.store.postgres.opening import open_postgres

        opened = open_postgres(postgres_dsn(url))
    async with opened as database:
        yield store_over(database, new_id)


async def inspect_store(url: str) -> Inspection | None:
    """What the database at this URL holds, read without a change; None where there is no file.

    Raises StoreError.
    """
    path = sqlite_path(url)
    if path is not None:
        from adapters.store.sqlite.inspecting import inspect_sqlite

        return await asyncio.to_thread(inspect_sqlite, path)
    from adapters.store.postgres.opening import inspect_postgres

    return await inspect_postgres(postgres_dsn(url))


def store_over(database: SharedDatabase, new_id: NewId) -> Store:
    """The store over an open and migrated database; `new_id` as for `open_store`."""
    alarms = AlarmReports()
    return Store(
        ledger=StoredLedger(database, new_id, alarms),
        checks=StoredChecks(database),
        keys=StoredKeys(database),
        accounts=StoredAccounts(database),
        inbox=StoredInbox(database),
        leases=database.shared.leases,
        events=StoredEvents(database),
        outbox=StoredOutbox(database),
        shared_buckets=database.shared.buckets,
        listen=database.shared.listen,
        failures=database.failures,
        news=database.news,
        balances=StoredBalances(database, alarms),
        webhooks=StoredWebhooks(database, alarms),
        alarms=alarms,
        sandbox_ids=StoredSandboxIds(database),
        audit_trail=StoredAuditTrail(database),
        oauth=StoredOAuth(database),
    )
