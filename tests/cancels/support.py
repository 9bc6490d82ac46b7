"""Nodes of the gateway in held time, on either database, before the simulated provider."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from adapters.simulator import NEVER, AccountConfig, Fault, FaultKind, Rules, Service
from adapters.simulator import Limits as ProviderLimits
from adapters.simulator import SimulatorConfig as Config
from adapters.simulator.control.settings import Changes, change
from adapters.simulator.provider.provider import SimulatedProvider
from adapters.simulator.provider.records import Account
from adapters.simulator.provider.records import Rental as Sold
from adapters.simulator.wire.face import Face
from adapters.simulator.wire.replies import FaultInjector
from gateway.core.model.callers import GatewayKey, Limits
from gateway.core.model.errors import GatewayError
from gateway.core.model.events import Event
from gateway.core.model.purchases import View
from gateway.core.model.rentals import Rental
from gateway.core.operations.call import Call
from gateway.core.operations.operation import AnyOperation
from gateway.core.operations.rentals import CANCEL_RENTAL, RENT_NUMBER
from tests.model.databases import Ledger, OnSqlite, held_databases, on_postgres
from tests.model.node import Node, Surroundings, task_of_node
from tests.model.provider import Provider
from tests.support.gateway import settings
from tests.support.held_time import HeldLoop, loop
from tests.support.postgres import Postgres

OWN, PASSING = "sk_the_servers_own", "sk_its_own"
HOLDER, ADMIN = "gtw_holder", "gtw_admin"
PRICE = Decimal("0.55")
SECRET = "the one secret of every node in here"
START = datetime(2025, 7, 6, tzinfo=UTC)
MINUTES = 15  # that a rental lasts
LOST = Fault("cancel-rental", FaultKind.DROP_AFTER)
NOT_ARRIVED = Fault("cancel-rental", FaultKind.DROP_BEFORE)


@dataclass(frozen=True, slots=True)
class HeldClock:
    """The time of the loop, from the start of the test on."""

    begun: float

    def now(self) -> datetime:
        return START + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return loop().time() - self.begun


@dataclass
class Bed:
    """Nodes, their provider, and what it was asked: the call and the seconds since the start."""

    nodes: list[Node]
    provider: Provider
    clock: HeldClock
    asked: list[tuple[str, float]] = field(default_factory=list)

    async def ask(self, op: AnyOperation, node: int = 0, key: str = HOLDER, **given: Any) -> Any:
        """What a node answers."""
        return await self.nodes[node].run(self._answer(op, node, key, given))

    async def rent(self, node: int = 0, key: str = HOLDER, service: str = "silent") -> int:
        rental = await self.ask(RENT_NUMBER, node, key, service_code=service)
        assert isinstance(rental, Rental), rental
        assert rental.id is not None
        return rental.id

    async def cancel(self, rental_id: int, node: int = 0, key: str = HOLDER) -> Rental:
        """What cancel_rental answers, which is no error."""
        rental = await self.ask(CANCEL_RENTAL, node, key, rental_id=rental_id)
        assert isinstance(rental, Rental), rental
        return rental

    async def refused(self, rental_id: int, node: int = 0, key: str = HOLDER) -> str:
        """The code of the error of cancel_rental."""
        error = await self.ask(CANCEL_RENTAL, node, key, rental_id=rental_id)
        assert isinstance(error, GatewayError), error
        return error.code

    async def pass_by(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.provider.catch_up()

    async def restart(self, node: int = 0, *, killed: bool = True) -> None:
        await self.nodes[node].restart(killed=killed)

    def script(self, *faults: Fault) -> None:
        for fault in faults:
            self.provider.sim.faults.add(fault)

    def when_asked(self, call: str, then: Callable[[], Any]) -> None:
        """Do it once, when the provider is asked so next."""
        faults = self.provider.sim.faults
        take = faults.take

        def noted(asked: str, key: str | None) -> Any:
            if asked == call:
                faults.take = take  # type: ignore[method-assign]
                then()
            return take(asked, key)

        faults.take = noted  # type: ignore[method-assign, assignment]

    def change(self, **rules: Any) -> None:
        """Change the provider's rules."""
        change(self.provider.sim, Changes.model_validate(rules))

    def receive(self, rental_id: int, code: str = "012345") -> None:
        self.provider.receive(rental_id, code)

    def calls(self, name: str = "cancel-rental") -> list[float]:
        """When the provider was asked so."""
        return [at for call, at in self.asked if call == name]

    def sold(self, rental_id: int) -> Sold:
        self.provider.catch_up()
        return self.provider.sim.books.rentals[rental_id]

    def status(self, rental_id: int) -> str:
        """At the provider."""
        return self.sold(rental_id).status.value

    async def known(self, rental_id: int, node: int = 0) -> Rental:
        """As the ledger has it."""
        ledger = self.nodes[node].gateway.ledger
        found = await ledger.find(View(self.account(OWN)), "rental", rental_id)
        assert isinstance(found, Rental), found
        return found

    async def events(self, rental_id: int, key: str = OWN) -> list[Event]:
        """The events of a rental, oldest first."""
        events = self.nodes[0].gateway.store.events
        found = await events.page(
            View(self.account(key)),
            type=None,
            rental_id=rental_id,
            after=None,
            before=None,
            limit=100,
        )
        return list(reversed(found))

    async def kinds(self, rental_id: int, key: str = OWN) -> list[str]:
        return [event.type.value for event in await self.events(rental_id, key)]

    async def wishes(self, node: int = 0) -> int:
        """How many accounts have wishes that stand."""
        return len(await self.nodes[node].gateway.ledger.accounts_with_cancels())

    def account(self, key: str) -> str:
        return self.nodes[0].gateway.hasher.name(key)

    async def _answer(self, op: AnyOperation, node: int, key: str, given: dict[str, Any]) -> Any:
        gateway = self.nodes[node].gateway
        try:
            caller = await gateway.callers.identify(key)
            return (await gateway.invoker.answer(op, Call(caller, "held"), given)).value
        except GatewayError as error:
            return error


Test = Callable[[Bed], Awaitable[None]]


def on_both_databases(
    nodes: int = 1, rules: Mapping[str, Any] | None = None, **changes: Any
) -> Callable[[Test], Any]:
    """A test with so many nodes on one database, once on each kind; `rules` of the provider."""

    def decorate(test: Test) -> Any:
        @pytest.mark.parametrize("database", ["sqlite", "postgres"])
        def run(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
            with ExitStack() as opened:
                url = None
                if database == "postgres":
                    server: Postgres = request.getfixturevalue("postgres")
                    url = opened.enter_context(server.database())
                held = HeldLoop()
                runner = opened.enter_context(asyncio.Runner(loop_factory=lambda: held))
                opened.enter_context(held_databases(held))
                runner.run(_run(test, url, tmp_path, nodes, rules or {}, changes))

        run.__name__, run.__doc__ = test.__name__, test.__doc__
        return run

    return decorate


async def _run(test: Test, url: str | None, folder: Path, *more: Any) -> None:
    loop().set_task_factory(cast(Any, task_of_node))
    async with AsyncExitStack() as opened:
        ledger: Ledger = OnSqlite(folder / "gateway.db")
        if url is not None:
            ledger = await opened.enter_async_context(on_postgres(url))
        await test(await opened.enter_async_context(_bed(ledger, *more)))


@asynccontextmanager
async def _bed(
    ledger: Ledger, count: int, rules: Mapping[str, Any], changes: dict[str, Any]
) -> AsyncIterator[Bed]:
    clock = HeldClock(loop().time())
    bed = Bed([], _provider(clock, rules), clock)
    faults = bed.provider.sim.faults
    take = faults.take

    def noted(call: str, key: str) -> Any:
        bed.asked.append((call, clock.monotonic()))
        return take(call, key)

    faults.take = noted  # type: ignore[method-assign, assignment]
    around = Surroundings(_settings(changes), SECRET.encode(), clock, bed.provider)
    try:
        for _ in range(count):
            node = Node(ledger)
            await node.open()
            bed.nodes.append(node)
            await node.start(around)
        for name, limits in ((HOLDER, Limits()), (ADMIN, Limits(admin=True))):
            hashed = bed.nodes[0].gateway.hasher.name(name)
            key = GatewayKey(name, name, hashed, limits, clock.now())
            await bed.nodes[0].gateway.keys.create(key)
        yield bed
    finally:
        for node in bed.nodes:
            await node.kill()
            await node.close()


def _provider(clock: HeldClock, rules: Mapping[str, Any]) -> Provider:
    usual = Rules(
        code_after=NEVER,
        next_code_after=NEVER,
        cancel_locked=0.0,
        max_active=10_000,
        refund_expired=False,
    )
    sim = SimulatedProvider(
        Config(
            accounts=(AccountConfig(OWN), AccountConfig(PASSING)),
            services=(
                Service("Silent", "silent", PRICE, MINUTES, stock=100_000),
                Service("Lasting", "lasting", PRICE, 4 * MINUTES, stock=100_000),
            ),
            catalogue_size=2,
            limits=ProviderLimits(calls={"rent-a-number": None}),
            rules=replace(usual, **rules),
            clock=lambda: clock.now().timestamp(),
        ),
        _unannounced,
    )
    return Provider(sim, Face(sim, FaultInjector()))


def _unannounced(account: Account, rental: Sold) -> None:
    """No webhooks."""


def _settings(changes: dict[str, Any]) -> Any:
    usual: dict[str, Any] = {
        "gateway_database_url": "sqlite:///opened elsewhere",
        "gateway_secret": SECRET,
        "gateway_pass_through": True,
        "gateway_status_cache_seconds": 1,
        "getatext_api_key": OWN,
        "getatext_rates": {"rent": 1000.0},
        "gateway_cancel_before_end_seconds": 0,
    }
    return settings("http://provider.invalid", **{**usual, **changes})
