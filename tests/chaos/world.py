"""A run's world: the provider, the gateways before it, their callers, and the audit at the end."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from aiohttp import ClientSession, DummyCookieJar, TCPConnector

from adapters.simulator import NEVER, AccountConfig, Limits, Rules, Service, Simulator
from adapters.simulator import SimulatorConfig as Config
from gateway.core.model.callers import Limits as KeyLimits
from gateway.core.model.events import EventType
from gateway.core.model.purchases import View
from gateway.core.purchases.settlement import resolution
from gateway.wiring import Gateway, open_gateway
from tests.chaos.callers import TURNS, Crowd, is_silent, service
from tests.chaos.databases import Database
from tests.chaos.faces import Face, Line
from tests.chaos.history import NOTHING, Entry, History, Sample, Sold
from tests.chaos.judging import GRACE
from tests.chaos.nodes import Node, Surroundings
from tests.support.gateway import UNPACED, settings
from tests.support.keys import make_key

OWN = "sk_the_servers_own"
LOOPBACK = "127.0.0.0/8"
SECRET = "the one secret of every node in here"
CALLERS = 12  # of two on a face one has a gateway key, the other a key of the provider's
_SETTLING = 5.0  # seconds more for callers to get what they asked for
_RICH = Decimal("900000.00")  # what the gateway reads of a balance ends at a million
_LOOKS = 450  # for 90 seconds: the provider says a minute even where it means less


@dataclass
class World:
    """What a scenario plays with. `ledger` is where its gateways keep theirs."""

    sim: Simulator
    ledger: Database
    nodes: list[Node]
    crowd: Crowd
    seconds: float
    history: History
    keys: list[str] = field(default_factory=list)

    @property
    def over(self) -> bool:
        """Whether callers ask for nothing new any more."""
        return time.time() > self.crowd.until

    async def live(
        self,
        faces: Sequence[Face],
        play: Callable[["World"], Awaitable[None]],
        prepare: Callable[["World"], Awaitable[None]] | None = None,
    ) -> History:
        """Let everybody live while the scenario plays, then settle, audit, and tell.

        `prepare` is done once the nodes serve, before anybody asks for anything.
        """
        self.keys = await self._make_keys()
        await asyncio.gather(*(node.start() for node in self.nodes))
        if prepare is not None:
            await prepare(self)
        self.crowd.until = time.time() + self.seconds
        async with asyncio.TaskGroup() as watching:
            sampling = watching.create_task(self._sample())
            async with asyncio.TaskGroup() as living:
                for number, key in enumerate(self.keys):
                    face = faces[number // 2 % len(faces)]
                    living.create_task(self.crowd.live(living, number, key, face))
                await play(self)
                self.sim.provider.faults.clear()
                self.sim.release()
                self.crowd.hang_ups = 0.0
                self.crowd.closing = max(time.time(), self.crowd.until) + GRACE + _SETTLING
            sampling.cancel()
        await self._settle(faces)
        return self.history

    async def _settle(self, faces: Sequence[Face]) -> None:
        """Let what is open end, end the nodes, and copy the books."""
        await self._look_at_all(faces)
        chosen = settings(self.sim.url, **self._settings())
        async with open_gateway(chosen) as auditor:
            await self._carried_out(auditor)
            await asyncio.gather(*(node.stop() for node in self.nodes))
            await self._audit(auditor)
        buying = {wish.face for wish in self.history.wishes if wish.bought}
        if idle := {face.name for face in faces} - buying:
            raise RuntimeError(f"nothing was bought over {idle}: the run shows nothing")

    @asynccontextmanager
    async def outage(self) -> AsyncIterator[None]:
        """The time in which something is away."""
        begun = time.time()
        try:
            yield
        finally:
            self.history.outages.append((begun, time.time()))

    def _settings(self) -> dict[str, Any]:
        """Those of a gateway in this process, on the same ledger."""
        return {
            "gateway_database_url": self.ledger.own_url,
            "gateway_secret": SECRET,
            "getatext_api_key": OWN,
            "getatext_rates": UNPACED,
            "gateway_webhook_allowed_networks": [LOOPBACK],
        }

    async def admin_key(self) -> str:
        """A new key that sees all of the server's own account."""
        async with open_gateway(settings(self.sim.url, **self._settings())) as home:
            return await make_key(home, "admin", KeyLimits(admin=True, budget_total=Decimal(1)))

    async def _make_keys(self) -> list[str]:
        """Also makes the ledger."""
        async with open_gateway(settings(self.sim.url, **self._settings())) as home:
            made = [
                await make_key(home, f"caller {number}", KeyLimits(budget_total=Decimal(10_000)))
                for number in range(0, CALLERS, 2)
            ]
        given = [_provider_key(number) for number in range(1, CALLERS, 2)]
        return [key for pair in zip(made, given, strict=True) for key in pair]

    async def _sample(self) -> None:
        while True:
            begun = time.time()
            found = await self.ledger.open_purchases()
            if found is not None:
                self.history.samples.append(Sample(begun, found))
            await asyncio.sleep(0.1)

    async def _look_at_all(self, faces: Sequence[Face]) -> None:
        """What became of each rental is read once more: the answers of cancellations are lost too.

        The owner of the account sees what its keys bought.
        """
        together = asyncio.Semaphore(10)

        async def look(rental: int, key: str) -> None:
            line = Line(self.crowd.session, self.nodes[0].url, key)
            async with together, asyncio.timeout(60):
                status = 0
                while status not in (200, 404):
                    status = (await line.ask("GET", f"/v1/rentals/{rental}")).status

        rentals = self.sim.books.rentals.values()
        await asyncio.gather(*(look(each.id, each.account) for each in rentals))

    async def _carried_out(self, auditor: Gateway) -> None:
        """Wait until no wish to cancel stands any more; the judge finds what does then."""
        for key in self.keys:  # wishes of its account wait until it is seen
            await auditor.callers.identify(key)
        for _ in range(_LOOKS):
            if not await auditor.ledger.accounts_with_cancels():
                return
            await asyncio.sleep(0.2)

    async def _audit(self, auditor: Gateway) -> None:
        """Settle by the provider's books what is unknown, and copy both books."""
        self.history.sold = await self._books()
        await self._resolve(auditor)
        await self._carried_out(auditor)  # what was replaced by a lost purchase
        self.history.sold = await self._books()
        spends, now = await auditor.ledger.spends(1_000_000), datetime.now(UTC)
        self.history.entries = [
            Entry(str(s.service_code), s.state.value, s.charged or NOTHING, s.refunded)
            for s in spends
        ]
        callers = {spend.caller_id for spend in spends}
        spent = [await auditor.ledger.spending(caller, now) for caller in callers]
        self.history.spent = sum((one.total for one in spent), NOTHING)
        await self._count_ends(auditor)

    async def _count_ends(self, auditor: Gateway) -> None:
        """How often the event list tells the end of each rental."""
        callers = [await auditor.callers.identify(key) for key in self.keys]
        for account_id in {caller.account.id for caller in callers}:
            last = 0
            while events := await auditor.store.events.events(View(account_id), last, 1000):
                last = events[-1].id
                self.history.ends.update(
                    one.data.id
                    for one in events
                    if one.type is EventType.RENTAL_ENDED and one.data and one.data.id
                )

    async def _books(self) -> list[Sold]:
        async with self.crowd.session.get(f"{self.sim.url}/_control/books") as answer:
            return [_sold(row) for row in (await answer.json())["rentals"]]

    async def _resolve(self, auditor: Gateway) -> None:
        """What an operator does with `ledger resolve` and the provider's own pages."""
        ledger = auditor.ledger
        for spend in await ledger.unknown():
            outcome = resolution(spend, None, None)
            for sale in self.history.sold:
                taken = sale.service != spend.service_code or await ledger.is_bought(
                    spend.account_id, "rental", sale.rental
                )
                if not taken:
                    outcome = resolution(spend, sale.rental, sale.price)
            await ledger.settle(spend.ledger_id, outcome, datetime.now(UTC))


@asynccontextmanager
async def world(
    ledger: Database,
    seconds: float,
    *,
    nodes: int = 1,
    hang_ups: float = 0.0,
    cancel_locked: float = 0.0,
    within: Surroundings | None = None,
    **changed: str,
) -> AsyncIterator[World]:
    """Everything is there, and nothing has started; at the end nothing runs any more.

    `changed`: settings of the gateways that differ from those of other scenarios.
    """
    history = History()
    connector = TCPConnector(force_close=True, limit=0)  # a GET on a kept one would be sent again
    async with (
        Simulator(_config(cancel_locked)).running() as sim,
        ClientSession(connector=connector, cookie_jar=DummyCookieJar()) as session,
    ):
        told = environment(sim.url, ledger.url) | changed
        gateways = [Node(told, within) for _ in range(nodes)]
        crowd = Crowd(session, gateways, history, hang_ups)
        try:
            yield World(sim, ledger, gateways, crowd, seconds, history)
        finally:
            await asyncio.gather(*(node.kill() for node in gateways))
            lines, tracebacks = (
                sum(getattr(node, what) for node in gateways) for what in ("lines", "tracebacks")
            )
            history.notes.append(f"{lines} log lines, {tracebacks} tracebacks")


def _provider_key(number: int) -> str:
    return f"sk_caller_{number}"


def environment(provider: str, url: str) -> dict[str, str]:
    """The settings of a gateway before this provider, on this database."""
    rates = ", ".join(f'"{name}": {rate}' for name, rate in UNPACED.items())
    return {
        "GETATEXT_BASE_URL": provider,
        "GETATEXT_API_KEY": OWN,
        "GETATEXT_RATES": f"{{{rates}}}",
        "GETATEXT_READ_SECONDS": "3",
        "GETATEXT_SPEND_SECONDS": "3",
        "GATEWAY_DATABASE_URL": url,
        "GATEWAY_SECRET": SECRET,
        "GATEWAY_STATUS_CACHE_SECONDS": "0.2",
        "GATEWAY_ACCESS_LOG": "false",
        "GATEWAY_WEBHOOK_ALLOWED_NETWORKS": f'["{LOOPBACK}"]',
    }


def _config(cancel_locked: float) -> Config:
    keys = (OWN, *(_provider_key(number) for number in range(CALLERS)))
    dice = random.Random(7)
    wishes = [(caller, turn) for caller in range(CALLERS) for turn in range(TURNS)]
    return Config(
        accounts=tuple(AccountConfig(key, _RICH) for key in keys),
        services=tuple(
            Service(f"W {name}", name, Decimal(dice.randint(10, 99)).scaleb(-2), 20)
            for name in (service(*wish) for wish in wishes)
        ),
        rules=Rules(
            code_after=0.5,
            service_code_after={service(*wish): NEVER for wish in wishes if is_silent(wish[1])},
            cancel_locked=cancel_locked,
            max_active=10**6,
        ),
        limits=Limits(on=False),
        catalogue_size=0,
        log_size=0,
    )


def _sold(row: dict[str, Any]) -> Sold:
    return Sold(
        row["id"],
        row["service"],
        Decimal(row["price"]),
        row["rented_at"],
        Decimal(row["refunded"]),
        tuple((code["text"], code["at"]) for code in row["codes"]),
    )
