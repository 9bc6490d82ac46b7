"""A gateway with a test key, whose clock the test can put forward."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from adapters.simulator import Simulator
from adapters.store import open_store
from gateway.core.model.callers import Limits
from gateway.wiring import Gateway, SystemClock
from gateway.wiring.gateway import _client, run_gateway
from tests.support.gateway import USUAL, Client, listening, new_database, open_client, settings
from tests.support.keys import make_key
from tests.support.ledger import new_id

SECRET = b"the same secret for all of the nodes"
NOWHERE = "http://127.0.0.1:9"
"""Where no provider answers."""


class Forwarded:
    """The system clock, put forward by a test."""

    def __init__(self) -> None:
        self._real = SystemClock()
        self._by = timedelta(0)

    def now(self) -> datetime:
        return self._real.now() + self._by

    def monotonic(self) -> float:
        return self._real.monotonic() + self._by.total_seconds()

    def put_forward(self, seconds: float) -> None:
        self._by += timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Node:
    """A gateway on a socket, and its clock; `client` has a test key."""

    gateway: Gateway
    app: web.Application
    url: str
    clock: Forwarded
    client: Client
    key: str


@asynccontextmanager
async def node(
    store_url: str = "",
    provider_url: str = NOWHERE,
    *,
    key: str | None = None,
    clock: Forwarded | None = None,
    budget_day: int | None = None,
    **changes: Any,
) -> AsyncIterator[Node]:
    """A node on a database, before no provider unless one is given.

    `key`: one made before, in place of a new one with this budget.
    """
    url = store_url or new_database()
    terms = settings(provider_url, gateway_database_url=url, **changes)
    time = clock or Forwarded()
    async with AsyncExitStack() as opened:
        store = await opened.enter_async_context(open_store(url, new_id=new_id))
        client = await opened.enter_async_context(_client(terms))
        gateway = await opened.enter_async_context(run_gateway(terms, SECRET, store, client, time))
        app = gateway.app()
        address = await opened.enter_async_context(listening(app))
        test_key = key or await new_key(gateway, budget_day=budget_day)
        caller = await opened.enter_async_context(open_client(address, test_key))
        yield Node(gateway, app, address, time, caller, test_key)


async def new_key(gateway: Gateway, name: str = "tests", **limits: Any) -> str:
    """A new test key, which may do everything where no limits are given."""
    given = Limits(**({"long_rentals": True} | limits))
    return await make_key(gateway, name, given, test=True)


@asynccontextmanager
async def simulator() -> AsyncIterator[Simulator]:
    """The stand-in provider, which is to be asked nothing."""
    async with Simulator(USUAL).running() as sim:
        yield sim
        assert not sum(sim.journal.calls.values()), sim.journal.calls


async def rent(node: Node, service: str = "whatsapp", **more: Any) -> dict[str, Any]:
    """A new rental."""
    answer = await node.client.post("/v1/rentals", {"service_code": service, **more})
    assert answer.status == 201, answer.body
    rented: dict[str, Any] = answer.json
    return rented
