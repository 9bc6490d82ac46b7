"""Tools that ask every second for each of many activations, against the provider's limits.

`--many` is the whole thing: 200 activations at one call a second, for some minutes. It prints how
long codes took from their arrival at the provider to the tool.
"""

import asyncio
from dataclasses import dataclass, replace
from decimal import Decimal
from statistics import median

from adapters.simulator import NEVER, AccountConfig, Limits
from tests.faces.support import QUIET, Tool, tool_of
from tests.support.gateway import run_simulated


@dataclass(frozen=True)
class Scale:
    """How many activations, how often each is asked for, and how many looks a second there are."""

    activations: int
    every: float
    looks: int


QUICK, WHOLE = Scale(40, 0.2, 20), Scale(200, 1.0, 1)


@dataclass
class Poller:
    """Asks for one activation until its code is there."""

    tool: Tool
    rental_id: int
    asked: int = 0

    async def until_code(self, every: float) -> tuple[str, float]:
        """The code, and when it was told."""
        loop = asyncio.get_running_loop()
        while True:
            self.asked += 1
            status = await self.tool.text("getStatus", id=self.rental_id)
            if status != "STATUS_WAIT_CODE":
                return status.removeprefix("STATUS_OK:"), loop.time()
            await asyncio.sleep(every)


async def test_polling_keeps_to_the_limits_and_every_code_is_delivered(many: bool) -> None:
    scale = WHOLE if many else QUICK
    accounts = (AccountConfig(balance=Decimal(1000), max_active=1000, code_after=NEVER),)
    service = replace(QUIET.services[0], ttl_minutes=60, stock=None)
    config = replace(
        QUIET,
        accounts=accounts,
        services=(service,),
        limits=Limits(rent=10_000, other=scale.looks),
    )
    rates = {"rental_status": scale.looks, "rent": 10_000.0}
    async with run_simulated(
        config, getatext_rates=rates, gateway_share_seconds=1, gateway_pace_margin=0.3
    ) as stand:
        tool = tool_of(stand)
        pollers = [Poller(tool, (await tool.buy())[0]) for _ in range(scale.activations)]
        polling = [asyncio.create_task(each.until_code(scale.every)) for each in pollers]
        arrived: dict[int, float] = {}
        for number, poller in enumerate(pollers):
            await asyncio.sleep(scale.every)
            arrived[poller.rental_id] = asyncio.get_running_loop().time()
            stand.sim.receive_code(poller.rental_id, f"{number:06d}")
        told = await asyncio.gather(*polling)

        assert [code for code, _ in told] == [f"{n:06d}" for n in range(scale.activations)]
        assert stand.sim.violations == 0
        asked = sum(poller.asked for poller in pollers)
        looked = stand.sim.journal.calls["rental-status"]
        assert looked < asked
    delays = sorted(at - arrived[p.rental_id] for p, (_, at) in zip(pollers, told, strict=True))
    print(  # noqa: T201
        f"{scale}: {asked} polls, {looked} looks; delay median {median(delays):.1f} s, "
        f"95 % {delays[int(len(delays) * 0.95)]:.1f} s, longest {delays[-1]:.1f} s"
    )
