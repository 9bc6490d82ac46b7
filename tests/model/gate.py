"""Where the effects of one node pass, so that it can die between any two of them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from adapters.store.sql.database import Shared, SharedDatabase
from adapters.store.sql.statement import Job
from tests.support.held_time import loop

T = TypeVar("T")


class Gate:
    """A node whose fuse burns out dies at that place: nothing of it goes on, nothing is undone."""

    def __init__(self) -> None:
        self.fuse: int | None = None
        self.died: asyncio.Future[float] = loop().create_future()
        self._inside: set[asyncio.Future[None]] = set()

    @property
    def dead(self) -> bool:
        return self.died.done()

    def kill(self) -> None:
        if not self.dead:
            self.died.set_result(loop().time())

    async def step(self) -> None:
        """One place at which the node may die."""
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse < 0:
                self.kill()
        if self.dead:
            await loop().create_future()

    async def through(self, work: Callable[[], Awaitable[T]]) -> T:
        """Something the database does for the node."""
        await self.step()
        left = loop().create_future()
        self._inside.add(left)
        try:
            with loop().awaiting():
                answer = await work()
        finally:
            left.set_result(None)
            self._inside.discard(left)
        await self.step()
        return answer

    async def emptied(self) -> None:
        """Nothing that the database was asked for is under way."""
        while self._inside:
            await asyncio.wait(self._inside)


class GatedDatabase:
    """A node's database behind its gate."""

    def __init__(self, database: SharedDatabase, gate: Gate) -> None:
        self._database = database
        self._gate = gate
        shared = database.shared
        self.shared = Shared(
            GatedLeases(shared.leases, gate), GatedBuckets(shared.buckets, gate), shared.listen
        )
        self.failures, self.news = database.failures, database.news
        self.liveness = database.liveness

    async def write(self, job: Job[T]) -> T:
        return await self._gate.through(lambda: self._database.write(job))

    async def alone(self, job: Job[T]) -> T:
        return await self._gate.through(lambda: self._database.alone(job))

    def written(self) -> Callable[[], bool]:
        return self._database.written()

    async def read(self, job: Job[T]) -> T:
        return await self._gate.through(lambda: self._database.read(job))


class GatedLeases:
    """A node's leases behind its gate."""

    def __init__(self, leases: Any, gate: Gate) -> None:
        self._leases = leases
        self._gate = gate

    async def take(self, name: str, seconds: float) -> bool:
        return await self._gate.through(lambda: self._leases.take(name, seconds))

    async def give_back(self, name: str) -> None:
        await self._gate.through(lambda: self._leases.give_back(name))


class GatedBuckets:
    """A node's shared limits behind its gate."""

    def __init__(self, buckets: Any, gate: Gate) -> None:
        self._buckets = buckets
        self._gate = gate
        self.alone = buckets.alone

    async def take(self, bucket: str, places: int, window: float) -> float:
        return await self._gate.through(lambda: self._buckets.take(bucket, places, window))
