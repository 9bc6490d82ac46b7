"""Two nodes as systemd runs them are restarted by turns, under load, and lose no call."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

from tests.chaos.balancer import Balancer, balanced
from tests.chaos.callers import TURNS, is_silent, service
from tests.chaos.databases import postgres
from tests.chaos.faces import SOON_THERE, Reply
from tests.chaos.history import Answer, History, Sight, Told, Wish
from tests.chaos.service import as_service
from tests.chaos.world import World, world
from tests.support.waiting import until

CALLS = 30_000
_SHOPPERS = 2  # of each caller's key
_READS = 40  # of each rental
_PATHS = ("/v1/rentals/{}", "/v1/balance", "/v1/rentals?limit=5", "/v1/rentals/{}/code")
_PAUSE = 3.0  # seconds between two restarts


async def run(seconds: float, folder: Path) -> History:
    """The callers of the other scenarios are there too: they repeat what a node refuses."""
    within, how = as_service(folder / "data")
    async with postgres(folder) as line:
        line.url = line.own_url  # nobody cuts it
        async with world(
            line,
            seconds,
            nodes=2,
            cancel_locked=4.0,
            within=within,
            # A provider that shares this machine with all of them is no cause to lose a call.
            GETATEXT_READ_SECONDS="20",
            GETATEXT_SPEND_SECONDS="20",
        ) as home:
            home.history.notes.append(how)
            return await home.live(SOON_THERE, _shop_and_roll)


async def _shop_and_roll(home: World) -> None:
    till = Till()
    async with balanced(home.nodes) as balancer, asyncio.TaskGroup() as tasks:
        tasks.create_task(_roll(home, balancer, till))
        for caller, key in enumerate(home.keys):
            turns = _turns(caller)
            for _ in range(_SHOPPERS):
                shopper = Shopper(home.history, balancer, till, key, turns)
                tasks.create_task(shopper.live())
    home.history.broken += till.lost
    home.history.notes.append(f"{len(till.lost)} of {till.calls} calls lost")


def _turns(caller: int) -> Iterator[str]:
    """Services whose numbers get codes, from the end: the caller itself begins with the first."""
    return (service(caller, turn) for turn in range(TURNS - 1, 0, -1) if not is_silent(turn))


async def _roll(home: World, balancer: Balancer, till: "Till") -> None:
    """Restart one after the other, each once the one before is ready."""
    for node in cycle(home.nodes):
        if till.over:
            return
        await node.stop()
        if node.ended != 0:
            till.lost.append(f"a node ended with {node.ended}")
        await node.start()
        await until(partial(balancer.is_ready, node))
        home.history.runs += 1
        await asyncio.sleep(_PAUSE)


@dataclass
class Till:
    """What all shoppers called, and the calls that were lost, in words."""

    calls: int = 0
    lost: list[str] = field(default_factory=list)

    @property
    def over(self) -> bool:
        return self.calls >= CALLS


@dataclass
class Shopper:
    """Buys, waits for the code, and reads on, until there were calls enough."""

    history: History
    balancer: Balancer
    till: Till
    key: str
    services: Iterator[str]

    async def live(self) -> None:
        while not self.till.over:
            rental = await self._buy(next(self.services))
            if rental is not None:
                await self._wait(rental)
                for number in range(_READS):
                    await self._call("GET", _PATHS[number % len(_PATHS)].format(rental))

    async def _buy(self, wanted: str) -> int | None:
        wish = Wish(wanted, self.key, "/v1", asked=[time.time()])
        self.history.wishes.append(wish)
        reply = await self._call(
            "POST", "/v1/rentals", json={"service_code": wanted, "max_price": "1.00"}
        )
        rental = reply.json.get("id") if reply.status == 201 else None
        told = Told.LOST if rental is None else Told.BOUGHT
        wish.answers.append(Answer(time.time(), told, rental))
        return rental

    async def _wait(self, rental: int) -> None:
        code = None
        while code is None:
            reply = await self._call("GET", f"/v1/rentals/{rental}/code?wait_seconds=2")
            code = reply.json.get("code")
            if reply.status == 200:
                self.history.sights.append(Sight(time.time(), self.key, rental, code))

    async def _call(self, method: str, path: str, **more: Any) -> Reply:
        reply = await self.balancer.ask(method, path, self.key, **more)
        self.till.calls += 1
        if reply.status not in (200, 201):
            self.till.lost.append(f"{method} {path}: {reply.status} {reply.text[:200]}")
        return reply
