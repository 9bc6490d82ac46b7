"""What the processes on one SQLite file share, and what one of them does alone."""

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path

import pytest

from adapters.store import Store, open_store
from adapters.store.sqlite import shared
from gateway.core.ports.storage import SharedBuckets
from tests.support.calls import BALANCE
from tests.support.ledger import new_id
from tests.support.rate_limiter import closest
from tests.support.store_process import another, limiter_of
from tests.support.waiting import until

DAY = 86_400 * 1_000_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "gateway.db"


@pytest.fixture
def shared_file(path: Path) -> Path:
    return path.with_name("gateway.db.shared")


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Store]:
    async with open_store(f"sqlite:///{path}", new_id=new_id) as store:
        yield store


def buckets_of(store: Store) -> SharedBuckets:
    assert store.shared_buckets is not None
    return store.shared_buckets


async def test_a_process_alone_writes_no_grants(path: Path, shared_file: Path) -> None:
    async with opened(path) as store:
        buckets = buckets_of(store)
        before = buckets.alone()
        assert await buckets.take("one", 1, 60) == 0.0

        assert (before, buckets.alone()) == (False, True)
        with closing(sqlite3.connect(shared_file, timeout=60)) as file:
            assert file.execute("SELECT count(*) FROM grants").fetchone() == (0,)


async def test_who_only_opens_the_file_disturbs_nobody(path: Path) -> None:
    async with opened(path) as store:
        await buckets_of(store).take("one", 1, 60)
        async with opened(path) as command:
            assert await command.leases.take("watch", 60)

            assert buckets_of(store).alone()


async def test_a_newcomer_ends_the_solitude_and_nobody_finds_a_place_for_a_window(
    path: Path,
) -> None:
    async with opened(path) as old, opened_after_a_grant(path, old) as new:
        waits = [await buckets_of(new).take(bucket, 3, 60) for bucket in ("one", "another")]
        waits.append(await buckets_of(old).take("one", 3, 60))

        assert not buckets_of(old).alone()
        assert all(59 < wait <= 60 for wait in waits)
        assert await buckets_of(new).take("one", 3, 0.000_001) == 0.0  # that window is over


async def test_whoever_takes_over_from_one_that_granted_alone_waits_for_a_window(
    path: Path,
) -> None:
    async with AsyncExitStack() as stack:
        old = await stack.enter_async_context(opened(path))
        async with opened_after_a_grant(path, old) as new:
            await stack.aclose()

            assert 59 < await buckets_of(new).take("one", 3, 60) <= 60
            assert not buckets_of(new).alone()


async def test_a_process_is_alone_again_when_the_others_have_ended_and_their_grants_are_old(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "_SETTLED", 0.0)
    async with opened(path) as old:
        async with opened_after_a_grant(path, old) as new:
            await until(lambda: granted(new, "two", 0.5))
        wait = await buckets_of(old).take("two", 1, 0.5)
        alone = buckets_of(old).alone()
        await until(lambda: granted(old, "two", 0.5))

        assert 0 < wait <= 0.5
        assert not alone
        assert buckets_of(old).alone()


async def granted(store: Store, bucket: str, window: float) -> bool:
    return await buckets_of(store).take(bucket, 1, window) == 0.0


@asynccontextmanager
async def opened_after_a_grant(path: Path, old: Store) -> AsyncIterator[Store]:
    """Another process on the file, opened while the old one grants alone."""
    assert await buckets_of(old).take("one", 3, 60) == 0.0
    assert buckets_of(old).alone()
    async with opened(path) as new:
        yield new


async def test_two_processes_keep_the_limits_while_one_comes_and_is_killed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "_SETTLED", 0.0)
    own, theirs = list[float](), list[float]()
    async with opened(path) as store:
        limiter = limiter_of(store)

        async def ask() -> None:
            while True:
                own.append((await limiter.permit("alice", BALANCE, deadline_seconds=60)).at)

        asking = [asyncio.create_task(ask()) for _ in range(3)]
        await until(lambda: len(own) >= 4)
        with another(f"sqlite:///{path}", "ask_on") as other:
            other.go()
            theirs += [float(await asyncio.to_thread(other.line)) for _ in range(3)]
            other.kill()
            theirs += [float(line) for line in other.of.read().split("\n")[:-1]]
        after = len(own)
        await until(lambda: buckets_of(store).alone() and len(own) >= after + 4)
        for task in asking:
            task.cancel()
        await asyncio.wait(asking)

    assert closest(sorted(own + theirs), 4) >= 0.5


def spoil(file: Path) -> None:
    file.write_bytes(b"a diary, not a database" * 1000)


async def test_what_fails_stops_nobody_and_is_made_anew_by_the_next_who_is_alone(
    path: Path, shared_file: Path
) -> None:
    async with opened(path) as store, opened(path) as other:
        spoil(shared_file)

        assert await store.leases.take("watch", 60)
        assert await other.leases.take("watch", 60)
        await store.leases.give_back("watch")
        with pytest.raises(sqlite3.DatabaseError):
            await buckets_of(store).take("one", 1, 60)
    async with opened(path) as store, opened(path) as other:
        assert await granted(store, "one", 60)
        assert not await granted(other, "one", 60)
        assert await store.leases.take("watch", 60)
        assert not await other.leases.take("watch", 60)


async def test_a_newcomer_brings_all_to_a_file_that_was_put_in_the_place_of_theirs(
    path: Path, shared_file: Path
) -> None:
    async with opened(path) as one:
        await one.leases.take("watch", 60)
        await asyncio.to_thread(shared_file.unlink)
        async with opened(path) as two:
            await granted(two, "one", 60)
            assert await one.leases.take("watch", 60)
            assert not await two.leases.take("watch", 60)


async def test_times_of_before_a_restart_of_the_machine_hold_nothing(
    path: Path, shared_file: Path
) -> None:
    async with opened(path) as store, opened(path) as other:
        await granted(store, "one", 0.001)
        future = time.monotonic_ns() + DAY
        with closing(sqlite3.connect(shared_file, isolation_level=None, timeout=60)) as file:
            file.execute("INSERT INTO leases VALUES ('watch', 'of before', ?)", (future,))
            file.execute("INSERT INTO grants VALUES ('two', 'of before', ?, ?)", (future, future))
            file.execute("REPLACE INTO unrecorded VALUES (1, ?)", (future,))

        assert await other.leases.take("watch", 60)
        assert await granted(other, "two", 60)


@pytest.mark.parametrize("folder", ["data", "new/folders/data"])
def test_all_folders_that_are_made_are_the_users_alone(tmp_path: Path, folder: str) -> None:
    async def use() -> None:
        async with opened(tmp_path / folder / "gateway.db") as store:
            await store.leases.take("watch", 60)

    tmp_path.chmod(0o755)
    before = os.umask(0)
    try:
        asyncio.run(use())
    finally:
        os.umask(before)
    made = list(tmp_path.rglob("*"))

    assert {each.name for each in made} >= {*Path(folder).parts, "gateway.db.owners"}
    assert {each.stat().st_mode & 0o777 for each in made if each.is_dir()} == {0o700}
    assert {each.stat().st_mode & 0o777 for each in made if each.is_file()} == {0o600}
    assert tmp_path.stat().st_mode & 0o777 == 0o755  # was there before
