"""When the repository starts a search for what lost purchases bought."""

from typing import Any, cast

import pytest

from gateway.core.model.purchases import SpendState
from gateway.core.prices.cache import PriceCache
from gateway.core.rentals.notifier import Notifier
from gateway.core.rentals.repository import RentalRepository
from gateway.core.rentals.unwritten import Unwritten
from tests.support.core import Clock, RecordingObserver


@pytest.fixture
def searches() -> list[str]:
    """The accounts for which a search was started."""
    return []


@pytest.fixture
def repository(searches: list[str]) -> RentalRepository:
    price_cache = PriceCache(Clock(), RecordingObserver())
    unwritten = Unwritten(cast(Any, None), Clock(), RecordingObserver())
    made = RentalRepository(cast(Any, None), unwritten, price_cache, Notifier(), Clock())
    made.on_lost(searches.append)
    return made


def test_a_lost_purchase_starts_one(repository: RentalRepository, searches: list[str]) -> None:
    repository.ended("alice", SpendState.UNKNOWN)
    repository.ended("alice", SpendState.BOUGHT)

    assert searches == ["alice"]


def test_the_end_of_a_purchase_that_stood_in_the_way_starts_one_more(
    repository: RentalRepository, searches: list[str]
) -> None:
    repository._reconciler.put_off.add("alice")
    repository.ended("bob", SpendState.BOUGHT)
    repository.ended("alice", SpendState.UNKNOWN)  # a search of its own; the other still waits
    repository.ended("alice", SpendState.BOUGHT)
    repository.ended("alice", SpendState.BOUGHT)

    assert searches == ["alice", "alice"]
