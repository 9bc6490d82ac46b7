"""The search for what was lost: one at a time for an account, and its faults are nobody's."""

import asyncio
from typing import Any, cast

from gateway.core.prices.cache import PriceCache
from gateway.core.rentals.reconciliation_task import ReconciliationTask
from gateway.core.rentals.repository import RentalRepository
from tests.support.core import Clock, Told, settle


class Ledger:
    """Records that count who looks back, and fail where told to."""

    def __init__(self) -> None:
        self.looks: list[str] = []
        self.open = asyncio.Event()
        self.fault: Exception | None = None

    async def look_back(self, account_id: str) -> None:
        self.looks.append(account_id)
        await self.open.wait()
        if self.fault is not None:
            raise self.fault


def make(repository: Ledger, told: Told) -> ReconciliationTask:
    book = PriceCache(Clock(), told)
    return ReconciliationTask(
        cast(RentalRepository, repository), book, cast(Any, lambda _: None), told
    )


async def test_one_search_runs_for_an_account_at_a_time_and_once_more_where_asked() -> None:
    repository, told = Ledger(), Told()
    search = make(repository, told)
    for _ in range(5):
        search.begin("alice")
    search.begin("bob")
    await settle()
    first = list(repository.looks)
    repository.open.set()
    await settle()

    assert first == ["alice", "bob"]
    assert repository.looks == ["alice", "bob", "alice"]
    assert not search.under_way


async def test_a_search_that_fails_is_told_and_hurts_nobody() -> None:
    repository, told = Ledger(), Told()
    repository.fault = OSError("the disk is gone")
    repository.open.set()
    search = make(repository, told)
    search.begin("alice")
    await settle()

    assert told.faults == ["search for lost purchases: OSError('the disk is gone')"]
    assert not search.under_way


async def test_closing_ends_what_runs() -> None:
    repository = Ledger()
    search = make(repository, Told())
    search.begin("alice")
    search.begin("alice")
    await settle()
    await search.close()

    assert not search.under_way
    assert repository.looks == ["alice"]
