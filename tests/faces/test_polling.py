"""Tools that ask every second for each of many activations, against the provider's limits.

`--many` is the whole thing: 200 activations whose codes come within a minute, at one call a second.
So many cannot be looked at within that minute: the tools ask on until every code was told, and a
table says how long that took.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest

from adapters.simulator import NEVER, AccountConfig, Limits, SimulatorConfig
from tests.faces.support import QUIET, Tool, tool_of
from tests.support.gateway import run_simulated


@dataclass(frozen=True)
class Scale:
    """How many activations, how often each is asked for, within how many seconds their codes come.

    `looks`: how many the provider allows in a second.
    """

    activations: int
    every: float
    within: float
    looks: int

    @property
    def provider(self) -> SimulatorConfig:
        """A provider with this limit, and money for all."""
        accounts = (AccountConfig(balance=Decimal(1000), max_active=1000, code_after=NEVER),)
        service = replace(QUIET.services[0], ttl_minutes=60, stock=None)
        # Shorter than the gateway takes it for: a busy machine shifts arrivals.
        limits = Limits(rent=10_000, other=self.looks, window=0.5)
        return replace(QUIET, accounts=accounts, services=(service,), limits=limits)

    @property
    def settings(self) -> dict[str, Any]:
        """The gateway's, for this limit."""
        rates = {"rental_status": self.looks, "rent": 10_000.0}
        return {
            "getatext_rates": rates,
            "gateway_status_cache_seconds": 1,
            "getatext_rate_margin_seconds": 0.3,
        }


QUICK, WHOLE = Scale(40, 0.2, 8, looks=20), Scale(200, 1.0, 60, looks=1)


@dataclass
class Poller:
    """Asks for one activation until its code is there."""

    tool: Tool
    rental_id: int
    asked: int = 0
    slowest: float = 0.0
    come_at: float = 0.0
    told_at: float = 0.0

    async def until_code(self, every: float) -> str:
        """The code."""
        now = asyncio.get_running_loop().time
        while True:
            asked_at = now()
            status = await self.tool.text("getStatus", id=self.rental_id)
            self.told_at = now()
            self.asked += 1
            self.slowest = max(self.slowest, self.told_at - asked_at)
            if status != "STATUS_WAIT_CODE":
                return status.removeprefix("STATUS_OK:")
            await asyncio.sleep(every)

    @property
    def delay(self) -> float:
        """From the code's being at the provider to its being told."""
        return self.told_at - self.come_at


def table(scale: Scale, pollers: Sequence[Poller], begun: float, looks: int) -> str:
    """How long codes took."""
    delays = sorted(each.delay for each in pollers)
    told = [each.told_at - begun for each in pollers]
    shares: dict[str, Callable[[], float]] = {
        "shortest": lambda: delays[0],
        "median": lambda: delays[len(delays) // 2],
        "95 %": lambda: delays[int(len(delays) * 0.95)],
        "longest": lambda: delays[-1],
    }
    return "\n".join(
        [
            f"{scale}: {sum(each.asked for each in pollers)} polls, {looks} looks, "
            f"slowest poll {max(each.slowest for each in pollers):.2f} s",
            f"{sum(at <= scale.within for at in told)} codes told within {scale.within:g} s, "
            f"all {len(told)} within {max(told):.0f} s",
            *(f"{name:>10} delay {seconds():7.1f} s" for name, seconds in shares.items()),
        ]
    )


async def test_polling_keeps_to_the_limits_and_every_code_is_delivered(
    many: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    scale = WHOLE if many else QUICK
    async with run_simulated(scale.provider, **scale.settings) as stand:
        tool = tool_of(stand)
        pollers = [Poller(tool, (await tool.buy())[0]) for _ in range(scale.activations)]
        begun = asyncio.get_running_loop().time()
        polling = [asyncio.create_task(each.until_code(scale.every)) for each in pollers]
        for number, poller in enumerate(pollers):
            await asyncio.sleep(scale.within / scale.activations)
            poller.come_at = asyncio.get_running_loop().time()
            stand.sim.receive_code(poller.rental_id, f"{number:06d}")
        told = await asyncio.gather(*polling)
        looks = stand.sim.journal.calls["rental-status"]

        assert told == [f"{number:06d}" for number in range(scale.activations)]
        assert stand.sim.violations == 0
        assert looks < sum(poller.asked for poller in pollers)
    if many:
        with capsys.disabled():
            print(f"\n{table(scale, pollers, begun, looks)}")  # noqa: T201
