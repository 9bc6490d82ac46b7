"""The world of a run: the provider, a gateway that ends every minute, lost answers, held time."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from adapters.simulator import AccountConfig, Fault, FaultKind, Limits, Rules, Service
from adapters.simulator import SimulatorConfig as Config
from adapters.simulator.provider.records import Rental
from gateway.core.model.callers import GatewayKey, caller_id
from gateway.core.model.callers import Limits as KeyLimits
from gateway.core.model.errors import GatewayError
from gateway.core.operations.call import Answer, Call
from gateway.core.operations.operation import AnyOperation
from gateway.settings import Settings
from tests.model.databases import Ledger
from tests.model.node import Died, Node, Surroundings
from tests.model.provider import Provider, simulated
from tests.support.gateway import settings
from tests.support.held_time import LoopClock

OWN = "sk_the_servers_own"
_SECRET = "the one secret of every gateway in here"
TTL = 15  # minutes
_RICH = Decimal(900_000)
_STARTING = 2.0  # seconds in which nothing serves
_MINUTE = 60.0
_CUT = 0.05  # of the answers to purchases do not reach their caller
_LOST_EVERY = 600.0  # seconds from one lost answer to the next, for each key
_LATE, _LATE_AFTER = 10, 170.0  # every so many keys: their codes come after their patience
_LOST = (
    Fault("rent-a-number", FaultKind.DROP_AFTER),
    Fault("rent-a-number", FaultKind.DROP_BEFORE),
    *[Fault("cancel-rental", FaultKind.DROP_AFTER)] * 3,
    Fault("cancel-rental", FaultKind.DROP_BEFORE),
    *[Fault("rental-status", FaultKind.DROP_AFTER)] * 3,
    Fault("rental-status", FaultKind.STATUS, status=502),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is played. `budget` is how many numbers' prices each key may spend.

    `locked`: for how many seconds nothing can be cancelled.
    """

    name: str
    keys: int
    budget: int
    locked: float
    silent: float = 0.4
    seed: int = 1

    @property
    def gives_back(self) -> bool:
        """Whether a silent number can be cancelled before its end."""
        return self.locked < TTL * _MINUTE


@dataclass(frozen=True, slots=True)
class Key:
    """A gateway key. Nobody else rents its service, so that every rental can be traced to it."""

    name: str
    service: str
    price: Decimal
    limits: KeyLimits

    @property
    def secret(self) -> str:
        return f"gtw_{self.name}"

    @property
    def caller(self) -> str:
        return caller_id(GatewayKey(self.name, "", "", self.limits, LoopClock().now()))


@dataclass
class World:
    """What callers and the judge see.

    `kills` and `stops` count how the gateway ended, `lost` the answers that were lost; `over`:
    everybody is content, and nothing goes wrong any more.
    """

    plan: Plan
    provider: Provider
    node: Node
    keys: list[Key]
    around: Surroundings
    dice: random.Random
    kills: int = 0
    stops: int = 0
    serving: bool = False
    lost: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(
        self, key: Key, op: AnyOperation, given: Mapping[str, Any], request_id: str | None
    ) -> Answer[Any] | GatewayError | None:
        """What the gateway answers, or None where no answer comes: it ends, or the line does."""
        if not self.serving:
            return None
        try:
            answer = await self.node.run(_asked(self.node, key, op, given, request_id))
        except Died:
            return None
        return None if request_id is not None and self.dice.random() < _CUT else answer

    async def break_things(self) -> None:
        """Lose answers, and end the gateway each minute and start it again, until it is over."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._lose_answers())
            tasks.create_task(self._restart())

        self.provider.sim.faults.clear()

    async def _is_over(self, within: float) -> bool:
        """Whether everybody is content, at the latest after so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self.over.wait()
        return self.over.is_set()

    async def _lose_answers(self) -> None:
        while not await self._is_over(self.dice.expovariate(self.plan.keys / _LOST_EVERY)):
            faults, fault = self.provider.sim.faults, self.dice.choice(_LOST)
            if fault.call not in {left.call for left in faults.scripted}:
                faults.add(fault)
                self.lost += 1

    async def _restart(self) -> None:
        """Every other time it is killed over what it does, at any of its effects."""
        while not await self._is_over(_MINUTE - _STARTING):
            if (self.kills + self.stops) % 2:
                self.stops += 1
                self.serving = False
                await self.node.stop()
            else:
                self.kills += 1
                self.node.gate.fuse = self.dice.randrange(40)
                await asyncio.wait([self.node.gate.died], timeout=_STARTING)
                self.serving = False
                await self.node.kill()
            await self.node.close()
            await asyncio.sleep(_STARTING)
            await self._start()

    async def _start(self) -> None:
        await self.node.open()
        await self.node.start(self.around)
        self.serving = True

    @property
    def now(self) -> datetime:
        return self.around.clock.now()

    def sold_to(self, key: Key) -> list[Rental]:
        """What the provider sold to this key, which nobody else rents."""
        sold = self.provider.sim.books.rentals.values()
        return [rental for rental in sold if rental.service == key.service]


@asynccontextmanager
async def world(plan: Plan, ledger: Ledger) -> AsyncIterator[World]:
    """A gateway that serves, before a provider of its own; its keys have been made."""
    clock, keys = LoopClock(), list(_keys(plan))
    provider = simulated(_config(plan, keys, clock))
    around = Surroundings(_settings(), _SECRET.encode(), clock, provider)
    home = World(plan, provider, Node(ledger), keys, around, random.Random(plan.seed))
    await home._start()
    gateway = home.node.gateway
    for key in keys:
        hashed = gateway.hasher.name(key.secret)
        await gateway.keys.create(GatewayKey(key.name, key.name, hashed, key.limits, clock.now()))
    try:
        yield home
    finally:
        await home.node.kill()
        await home.node.close()


async def _asked(
    node: Node, key: Key, op: AnyOperation, given: Mapping[str, Any], request_id: str | None
) -> Answer[Any] | GatewayError:
    try:
        caller = await node.gateway.callers.identify(key.secret)
        call = Call(caller, "outcomes", request_id=request_id)
        return await node.gateway.invoker.answer(op, call, given)
    except GatewayError as error:
        return error


def _keys(plan: Plan) -> Iterator[Key]:
    for number in range(plan.keys):
        price = Decimal(30 + number % 50).scaleb(-2)
        limits = KeyLimits(budget_total=price * plan.budget)
        yield Key(f"key{number}", f"service{number}", price, limits)


def _config(plan: Plan, keys: list[Key], clock: LoopClock) -> Config:
    after = {
        key.service: _LATE_AFTER if number % _LATE == _LATE - 1 else 5.0 + 7 * number % 60
        for number, key in enumerate(keys)
    }
    return Config(
        accounts=(AccountConfig(OWN, _RICH),),
        services=tuple(Service(key.name, key.service, key.price, TTL) for key in keys),
        rules=Rules(
            silent=plan.silent,
            service_code_after=after,
            cancel_locked=plan.locked,
            max_active=10 * plan.keys,
            refund_expired=False,
        ),
        limits=Limits(),
        catalogue_size=1,
        seed=plan.seed,
        clock=lambda: clock.now().timestamp(),
    )


def _settings() -> Settings:
    return settings(
        "http://provider.invalid",
        gateway_database_url="sqlite:///opened elsewhere",
        gateway_secret=_SECRET,
        getatext_api_key=OWN,
        getatext_rates={},
    )
