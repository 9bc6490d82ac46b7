"""One node of the gateway in this process: it starts, ends or dies, and nothing of it is left."""

import asyncio
import contextvars
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from adapters.getatext.client import Client
from adapters.store.opening import store_over
from adapters.store.sql.database import SharedDatabase
from gateway.core.model.values import new_ledger_id
from gateway.core.ports.clock import Clock
from gateway.settings import Settings
from gateway.wiring.gateway import Gateway, run_gateway
from tests.model.databases import Ledger
from tests.model.gate import Gate, GatedDatabase
from tests.model.provider import HeldClient, Provider
from tests.support.held_time import loop

T = TypeVar("T")
_OWNER: contextvars.ContextVar["Node"] = contextvars.ContextVar("owner")


class Died(Exception):
    """The node died before it answered."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the nodes of a sequence have in common."""

    settings: Settings
    secret: bytes
    clock: Clock
    provider: Provider


class Node:
    """A node and its place in a database. Its tasks are known, so that they can end with it."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._opened = AsyncExitStack()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        """Open its database: a new process, as far as others see."""
        with loop().awaiting():
            self._database: SharedDatabase = await self._opened.enter_async_context(
                self._ledger.open()
            )

    async def close(self) -> None:
        with loop().awaiting():
            await self._opened.aclose()
        await self._ledger.buried(self._database.liveness.own_id)

    async def start(self, surroundings: Surroundings) -> None:
        """Start the gateway over the open database."""
        self.gate = Gate()
        self._surroundings = surroundings
        self._context = contextvars.copy_context()
        self._context.run(_OWNER.set, self)
        self._running: asyncio.Future[Gateway] = loop().create_future()
        self._stopping = asyncio.Event()
        self._life = self._task(self._live())
        begun: set[asyncio.Future[Any]] = {self._running, self._life}
        await asyncio.wait(begun, return_when=asyncio.FIRST_COMPLETED)
        self.gateway = await self._running if self._running.done() else await self._failed()

    async def stop(self) -> None:
        """End it as a signal does: what is under way is finished."""
        self._stopping.set()
        await self._life
        await self.kill()  # what it has left behind

    async def kill(self) -> None:
        """End it as kill -9 does."""
        self.gate.kill()
        self._client.died()
        await self.gate.emptied()
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks, timeout=0)

    async def restart(self, *, killed: bool) -> None:
        """Another process in its place."""
        await (self.kill() if killed else self.stop())
        await self.close()
        await self.open()
        await self.start(self._surroundings)

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Something that this node does. Raises Died where it dies over it."""
        task = self._task(work)
        ended: set[asyncio.Future[Any]] = {task, self.gate.died}
        await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
        if self.gate.dead:
            raise Died
        return task.result()

    async def _live(self) -> None:
        around = self._surroundings
        seconds = around.settings.getatext_read_seconds, around.settings.getatext_spend_seconds
        self._client = HeldClient(around.provider, self.gate, *seconds)
        client = cast(Client, self._client)
        store = store_over(GatedDatabase(self._database, self.gate), new_ledger_id)
        async with run_gateway(
            around.settings, around.secret, store, client, around.clock
        ) as gateway:
            self._running.set_result(gateway)
            await self._stopping.wait()

    async def _failed(self) -> Gateway:
        await self._life
        raise AssertionError("the gateway ended before it began")

    def _task(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        return loop().create_task(work, context=self._context)

    def own(self, task: asyncio.Task[Any]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def task_of_node(
    running: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **more: Any
) -> asyncio.Task[Any]:
    """The task factory of the loop: who begins a task has it."""
    task = asyncio.Task(work, loop=running, **more)
    context = more.get("context") or contextvars.copy_context()
    if (owner := context.get(_OWNER)) is not None:
        owner.own(task)
    return task
