"""A clock that stands still, and a customer of the simulator."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import ClientSession

from adapters.simulator import DEMO_KEY, AccountConfig, Limits, Service, Simulator, SimulatorConfig

NEW_YORK = ZoneInfo("America/New_York")
BOB = "sk_bob"
CHEAP = Service("Cheap", "cheap", Decimal("0.10"), 10, stock=2)
NO_LIMITS = Limits(on=False)


def new_york(text: str) -> float:
    """The instant a naive time of the provider means."""
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).timestamp()


async def until(condition: Callable[[], object]) -> None:
    """Returns when another task has made it true; fails after seconds."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = new_york("2025-07-06 15:38:37")

    def __call__(self) -> float:
        return self.now


def config(clock: Clock, **changes: Any) -> SimulatorConfig:
    """Two customers, no limits, a frozen clock; the demo account pays as in the samples."""
    accounts = (AccountConfig(DEMO_KEY, Decimal("113.87")), AccountConfig(BOB, Decimal("10.00")))
    usual = {"accounts": accounts, "limits": NO_LIMITS, "services": (CHEAP,), "clock": clock}
    return SimulatorConfig(**{**usual, **changes})


@dataclass
class Customer:
    """Calls the provider as a program would; answers are (HTTP status, JSON)."""

    session: ClientSession
    sim: Simulator
    key: str = DEMO_KEY

    async def post(self, call: str, json: Any = None) -> tuple[int, Any]:
        return await self.ask("POST", f"/api/v1/{call}", json)

    async def get(self, call: str) -> tuple[int, Any]:
        return await self.ask("GET", f"/api/v1/{call}")

    async def ask(self, method: str, path: str, json: Any = None) -> tuple[int, Any]:
        url = self.sim.url + path
        headers = {"Auth": self.key}
        async with self.session.request(method, url, json=json, headers=headers) as response:
            return response.status, await response.json()

    async def control(self, method: str, name: str, json: Any = None) -> tuple[int, Any]:
        return await self.ask(method, f"/_control/{name}", json)

    async def stub(self, **query: str) -> tuple[int, Any]:
        url = self.sim.url + "/stubs/handler_api"
        params = {"api_key": self.key, **query}
        async with self.session.get(url, params=params) as response:
            return response.status, await response.json()

    async def rent(self, service: str = "whatsapp", **wish: Any) -> Any:
        status, body = await self.post("rent-a-number", {"service": service, **wish})
        assert status == 201, body
        return body

    async def status(self, rental_id: int) -> Any:
        return (await self.post("rental-status", {"id": rental_id}))[1]

    @property
    def balance(self) -> Decimal:
        return self.sim.books.accounts[self.key].balance
