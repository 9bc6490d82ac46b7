"""A gateway that is opened after the handshake: what waits for it, what is told of a failure."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.core.model.callers import Account, Caller
from gateway.core.model.errors import InternalError, Unauthorized
from mcp_server.transport.opening import Opened, OpenedLater

ANYBODY, OWNER = Caller("", Account("", "")), Caller("owner", Account("owner", "key"))


class Door:
    """Opens when it may, or fails; counts what was done."""

    def __init__(self, *faults: Exception) -> None:
        self.may = asyncio.Event()
        self.done: list[str] = []
        self._faults = list(faults)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Opened]:
        self.done.append("begun")
        await self.may.wait()
        if self._faults:
            raise self._faults.pop(0)
        inner: Any = object()
        try:
            yield inner, OWNER
        finally:
            self.done.append("closed")


async def test_it_is_opened_once_and_closed() -> None:
    door = Door()
    gateway = OpenedLater(door.open)
    for _ in range(3):
        gateway.begin()
    early = gateway.caller(ANYBODY)
    door.may.set()
    await gateway.settled()
    late = gateway.caller(ANYBODY)
    await gateway.close()

    assert (early, late) == (ANYBODY, OWNER)
    assert door.done == ["begun", "closed"]


async def test_whose_tools_depend_on_it_has_no_caller_before() -> None:
    gateway = OpenedLater(Door().open)

    with pytest.raises(InternalError):
        gateway.caller(None)


async def test_a_failure_is_told_to_every_call_and_tried_again() -> None:
    door = Door(Unauthorized(), Unauthorized())
    gateway = OpenedLater(door.open)
    door.may.set()
    for _ in range(2):
        await gateway.settled()
        with pytest.raises(Unauthorized):
            gateway.caller(ANYBODY)
    await gateway.settled()

    assert gateway.caller(ANYBODY) is OWNER
    await gateway.close()
    assert door.done == ["begun"] * 3 + ["closed"]


@pytest.mark.parametrize("fault", [Unauthorized(), RuntimeError("a bug")])
async def test_the_end_tells_what_kept_it_from_being_opened(fault: Exception) -> None:
    door = Door(fault)
    gateway = OpenedLater(door.open)
    door.may.set()
    await gateway.settled()

    with pytest.raises(type(fault)):
        await gateway.close()


async def test_it_is_not_waited_for_at_the_end() -> None:
    door = Door()
    gateway = OpenedLater(door.open)
    gateway.begin()
    await asyncio.sleep(0)
    await gateway.close()

    assert door.done == ["begun"]


async def test_a_fault_of_the_program_is_no_answer() -> None:
    door = Door(RuntimeError("a bug"))
    gateway = OpenedLater(door.open)
    door.may.set()
    await gateway.settled()

    with pytest.raises(RuntimeError):
        gateway.caller(ANYBODY)
