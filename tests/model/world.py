"""The world of one sequence: the provider, the nodes on one ledger, their callers, and time."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from adapters.simulator import Service
from gateway.core.model.callers import GatewayKey, Limits
from gateway.core.model.errors import GatewayError
from gateway.core.operations.call import Answer, Call
from gateway.core.operations.operation import AnyOperation
from gateway.settings import Settings
from tests.model.databases import Ledger
from tests.model.node import Node, Surroundings
from tests.model.provider import Provider, make_provider
from tests.support.gateway import settings
from tests.support.held_time import loop

OWN = "sk_the_servers_own"
SECRET = "the one secret of every node in here"
START = datetime(2025, 7, 6, tzinfo=UTC)
BUDGET = Decimal("1.20")


@dataclass(frozen=True, slots=True)
class Who:
    """A caller. Nobody else rents its services or for its period, so all can be traced to it."""

    name: str
    key: str
    period: str
    limits: Limits | None = None

    @property
    def account_key(self) -> str:
        """The key of its account at the provider."""
        return self.key if self.limits is None else OWN

    @property
    def one(self) -> str:
        return f"{self.name}_one"

    @property
    def several(self) -> str:
        """The service that sends several codes."""
        return f"{self.name}_several"


CALLERS = (
    Who("limited", "gtw_limited", "1w", Limits(budget_total=BUDGET)),
    Who("free", "gtw_free", "2w", Limits()),
    Who("passing", "sk_its_own", "1m"),
)
BEFORE_END = 20  # seconds
_AWAKE = 5.0  # seconds
_SOON = 0.01
_PRICE = Decimal("0.55")
_LONG_PRICES = {"1w": Decimal("2.10"), "2w": Decimal("3.20"), "1m": Decimal("4.30")}


@dataclass(frozen=True, slots=True)
class SequenceClock:
    """Begins at the same instant in each sequence."""

    begun: float

    def now(self) -> datetime:
        return START + timedelta(seconds=loop().time() - self.begun)

    def monotonic(self) -> float:
        return loop().time()


@dataclass
class World:
    """What the steps of a sequence play with.

    `told`: which rental was told for a request id, and when; `announced`: codes that a webhook
    brought, by rental; `given_back`: what came back of long rentals, by caller; `asked`: rentals
    whose cancel was asked for, however that was answered; `wished`: since when its caller was told
    that a wish stands; `replaced`: by which rental, as told; `hindered`: when something was amiss,
    so that a wish may have had to wait.
    """

    provider: Provider
    nodes: list[Node]
    ledger: Ledger
    clock: SequenceClock
    announced: dict[int, set[str]] = field(default_factory=dict)
    given_back: dict[str, Decimal] = field(default_factory=dict)
    told: dict[tuple[str, str], tuple[int | None, datetime]] = field(default_factory=dict)
    asked: set[int] = field(default_factory=set)
    wished: dict[int, float] = field(default_factory=dict)
    replaced: dict[int, int] = field(default_factory=dict)
    hindered: list[tuple[float, float]] = field(default_factory=list)
    _away_since: float | None = None

    async def answer(
        self, node: Node, who: Who, op: AnyOperation, given: Mapping[str, Any], **more: Any
    ) -> Answer[Any] | GatewayError:
        """What a node answers a caller. Raises Died."""
        return await node.run(_asked(node, who, op, given, **more))

    async def pass_by(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.provider.catch_up()

    async def leap(self, seconds: float) -> None:
        """So much time passes at one go, but for calls under way, which never take so long."""
        while self.provider.under_way:
            await asyncio.wait(self.provider.under_way)
        await asyncio.sleep(_SOON)  # what they answered is written down
        with self.hindering():
            loop().lag(seconds)
        await self.pass_by(_AWAKE)

    async def revive(self) -> None:
        """Start again what has died."""
        for node in self.nodes:
            if node.gate.dead:
                with self.hindering():
                    await node.restart(killed=True)

    @contextmanager
    def hindering(self) -> Iterator[None]:
        """Something is amiss in the block."""
        begun = self.provider.now()
        try:
            yield
        finally:
            self.hindered.append((begun, self.provider.now()))

    def reach(self, reachable: bool) -> None:
        """The provider is there, or away."""
        now, self.provider.reachable = self.provider.now(), reachable
        if not reachable:
            self._away_since = now if self._away_since is None else self._away_since
        elif self._away_since is not None:
            self.hindered.append((self._away_since, now))
            self._away_since = None

    def calm(self, since: float, until: float) -> float:
        """The longest time in between in which nothing was amiss, in seconds."""
        longest, at = 0.0, since
        for begun, ended in sorted(self.hindered):
            longest = max(longest, min(begun, until) - at)
            at = max(at, ended)
        return max(longest, until - at)


async def _asked(
    node: Node, who: Who, op: AnyOperation, given: Mapping[str, Any], **more: Any
) -> Answer[Any] | GatewayError:
    try:
        caller = await node.gateway.callers.identify(who.key)
        return await node.gateway.invoker.answer(op, Call(caller, "model", **more), given)
    except GatewayError as error:
        return error


@dataclass
class Place:
    """Where sequences are played, one after the other: databases stay open in between."""

    ledger: Ledger
    nodes: list[Node]

    async def begin(self, *, refunds: bool, gives_back: bool) -> World:
        """A new world on an empty ledger; `gives_back`: numbers without a code before their end."""
        await self.ledger.empty()
        clock = SequenceClock(loop().time())
        keys = (OWN, *(who.key for who in CALLERS if who.limits is None))
        provider = make_provider(clock, keys, _services(), refunds=refunds, prices=_LONG_PRICES)
        around = Surroundings(_settings(refunds, gives_back), SECRET.encode(), clock, provider)
        for node in self.nodes:
            await node.start(around)
        first = self.nodes[0].gateway
        for who in CALLERS:
            if who.limits is not None:
                hashed = first.hasher.name(who.key)
                await first.keys.create(
                    GatewayKey(who.name, who.name, hashed, who.limits, clock.now())
                )
        return World(provider, self.nodes, self.ledger, clock)

    async def end(self) -> None:
        for node in self.nodes:
            await node.kill()


@asynccontextmanager
async def place(ledger: Ledger, nodes: int) -> AsyncIterator[Place]:
    """Opens the databases of so many nodes."""
    opened = [Node(ledger) for _ in range(nodes)]
    for node in opened:
        await node.open()
    try:
        yield Place(ledger, opened)
    finally:
        for node in opened:
            await node.close()


def _services() -> tuple[Service, ...]:
    return tuple(
        Service(name.capitalize(), name, _PRICE, minutes, multiple_sms=multiple)
        for who in CALLERS
        for name, minutes, multiple in ((who.one, 5, False), (who.several, 10, True))
    )


def _settings(refunds: bool, gives_back: bool) -> Settings:
    return settings(
        "http://provider.invalid",
        gateway_database_url="sqlite:///opened elsewhere",
        gateway_secret=SECRET,
        gateway_pass_through=True,
        gateway_status_cache_seconds=1,
        gateway_cancel_before_end_seconds=BEFORE_END if gives_back else 0,
        getatext_api_key=OWN,
        getatext_expiry_refunds=refunds,
        getatext_rates={},
        gateway_retention_days=3650,
    )
