"""The reconciliation task: one at a time for an account, and its faults reach no caller."""

import asyncio
from typing import Any, cast

from gateway.core.prices.cache import PriceCache
from gateway.core.rentals.reconciliation_task import ReconciliationTask
from gateway.core.rentals.repository import RentalRepository
from tests.support.core import Clock, RecordingObserver, settle


class Repository:
    """Notes whose lost purchases are looked for, and fails with `fault` where there is one."""

    def __init__(self) -> None:
        self.looked_back: list[str] = []
        self.open = asyncio.Event()
        self.fault: Exception | None = None

    async def look_back(self, account_id: str) -> None:
        self.looked_back.append(account_id)
        await self.open.wait()
        if self.fault is not None:
            raise self.fault


def make(repository: Repository, observer: RecordingObserver) -> ReconciliationTask:
    price_cache = PriceCache(Clock(), observer)
    return ReconciliationTask(
        cast(RentalRepository, repository), price_cache, cast(Any, lambda _: None), observer
    )


async def test_one_task_runs_for_an_account_at_a_time_and_once_more_where_asked() -> None:
    repository, observer = Repository(), RecordingObserver()
    task = make(repository, observer)
    for _ in range(5):
        task.begin("alice")
    task.begin("bob")
    await settle()
    first = list(repository.looked_back)
    repository.open.set()
    await settle()

    assert first == ["alice", "bob"]
    assert repository.looked_back == ["alice", "bob", "alice"]
    assert not task.under_way


async def test_a_reconciliation_that_fails_is_reported_and_hurts_nobody() -> None:
    repository, observer = Repository(), RecordingObserver()
    repository.fault = OSError("the disk is gone")
    repository.open.set()
    task = make(repository, observer)
    task.begin("alice")
    await settle()

    assert observer.faults == ["search for lost purchases: OSError('the disk is gone')"]
    assert not task.under_way


async def test_closing_ends_what_runs() -> None:
    repository = Repository()
    task = make(repository, RecordingObserver())
    task.begin("alice")
    task.begin("alice")
    await settle()
    await task.close()

    assert not task.under_way
    assert repository.looked_back == ["alice"]
