"""What is held open with a key ends with the key, and nothing is read while nothing is held."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from adapters.store import Store, Unreachable
from gateway.core.auth.authentication import Callers
from gateway.core.auth.key_watch import KeyWatch
from gateway.core.model.callers import Caller
from gateway.core.ports.observer import NoObserver
from gateway.core.ports.storage import Keys
from tests.core.auth.test_authentication import HASHER, KEY, MADE, callers_of
from tests.support.core import START, Clock
from tests.support.waiting import until


@dataclass
class Watched:
    """A watch whose pauses end when the test says so."""

    callers: Callers
    keys: Keys
    clock: Clock
    read: int = 0
    away: Exception | None = None
    paused: asyncio.Event = field(default_factory=asyncio.Event)
    on: asyncio.Event = field(default_factory=asyncio.Event)

    async def version(self) -> str:
        self.read += 1
        if self.away is not None:
            raise self.away
        return await self.keys.version()

    async def pause(self, seconds: float) -> None:
        assert seconds <= 0.25
        self.paused.set()
        await self.on.wait()
        self.on.clear()

    async def look(self) -> None:
        """Let it look once, and return when it has."""
        self.paused.clear()
        self.on.set()
        await self.paused.wait()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@asynccontextmanager
async def watching(store: Store, clock: Clock) -> AsyncIterator[tuple[KeyWatch, Watched]]:
    callers = callers_of(store, clock, own_key="sk_own")
    watched = Watched(callers, store.keys, clock)

    class Counted:
        version = watched.version

    watch = KeyWatch(callers, Counted(), clock, NoObserver(), watched.pause)  # type: ignore[arg-type]
    task = asyncio.create_task(watch.run())
    try:
        yield watch, watched
        assert not task.done()
    finally:
        task.cancel()


async def test_nothing_is_read_before_something_is_held(store: Store, clock: Clock) -> None:
    await store.keys.create(MADE)
    async with watching(store, clock) as (watch, watched):
        caller = await watched.callers.identify(KEY)
        own = await watched.callers.identify("sk_own")
        watch.hold(own, lambda why: None)()
        await asyncio.sleep(0)
        assert watched.read == 0
        leave = watch.hold(caller, lambda why: None)
        await watched.paused.wait()
        assert watched.read == 1
        leave()
        leave()


@pytest.mark.parametrize("way", ["revoked", "expired", "rotated", "sees less"])
async def test_what_is_held_ends(store: Store, clock: Clock, way: str) -> None:
    soon = START + timedelta(seconds=5)
    limits = replace(MADE.limits, admin=True, expires_at=soon if way == "expired" else None)
    await store.keys.create(replace(MADE, limits=limits))
    ended: list[str] = []
    async with watching(store, clock) as (watch, watched):
        caller: Caller = await watched.callers.identify(KEY)
        watch.hold(caller, lambda why: ended.append("stream"))
        watch.hold(caller, lambda why: ended.append("session"), any_secret=True)
        await watched.paused.wait()
        assert ended == []
        await change(store, way, clock.now())
        if way == "expired":
            clock.pass_by(5.0)
        await watched.look()

    assert sorted(ended) == (["stream"] if way == "rotated" else ["session", "stream"])


async def change(store: Store, way: str, now: datetime) -> None:
    if way == "revoked":
        await store.keys.revoke("k1", now)
    elif way == "rotated":
        await store.keys.change(
            "k1",
            lambda key: replace(
                key, hashed=HASHER.name("gtw_new"), previous_hashed=key.hashed, previous_until=now
            ),
            now,
        )
    elif way == "sees less":
        await store.keys.change(
            "k1", lambda key: replace(key, limits=replace(key.limits, admin=False)), now
        )


async def test_other_changes_and_an_outage_end_nothing(store: Store, clock: Clock) -> None:
    await store.keys.create(MADE)
    ended: list[str] = []
    async with watching(store, clock) as (watch, watched):
        watch.hold(await watched.callers.identify(KEY), lambda why: ended.append("stream"))
        await watched.paused.wait()
        await store.keys.change(
            "k1", lambda key: replace(key, name="mall", limits=replace(key.limits, max_active=1)),
            clock.now(),
        )  # fmt: skip
        await watched.look()
        for fault in (Unreachable("away"), ZeroDivisionError()):
            watched.away = fault
            await watched.look()
        assert ended == []
        watched.away = None
        await store.keys.revoke("k1", clock.now())
        await watched.look()
        await until(lambda: ended)


async def test_what_is_opened_with_a_caller_of_before_is_looked_at(
    store: Store, clock: Clock
) -> None:
    """A request may have been let in by what was known of its key a moment before it ended."""
    await store.keys.create(MADE)
    ended: list[str] = []
    async with watching(store, clock) as (watch, watched):
        caller = await watched.callers.identify(KEY)
        watch.hold(caller, lambda why: ended.append("first"))
        await watched.paused.wait()
        other = replace(MADE, id="k2", name="mall", hashed="h2")
        await store.keys.create(other)
        await watched.look()
        await store.keys.revoke("k1", clock.now())
        await watched.look()
        watch.hold(caller, lambda why: ended.append("second"))
        watch.hold(await watched.callers.identify("sk_own"), lambda why: ended.append("own"))
        await watched.look()

    assert ended == ["first", "second"]


async def test_an_end_that_is_moved_is_kept_to(store: Store, clock: Clock) -> None:
    await store.keys.create(MADE)
    ended: list[str] = []
    async with watching(store, clock) as (watch, watched):
        watch.hold(await watched.callers.identify(KEY), lambda why: ended.append("stream"))
        await watched.paused.wait()
        soon = replace(MADE.limits, expires_at=clock.now() + timedelta(seconds=5))
        await store.keys.change("k1", lambda key: replace(key, limits=soon), clock.now())
        await watched.look()
        assert ended == []
        clock.pass_by(5.0)
        await watched.look()

    assert ended == ["stream"]
