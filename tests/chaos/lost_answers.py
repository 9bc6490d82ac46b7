"""The provider loses its answers after having sold, and clients do not wait for theirs."""

import asyncio
import random
from pathlib import Path
from typing import Any

from adapters.simulator import Fault, FaultKind
from tests.chaos.databases import postgres
from tests.chaos.faces import FACES
from tests.chaos.history import History
from tests.chaos.world import World, world

_LOST: list[tuple[FaultKind, dict[str, Any]]] = [
    (FaultKind.DROP_AFTER, {}),
    (FaultKind.DROP_BEFORE, {}),
    (FaultKind.HANG, {"after_work": True}),
    (FaultKind.TRUNCATED, {}),
    (FaultKind.CUT_JSON, {}),
    (FaultKind.HTML, {"after_work": True, "status": 504}),
    (FaultKind.STATUS, {"after_work": True, "status": 500}),
]
_READS = ("rental-status", "cancel-rental")
_HANG_UPS, _FAULTS = 0.25, 0.2
# Longer than a client that hangs up stays on: what it leaves was not answered yet.
_SLOW = Fault("rent-a-number", FaultKind.SLOW, seconds=0.25)


async def run(seconds: float, folder: Path) -> History:
    """On every face, over two nodes: what is repeated goes to either."""
    async with (
        postgres(folder) as ledger,
        world(ledger, seconds, nodes=2, hang_ups=_HANG_UPS) as home,
    ):
        return await home.live(FACES, _lose_answers)


async def _lose_answers(home: World) -> None:
    faults = home.sim.provider.faults
    while not home.over:
        for _ in range(20):
            home.sim.script(_purchase(home))
        for call in _READS:
            kind, more = random.choice(_LOST)
            home.sim.script(Fault(call, kind, **more))
        await asyncio.sleep(0.3)
        left = [one for one in faults.scripted if one.call == _SLOW.call and one != _SLOW]
        home.history.runs -= len(left)
        faults.clear()


def _purchase(home: World) -> Fault:
    """What becomes of the next purchase."""
    if random.random() > _FAULTS:
        return _SLOW
    home.history.runs += 1
    kind, more = random.choice(_LOST)
    return Fault("rent-a-number", kind, **more)
