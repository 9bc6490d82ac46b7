"""What the tests of money share: a provider that charges, gateways on one ledger, their keys."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from secrets import token_hex
from typing import Any

from adapters.simulator import (
    DEMO_KEY,
    NEVER,
    AccountConfig,
    Rules,
    Service,
    Simulator,
    SimulatorConfig,
)
from gateway.core.model.callers import Limits
from gateway.core.model.purchases import Spend
from tests.support.contract import Answer
from tests.support.gateway import USUAL, Client, Running, open_client, run_gateway
from tests.support.keys import make_key
from tests.support.program import node

OWN = "sk_the_servers_own"
RENT = {"service_code": "whatsapp"}
PRICE = Decimal("0.55")
SERVICES = (
    Service("Whatsapp", "whatsapp", PRICE, 5, stock=1000),
    Service("Telegram", "telegram", Decimal("1.00"), 5, stock=1000),
    Service("Rare", "rare", Decimal("0.10"), 5, stock=0),
)
CHARGING = replace(
    USUAL,
    services=SERVICES,
    accounts=(AccountConfig(DEMO_KEY), AccountConfig(OWN)),
    rules=Rules(code_after=NEVER, cancel_locked=0.0, max_active=10_000),
    log_size=5000,
)


@dataclass(frozen=True, slots=True)
class Bank:
    """A gateway on a ledger, before a provider that charges."""

    running: Running
    sim: Simulator

    @property
    def client(self) -> Client:
        return self.running.client

    @property
    def rents(self) -> int:
        """How often the provider was asked for a number."""
        return asked_to_rent(self.sim)

    @property
    def sent(self) -> list[Any]:
        """What the provider was sent with each rent."""
        return [one.json for one in self.sim.journal.received if one.call == "rent-a-number"]

    async def key(self, **limits: Any) -> str:
        """A new gateway key with these limits."""
        gateway = self.running.gateway
        taken = any(each.name == "a test" for each in await gateway.keys.all())
        name = f"a test {token_hex(4)}" if taken else "a test"
        return await make_key(gateway, name, Limits(**limits))

    def holder(self, key: str) -> Client:
        """Somebody who has this key."""
        return replace(self.client, key=key)

    async def with_key(self, **limits: Any) -> Client:
        """Somebody with a new gateway key."""
        return self.holder(await self.key(**limits))

    async def child_of(self, parent: Client, **limits: Any) -> Client:
        """Somebody with a new key that another gateway key made."""
        gateway = self.running.gateway
        made_by = await gateway.keys.find(gateway.hasher.name(parent.key or ""))
        assert made_by is not None
        name = f"a child {token_hex(4)}"
        return self.holder(await make_key(gateway, name, Limits(**limits), made_by.id))

    async def sim_rent(self, key: str) -> int:
        """The owner of an account rents a number at the provider, past every gateway."""
        async with self.client.session.post(
            f"{self.sim.url}/api/v1/rent-a-number",
            json={"service": RENT["service_code"]},
            headers={"Auth": key},
        ) as answer:
            rental_id: int = (await answer.json())["id"]
            return rental_id

    async def unknown(self) -> list[Spend]:
        return list(await self.running.gateway.ledger.unknown())


def asked_to_rent(sim: Simulator) -> int:
    return sim.journal.calls["rent-a-number"]


def terms(url: str) -> dict[str, Any]:
    """The settings of every gateway on one ledger."""
    return {
        "gateway_database_url": url,
        "gateway_secret": "the same secret for all of the nodes",
        "getatext_api_key": OWN,
    }


@asynccontextmanager
async def open_bank(
    url: str, sim: Simulator | None = None, config: SimulatorConfig = CHARGING, **changes: Any
) -> AsyncIterator[Bank]:
    """A gateway on the ledger at the URL; its provider is new where none is given."""
    if sim is not None:
        async with run_gateway(sim.url, **(terms(url) | changes)) as running:
            yield Bank(running, sim)
        return
    async with Simulator(config).running() as opened, open_bank(url, opened, **changes) as bank:
        yield bank


@asynccontextmanager
async def two_clients(
    provider_url: str, url: str, key: str = DEMO_KEY
) -> AsyncIterator[tuple[Client, Client]]:
    """Of two gateway processes on one ledger."""
    async with (
        node(provider_url, **terms(url)) as one,
        node(provider_url, **terms(url)) as other,
        open_client(one.url, key) as of_one,
        open_client(other.url, key) as of_other,
    ):
        yield of_one, of_other


def named(request_id: str) -> Mapping[str, str]:
    """The header that names a request."""
    return {"Idempotency-Key": request_id}


def replayed(answer: Answer) -> bool:
    return answer.headers.get("Idempotency-Replayed") == "true"


async def rent(client: Client, request_id: str | None = None, **wish: Any) -> Answer:
    """Rent a number, under a request id where one is given."""
    headers = named(request_id) if request_id else {}
    return await client.post("/v1/rentals", {**RENT, **wish}, headers=headers)


async def rent_many(client: Client, times: int, **more: Any) -> list[Answer]:
    """So many rents at once."""
    return await asyncio.gather(*(rent(client, **more) for _ in range(times)))
