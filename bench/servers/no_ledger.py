"""`serve` as it is shipped, but with a store that keeps nothing: all but the ledger.

Wired here only; whoever repeats a purchase with it buys twice.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

from adapters.store import Store
from adapters.store.sql.database import AlarmReports, FailureReports, NewsReports
from gateway.__main__ import main
from gateway.core.model.purchases import AnyRental, LedgerCounts, Spent
from gateway.wiring import database


class Nothing:
    """The ledger, the keys, the inbox, the outbox and the events of somebody without memory."""

    async def begin(self, intent: Any) -> None:
        """Go on."""

    async def mark_sent(self, ledger_id: str, at: datetime) -> bool:
        return True

    async def settle(self, ledger_id: str, outcome: Any, at: datetime) -> bool:
        return True

    async def record(self, account_id: str, rental: AnyRental, at: datetime) -> AnyRental:
        return rental

    async def is_bought(self, account_id: str, kind: str, provider_id: int) -> bool:
        return False

    async def spending(self, caller_id: str, at: datetime) -> Spent:
        return Spent(Decimal(0), Decimal(0))

    async def purge(self, before: datetime, requests_before: datetime) -> int:
        return 0

    async def last_event(self) -> int:
        return 0

    async def agree(self, value: str) -> str:
        return value

    async def take(self, name: str, seconds: float) -> bool:
        return True

    async def next(self, first: int) -> int:
        return first

    async def one(self, *_: Any, **__: Any) -> None:
        """There is none."""

    async def counts(self, *_: Any) -> LedgerCounts:
        return LedgerCounts(0, 0, 0, None)

    async def all(self, *_: Any, **__: Any) -> Sequence[Any]:
        return ()

    standing = by_request = spend = find = latest = take_undelivered = find_abandoned = (
        mark_undelivered
    ) = mark_delivered = keep = probe = breach = give_back = is_accepted = accept = one
    unknown = unanswered = recover = all_rentals = list_rentals = spends = events = due = all
    holds_anything = one


class NoWebhooks:
    """A store of webhooks that has none."""

    async def standing(self) -> Sequence[Any]:
        """None is enabled."""
        return ()


@asynccontextmanager
async def open_nothing(url: str, *, new_id: Any) -> AsyncIterator[Store]:
    nothing: Any = Nothing()
    webhooks: Any = NoWebhooks()
    yield Store(
        ledger=nothing,
        checks=nothing,
        keys=nothing,
        sandbox_ids=nothing,
        accounts=nothing,
        inbox=nothing,
        leases=nothing,
        events=nothing,
        outbox=nothing,
        shared_buckets=None,
        listen=lambda changed, missed: None,
        failures=FailureReports(),
        news=NewsReports(),
        balances=nothing,
        alarms=AlarmReports(),
        webhooks=webhooks,
        audit_trail=nothing,
        oauth=nothing,
    )


if __name__ == "__main__":
    assert hasattr(database, "open_store")
    setattr(database, "open_store", open_nothing)  # noqa: B010 - what it imports is not its to give
    main()
