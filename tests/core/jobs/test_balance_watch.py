"""The watch of balances, in held time: when it asks, and what it gives to the store to judge."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

import pytest

from gateway.core.jobs.balance_watch import BalanceWatch
from gateway.core.model.account import Balance
from gateway.core.model.errors import GatewayError, LedgerUnavailable
from gateway.core.model.prices import Price
from gateway.core.model.provider_errors import UpstreamUnavailable
from gateway.core.model.rentals import Rental, RentalStatus
from gateway.core.upstream.account import AccountUpstream
from gateway.core.upstream.calls import BALANCE, PRICES, RENTAL_STATUS
from tests.support.core import RecordingObserver
from tests.support.held_time import LoopClock, held, loop

CLOCK = LoopClock()
OWN, GUEST = "own", "guest"
DAY = 86_400.0


@dataclass
class World:
    """A provider whose balance is set by hand, and the store that all nodes share."""

    balance: str = "10.00"
    fault: GatewayError | None = None
    store_fault: GatewayError | None = None
    asked: list[float] = field(default_factory=list)
    judged: list[tuple[str, float]] = field(default_factory=list)
    leases: dict[str, tuple[object, float]] = field(default_factory=dict)

    # As Provider, whose calls go out without a pipeline.
    async def call(self, call: object, asked: object) -> object:
        if call is PRICES:
            return list[Price]()
        if call is RENTAL_STATUS:
            money = Decimal(self.balance)
            return Rental(id=1, status=RentalStatus.ACTIVE, codes=(), balance=money)
        self.asked.append(round(loop().time()))
        if self.fault is not None:
            raise self.fault
        return Balance(balance=Decimal(self.balance))

    async def ask(
        self, account_id: str, call: object, question: Callable[[], Awaitable[Any]], **_: object
    ) -> Any:
        return await question()

    # As Balances.
    async def judge(
        self,
        account_id: str,
        balance: Decimal,
        threshold: Decimal,
        *,
        asked_at: datetime,
        at: datetime,
    ) -> bool:
        if self.store_fault is not None:
            raise self.store_fault
        self.judged.append((str(balance), round(loop().time())))
        return balance < threshold

    def node(self, own: str | None = OWN, met: tuple[str, ...] = (OWN, GUEST)) -> "Node":
        return Node(self, own, met)


class Node:
    """A node: its watch, and what its callers ask the provider."""

    def __init__(self, world: World, own: str | None, met: tuple[str, ...]) -> None:
        self.world = world
        self.met = met
        self.observer = RecordingObserver()
        fake = cast(Any, world)
        self.watch = BalanceWatch(
            Decimal(5), fake, self, CLOCK, self.observer, self.upstream_of, own=own
        )

    def upstream_of(self, account_id: str) -> AccountUpstream | None:
        fake = cast(Any, self.world)
        if account_id not in self.met:
            return None
        return AccountUpstream(account_id, fake, fake, hears=self.watch)

    # As Leases.
    async def take(self, name: str, seconds: float) -> bool:
        if self.world.store_fault is not None:
            raise self.world.store_fault
        owner, until = self.world.leases.get(name, (self, 0.0))
        if owner is not self and until > loop().time():
            return False
        self.world.leases[name] = self, loop().time() + seconds
        return True

    async def give_back(self, name: str) -> None: ...

    async def status(self, account_id: str = OWN) -> None:
        upstream = self.upstream_of(account_id)
        assert upstream is not None
        await upstream.ask(RENTAL_STATUS, 1)

    async def busy(self, every: float, times: int, account_id: str = OWN) -> None:
        for _ in range(times):
            await self.status(account_id)
            await asyncio.sleep(every)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Node"]:
        task = asyncio.create_task(self.watch.run())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.wait([task])
            await self.watch.close()


@held
async def test_the_own_balance_is_asked_every_five_minutes_where_nothing_tells_it() -> None:
    world = World()
    async with world.node().running():
        await asyncio.sleep(1000.0)

    assert world.asked == [0, 300, 600, 900]


@held
async def test_it_is_not_asked_while_answers_tell_it() -> None:
    world = World()
    async with world.node().running() as node:
        await node.busy(100.0, 20)
        await asyncio.sleep(290.0)

    assert world.asked == [2220]  # three hundred seconds after the last answer, at a look


@held
async def test_two_nodes_ask_no_more_often_than_one() -> None:
    world = World()
    async with world.node().running(), world.node().running():
        await asyncio.sleep(1501.0)

    assert world.asked == [0, 300, 600, 900, 1200, 1500]


@held
async def test_a_node_that_is_told_nothing_does_not_ask_while_another_is_told() -> None:
    world = World()
    async with world.node().running() as idle:
        async with world.node().running() as busy:
            await busy.busy(50.0, 60)
            told_until = loop().time() - 50.0
            assert world.asked == [0]
        await asyncio.sleep(1000.0)

    assert idle.observer.faults == []
    assert told_until + 300 <= world.asked[1] <= told_until + 510  # the other one is gone


@held
async def test_a_provider_that_is_away_is_asked_no_more_often() -> None:
    world = World(fault=UpstreamUnavailable("It is away."))
    async with world.node().running() as node:
        await asyncio.sleep(700.0)
        world.fault, world.balance = None, "1.00"
        await asyncio.sleep(300.0)

    assert world.asked == [0, 300, 600, 900]
    assert node.observer.faults == []
    assert world.judged == [("1.00", 900)]


@held
async def test_while_the_store_is_away_it_is_not_asked_and_then_goes_on() -> None:
    world = World(store_fault=LedgerUnavailable("It is away."))
    async with world.node().running() as node:
        await asyncio.sleep(100.0)
        assert world.asked == []
        world.store_fault = None
        await asyncio.sleep(300.0)

    assert world.asked == [120]
    assert node.observer.faults == []


@held
async def test_the_account_of_a_key_at_hand_is_asked_for_a_day_after_its_last_call() -> None:
    world = World()
    async with world.node(own=None).running() as node:
        await asyncio.sleep(1000.0)
        assert world.asked == []  # nobody has used it
        await node.status(GUEST)
        await asyncio.sleep(2 * DAY)

    assert world.asked[0] == 1320
    assert len(world.asked) == DAY // 300 - 1
    assert world.asked[-1] <= 1000 + DAY


@held
async def test_an_account_whose_key_is_not_at_hand_is_not_asked() -> None:
    world = World()
    async with world.node(own=None).running() as node:
        await node.status(GUEST)
        node.met = ()
        await asyncio.sleep(1000.0)

    assert world.asked == []


@held
async def test_answers_on_the_same_side_are_judged_once_a_minute() -> None:
    world = World()
    node = world.node()
    for balance, times_told in (("6", 3), ("4", 3), ("3", 1), ("5", 2)):
        world.balance = balance
        for _ in range(times_told):
            await node.status()
            await asyncio.sleep(1.0)
    await asyncio.sleep(60.0)
    await node.status()
    await node.watch.close()

    assert world.judged == [("6", 0), ("4", 3), ("5", 7), ("5", 69)]


@held
async def test_what_the_store_could_not_judge_is_judged_with_the_next_answer() -> None:
    world = World(balance="4", store_fault=LedgerUnavailable("It is away."))
    node = world.node()
    await node.status()
    await asyncio.sleep(1.0)
    world.store_fault = None
    await node.status()
    await node.watch.close()

    assert world.judged == [("4", 1)]
    assert node.observer.faults == []


@pytest.mark.parametrize("call", [BALANCE, PRICES, RENTAL_STATUS], ids=lambda call: call.name)
def test_every_answer_is_heard_and_those_with_a_balance_count(call: Any) -> None:
    @held
    async def run() -> None:
        world = World(balance="4")
        node = world.node()
        upstream = node.upstream_of(OWN)
        assert upstream is not None
        await upstream.ask(call, 1)
        await node.watch.close()

        assert bool(world.judged) is (call is not PRICES)

    run()
