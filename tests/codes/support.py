"""A gateway before the simulator with its limits on, callers who wait, and readers of streams."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from aiohttp import ClientResponse, ClientTimeout

from adapters.simulator import DEMO_KEY, NEVER, AccountConfig, Limits, Rules, SimulatorConfig, Tier
from tests.support.gateway import Client, Stand, run_simulated

RENT = {"service_code": "whatsapp"}
STATUS_CALLS = ("rental-status", "rental-status-premium")
# Renting is not what is tested here: its limit would only take the tests' time.
# The window is shorter here than the gateway takes it for: a busy machine shifts arrivals. That
# the limits hold to the millisecond is proven where time is held.
_FREE_RENTS = Limits(calls={"rent-a-number": None, "rent-a-number-premium": None}, window=0.5)
_RENT_RATE = {"rent": 10_000.0}


def provider(tier: Tier = Tier.PREMIUM, **changes: Any) -> SimulatorConfig:
    """Its limits on, codes only where a test sends them, and money enough."""
    account = AccountConfig(DEMO_KEY, Decimal("100000.00"), tier)
    usual: dict[str, Any] = {
        "accounts": (account,),
        "limits": _FREE_RENTS,
        "rules": Rules(code_after=NEVER, cancel_locked=0.0, max_active=10**6),
        "catalogue_size": 3,
        "log_size": 100_000,
    }
    return SimulatorConfig(**{**usual, **changes})


def premium(**changes: Any) -> AbstractAsyncContextManager[Stand]:
    """200 status calls a second."""
    return _run(provider(), getatext_tier="premium", **changes)


def standard(**changes: Any) -> AbstractAsyncContextManager[Stand]:
    """One status call a second."""
    return _run(provider(Tier.STANDARD), **changes)


def _run(config: SimulatorConfig, **changes: Any) -> AbstractAsyncContextManager[Stand]:
    usual = {"getatext_rates": _RENT_RATE, "gateway_status_cache_seconds": 1}
    return run_simulated(config, **{**usual, **changes})


async def rent(client: Client, **more: Any) -> int:
    """The id of a new rental."""
    answer = await client.post("/v1/rentals", {**RENT, **more})
    assert answer.status == 201, answer.body
    found: int = answer.json["id"]
    return found


async def wait(client: Client, rental_id: int, seconds: int = 15, **more: str) -> dict[str, Any]:
    """What wait_for_code answers."""
    path = f"/v1/rentals/{rental_id}/code"
    answer = await client.get(path, wait_seconds=str(seconds), **more)
    assert answer.status == 200, answer.body
    told: dict[str, Any] = answer.json
    return told


def status_calls(stand: Stand) -> int:
    """How often the provider was asked for the status of a rental."""
    return sum(stand.sim.journal.calls[name] for name in STATUS_CALLS)


@dataclass
class Stopwatch:
    """Seconds from its start to its end."""

    begun: float = field(default_factory=time.monotonic)
    seconds: float = 0.0


@contextmanager
def measured() -> Iterator[Stopwatch]:
    watch = Stopwatch()
    yield watch
    watch.seconds = time.monotonic() - watch.begun


@dataclass(frozen=True, slots=True)
class Event:
    """An event as a client reads it."""

    id: str
    kind: str
    data: Any


class Stream:
    """A client of /v1/events/stream."""

    def __init__(self, response: ClientResponse) -> None:
        self.response = response

    async def block(self) -> str:
        """The next event or comment."""
        async with asyncio.timeout(60):
            raw = await self.response.content.readuntil(b"\n\n")
        return raw.decode().removesuffix("\n\n")

    async def event(self) -> Event:
        """The next event, comments passed over."""
        while (block := await self.block()).startswith(":"):
            pass
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        return Event(fields["id"], fields["event"], json.loads(fields["data"]))

    async def rest(self) -> bytes:
        """All that comes until the server closes it, within seconds."""
        async with asyncio.timeout(60):
            return await self.response.content.read()

    async def ended(self) -> bool:
        """Whether the server closes it within seconds."""
        async with asyncio.timeout(60):
            while await self.response.content.read(4096):
                pass
        return True


@asynccontextmanager
async def listening_to(client: Client, **headers: str) -> AsyncIterator[Stream]:
    """An open stream; `Last_Event_ID="…"` is the header Last-Event-ID."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.session.get(
        client.url + "/v1/events/stream",
        headers={"X-API-Key": client.key or "", **named},
        timeout=ClientTimeout(total=None, sock_connect=60),
    ) as response:
        assert response.status == 200, await response.read()
        stream = Stream(response)
        assert (await stream.block()).startswith(":")
        yield stream
