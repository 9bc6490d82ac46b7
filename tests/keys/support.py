"""Two nodes on one database, and an admin who manages keys."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from adapters.simulator import DEMO_KEY, NEVER, Rules, Simulator
from gateway.core.model.callers import Limits
from gateway.wiring import Gateway, open_gateway
from tests.support.gateway import USUAL, Client, listening, open_client, settings
from tests.support.keys import make_key

SILENT = replace(USUAL, rules=Rules(code_after=NEVER, cancel_locked=0.0))
SECRET = "the same secret for all of the nodes"


@dataclass(frozen=True, slots=True)
class Node:
    """A gateway with all its faces, and its admin."""

    gateway: Gateway
    url: str
    admin: Client

    def holder(self, key: str) -> Client:
        """Somebody who has this key."""
        return replace(self.admin, key=key)

    async def make(self, **asked: Any) -> dict[str, Any]:
        """A new key, made over HTTP."""
        usual = {"name": "a shop", "budget_day": "100"}
        answer = await self.admin.post("/v1/keys", {**usual, **asked})
        assert answer.status == 201, answer.body
        made: dict[str, Any] = answer.json
        return made


@asynccontextmanager
async def node(url: str, sim: Simulator, admin: str | None = None) -> AsyncIterator[Node]:
    """One node; its admin has this key, or a new one."""
    terms = settings(
        sim.url,
        gateway_database_url=url,
        gateway_secret=SECRET,
        getatext_api_key=DEMO_KEY,
        gateway_pass_through=True,
        gateway_webhook_allowed_networks=["127.0.0.0/8"],
    )
    async with open_gateway(terms) as gateway:
        key = admin or await make_key(gateway, "admin", Limits(admin=True))
        async with listening(gateway.app()) as address, open_client(address, key) as client:
            yield Node(gateway, address, client)


@asynccontextmanager
async def nodes(url: str) -> AsyncIterator[tuple[Node, Node]]:
    """Two nodes, before a provider whose codes never come."""
    async with (
        Simulator(SILENT).running() as sim,
        node(url, sim) as first,
        node(url, sim, first.admin.key) as second,
    ):
        yield first, second
