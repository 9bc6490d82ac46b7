"""What the processes on one database share, and what only nodes on one PostgreSQL do."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from uuid import uuid4

import pytest

from adapters.store import Store, open_store
from gateway.core.model.rentals import RentalStatus
from gateway.core.ports.storage import SharedBuckets
from tests.support.ledger import LATER, NOW, buy, long_rental, new_id, rental
from tests.support.postgres import Postgres
from tests.support.store_process import another
from tests.support.waiting import until

LISTENERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"  # noqa: E501
Nodes = tuple[Store, Store]


class Notified:
    """What one node was notified of."""

    def __init__(self, store: Store) -> None:
        self.changes: list[tuple[str, int]] = []
        self.at = 0.0
        self.missed = 0
        store.listen(self._changed, self._missed)

    async def _changed(self, account_id: str, rental_id: int) -> None:
        self.at = time.monotonic()
        self.changes.append((account_id, rental_id))

    def _missed(self) -> None:
        self.missed += 1


@pytest.fixture
def url(postgres: Postgres, postgres_url: str) -> str:
    postgres.empty(postgres_url)
    return postgres_url


@pytest.fixture
async def nodes(store_url: str) -> AsyncIterator[Nodes]:
    async with both(store_url) as opened:
        yield opened


@pytest.fixture
async def notifying(url: str) -> AsyncIterator[Nodes]:
    async with both(url) as opened:
        yield opened


@asynccontextmanager
async def both(url: str) -> AsyncIterator[Nodes]:
    async with open_store(url, new_id=new_id) as one, open_store(url, new_id=new_id) as two:
        yield one, two


def shared(store: Store) -> SharedBuckets:
    assert store.shared_buckets is not None
    return store.shared_buckets


async def test_one_node_has_a_lease_and_keeps_it(nodes: Nodes) -> None:
    one, two = nodes

    assert await one.leases.take("watch", 60)
    assert not await two.leases.take("watch", 60)
    assert await one.leases.take("watch", 60)
    assert await two.leases.take("watch another", 60)


async def test_many_ask_at_once_and_one_node_has_it(nodes: Nodes) -> None:
    asked = [store for store in nodes for _ in range(10)]

    had = await asyncio.gather(*(store.leases.take("watch", 60) for store in asked))

    assert had in ([True] * 10 + [False] * 10, [False] * 10 + [True] * 10)


async def test_a_lease_given_back_is_free_at_once_but_only_its_owner_can(nodes: Nodes) -> None:
    one, two = nodes
    assert await one.leases.take("watch", 60)

    await two.leases.give_back("watch")
    assert not await two.leases.take("watch", 60)

    await one.leases.give_back("watch")
    assert await two.leases.take("watch", 60)


async def test_a_lease_ends_with_its_time(nodes: Nodes) -> None:
    one, two = nodes
    begun = time.monotonic()
    assert await one.leases.take("watch", 0.2)

    await until(lambda: two.leases.take("watch", 60))

    assert time.monotonic() - begun > 0.19
    assert not await one.leases.take("watch", 60)


async def test_the_lease_of_a_killed_node_is_free_at_once(nodes: Nodes, store_url: str) -> None:
    with another(store_url, "hold_lease") as other:
        other.go()
        assert other.line() == "True"
        assert not await nodes[0].leases.take("watch", 60)
        other.kill()
        await until(lambda: nodes[0].leases.take("watch", 60))

    assert not await nodes[1].leases.take("watch", 60)


async def grants(stores: Sequence[Store], places: int, window: float, wanted: int) -> list[float]:
    """When each place was known to be taken, by takers on all nodes."""
    bucket, at = uuid4().hex, list[float]()

    async def work(buckets: SharedBuckets) -> None:
        while len(at) < wanted:
            wait = await buckets.take(bucket, places, window)
            if wait == 0.0:
                at.append(time.monotonic())
            else:
                assert wait <= window
                await asyncio.sleep(wait)

    await asyncio.gather(*(work(shared(store)) for store in stores))
    return sorted(at)


NOTE_GRANTS = {
    "sqlite": (
        "CREATE TABLE granted (place, at);"
        "CREATE TRIGGER note_grant AFTER INSERT ON grants "
        "BEGIN INSERT INTO granted VALUES (0, new.at / 1000); END",
        "DROP TRIGGER note_grant; DROP TABLE granted",
    ),
    "postgresql": (
        "CREATE TABLE granted (place bigint, at bigint);"
        "CREATE FUNCTION note_grant() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "INSERT INTO granted VALUES (new.place, new.taken_at); RETURN new; END $$;"
        "CREATE TRIGGER note_grant AFTER UPDATE ON places "
        "FOR EACH ROW EXECUTE FUNCTION note_grant()",
        "DROP TRIGGER note_grant ON places; DROP FUNCTION note_grant; DROP TABLE granted",
    ),
}


def run_sql(url: str, sql: str, postgres: Postgres) -> list[int]:
    """Run it where the grants are written; the numbers in its result."""
    if not url.startswith("sqlite"):
        return [int(line) for line in postgres.sql(sql, url).split() if line.isdigit()]
    with closing(sqlite3.connect(url.removeprefix("sqlite:///") + ".shared", timeout=60)) as file:
        if ";" in sql:
            file.executescript(f"BEGIN;{sql};COMMIT")
            return []
        return [number for (number,) in file.execute(sql).fetchall()]


@pytest.mark.parametrize(("places", "window"), [(1, 0.1), (2, 0.1), (4, 0.05), (10, 0.3)])
async def test_no_window_has_more_grants_than_places(
    nodes: Nodes, store_url: str, postgres: Postgres, places: int, window: float
) -> None:
    """The database writes each grant down by a trigger: no time on the way is in it."""
    begin, end = NOTE_GRANTS[store_url.partition(":")[0]]
    await grants(nodes, 1, 0.001, wanted=1)  # a SQLite file is empty before
    run_sql(store_url, begin, postgres)
    try:
        at = await grants(nodes * 3, places, window, wanted=places * 5)
        found = run_sql(store_url, "SELECT at FROM granted ORDER BY at", postgres)
    finally:
        run_sql(store_url, end, postgres)

    assert len(found) == len(at) >= places * 5
    apart = min(later - at for at, later in zip(found, found[places:], strict=False))
    assert apart >= window * 1_000_000


async def test_buckets_do_not_share_their_places(nodes: Nodes) -> None:
    assert await shared(nodes[0]).take("one", 1, 60) == 0.0
    assert await shared(nodes[1]).take("two", 1, 60) == 0.0
    assert 59 < await shared(nodes[1]).take("one", 1, 60) <= 60


async def test_old_leases_and_places_are_forgotten(notifying: Nodes, postgres: Postgres) -> None:
    one, _ = notifying
    await one.leases.take("watch", 0)
    await shared(one).take("one", 3, 1)

    await one.ledger.purge(NOW, NOW + timedelta(days=100_000))

    assert not await one.ledger.purge(NOW, NOW)
    assert await shared(one).take("one", 3, 60) == 0.0


async def test_a_change_on_one_node_notifies_the_other(nodes: Nodes) -> None:
    notified, own = Notified(nodes[1]), Notified(nodes[0])
    await until(lambda: notified.missed and own.missed)
    await buy(nodes[0].ledger, rental(7))
    await until(lambda: notified.changes == [("account", 7)])
    delays = list[float]()
    for number in range(20):
        await nodes[0].ledger.record("account", rental(7, code=str(number)), LATER)
        written = time.monotonic()
        await until(lambda: len(notified.changes) == len(delays) + 2)
        delays.append(notified.at - written)

    assert set(notified.changes) == {("account", 7)}
    assert own.changes == []
    assert max(delays) < 10


async def test_what_changes_nothing_notifies_nobody(notifying: Nodes) -> None:
    notified = Notified(notifying[1])
    await until(lambda: notified.missed)
    await buy(notifying[0].ledger, long_rental(), kind="long_rental", reserved=None)
    await notifying[0].ledger.record("a:b", rental(1), NOW)
    await notifying[0].ledger.record("a:b", rental(1), LATER)
    await notifying[0].ledger.record("a:b", rental(2, status=RentalStatus.CANCELLED), LATER)

    await until(lambda: ("a:b", 2) in notified.changes)
    assert notified.changes == [("a:b", 1), ("a:b", 2)]


async def test_a_lost_connection_is_made_again_and_reported(
    notifying: Nodes, url: str, postgres: Postgres
) -> None:
    notified = Notified(notifying[1])
    await until(lambda: notified.missed == 1)

    postgres.sql(LISTENERS, url)
    await until(lambda: notified.missed == 2)
    await buy(notifying[0].ledger, rental(7))

    await until(lambda: notified.changes == [("account", 7)])


async def test_a_listener_that_fails_does_not_end_the_listening(nodes: Nodes) -> None:
    told: list[int | str] = []

    async def changed(account_id: str, rental_id: int) -> None:
        told.append(rental_id)
        if rental_id == 1:
            raise ValueError("the store was away")

    nodes[1].listen(changed, lambda: told.append("missed"))
    await until(lambda: told)
    for id in (1, 2):
        await buy(nodes[0].ledger, rental(id))

    await until(lambda: 2 in told)
    assert [one for one in told if one != "missed"] == [1, 2]
    assert told[told.index(1) + 1] == "missed"
