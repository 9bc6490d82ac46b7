"""How long from a code's being there until everybody who waits has it, and whether limits hold.

The provider is the simulator with its limits on. Where a round of all rentals at one call a second
would take minutes it is run faster, and the figures are multiplied again. At one call a second with
the webhook on more codes come than can be read: what is told provisionally meanwhile is counted.
"""

import asyncio
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from adapters.simulator import (
    NEVER,
    AccountConfig,
    Limits,
    Rules,
    Service,
    Simulator,
    SimulatorConfig,
    Tier,
)
from bench.contenders import KEY, gateway
from bench.measure import Ratio, new_event_loop
from bench.process import Server
from bench.report import Row, Target
from bench.waiting import calling, rent

_WAITERS = 10
_MOST_ACCOUNTS = 24
_EACH = 550 * 1.05  # ms of a median delay for each rental: half of a window of 1.1 s, and 5 %
_CODE = "012345"
_OWN = "bench-webhook-secret"
_STATUS = {"rental-status", "rental-status-premium"}


@dataclass(frozen=True, slots=True)
class _Pace:
    """How fast status calls may go; `times` faster than what is meant."""

    name: str
    rate: int
    times: int = 1
    webhook: bool = False


@dataclass(frozen=True, slots=True)
class _Case:
    """So many rentals in each of so many accounts, with codes spread over so many seconds."""

    rentals: int
    seconds: float
    accounts: int = 1


_ONE = _Pace("1 call/s", 1)
_PLAN = {
    _ONE: [_Case(1, 3.3, _MOST_ACCOUNTS), _Case(10, 11, 4)],
    replace(_ONE, rate=40, times=40): [_Case(100, 2), _Case(500, 3)],
    _Pace("200 calls/s", 200): [
        _Case(1, 2, _MOST_ACCOUNTS), _Case(10, 2), _Case(100, 3), _Case(500, 5)
    ],
    _Pace("200 calls/s, webhook", 200, webhook=True): [
        _Case(1, 1), _Case(10, 2), _Case(100, 3), _Case(500, 6)
    ],
    _Pace("1 call/s, webhook", 1, webhook=True): [_Case(10, 20), _Case(100, 20), _Case(500, 20)],
}  # fmt: skip


def run(rounds: int) -> list[Row]:
    """Every case once, whatever the rounds: the delays of one are many."""
    with asyncio.Runner(loop_factory=new_event_loop()) as runner:
        return [row for pace in _PLAN for row in runner.run(_at(pace))]


async def _at(pace: _Pace) -> list[Row]:
    async with Simulator(_provider(pace)).running() as sim:
        opened = gateway(_Told(sim.url), **_settings(pace))  # type: ignore[arg-type]
        server = await asyncio.to_thread(opened.__enter__)
        try:
            if pace.webhook:
                url = f"{server.url}/webhooks/getatext/{_OWN}"
                sim.change(accounts={KEY: {"webhook_url": url}})
            rows = [await _case(sim, server, pace, case) for case in _PLAN[pace]]
        finally:
            await asyncio.to_thread(opened.__exit__, None, None, None)
        broken = float(sim.violations)
        calls = f"of {sum(sim.journal.calls.values())} calls"
        count = Ratio(broken, broken, broken)
        return [*rows, Row(f"all, {pace.name}", "limits broken", count, Target("≤", 0), "", calls)]


async def _case(sim: Simulator, server: Server, pace: _Pace, case: _Case) -> Row:
    keys: dict[int, str] = {}
    for number in range(case.accounts):
        key = KEY if case.accounts == 1 else f"{KEY}{number}"
        keys |= dict.fromkeys(await rent(server.port, case.rentals, key), key)
    rentals = list(keys)
    async with calling(server.port, len(rentals) * _WAITERS) as callers:
        waiting = asyncio.create_task(callers.wait(rentals * _WAITERS, keys))
        await asyncio.sleep(0.3 + len(rentals) / 300)
        rng, loop = random.Random(5), asyncio.get_running_loop()
        for place, rental in enumerate(rng.sample(rentals, len(rentals))):
            moment = case.seconds * (place + rng.random()) / len(rentals)
            loop.call_later(moment, sim.receive_code, rental, _CODE)
        await waiting
        delays = [at - _since(sim, told["rental_id"]) for at, told in callers.told]
        provisional = sum(told["provisional"] for _, told in callers.told)
        right = sum(told["code"] == _CODE for _, told in callers.told)
        if len(delays) != len(rentals) * _WAITERS or right + provisional < len(delays):
            raise RuntimeError(f"{right} of {len(rentals) * _WAITERS} waiters were told the code")
    return _row(pace, case, [delay * pace.times for delay in delays], provisional)


def _since(sim: Simulator, rental: int) -> float:
    since = sim.books.rentals[rental].code_at
    assert since is not None
    return since


def _row(pace: _Pace, case: _Case, delays: Sequence[float], provisional: int) -> Row:
    millis = sorted(delay * 1000 for delay in delays)
    scaled = f", run {pace.times} times as fast" if pace.times > 1 else ""
    unsure = f", {provisional} provisional" if provisional else ""
    return Row(
        f"{case.rentals} rentals, {pace.name}",
        "delay of a code",
        Ratio(statistics.median(millis), millis[0], millis[-1]),
        _target(pace, case),
        " ms",
        f"p99 {millis[int(len(millis) * 0.99) - 1]:.0f} ms of {len(millis)}{scaled}{unsure}",
    )


def _target(pace: _Pace, case: _Case) -> Target | None:
    if pace.webhook:
        return Target("≤", 30)
    if pace.rate == pace.times:
        return Target("≤", _EACH * case.rentals)
    return Target("≤", 200) if case.rentals == 1 else None


@dataclass(frozen=True, slots=True)
class _Told:
    """The address of a provider that runs here."""

    url: str


def _provider(pace: _Pace) -> SimulatorConfig:
    keys = [KEY, *(f"{KEY}{number}" for number in range(_MOST_ACCOUNTS))]
    limits = dict.fromkeys(_STATUS, pace.rate) | {"prices-info": None}
    return SimulatorConfig(
        accounts=tuple(AccountConfig(key, Decimal(900_000), Tier.PREMIUM) for key in keys),
        limits=Limits(calls={**limits, "rent-a-number": None, "rent-a-number-premium": None}),
        rules=Rules(code_after=NEVER, max_active=10**6),
        services=(Service("Whatsapp", "whatsapp", Decimal("0.55"), 20),),
        catalogue_size=1,
    )


def _settings(pace: _Pace) -> dict[str, str]:
    settings = {
        "GETATEXT_RATES": f'{{"rent": 10000, "prices": 10000, "rental_status": {pace.rate}}}',
        "GATEWAY_KEEPALIVE_SECONDS": "120",  # who has its code stays until all have theirs
        "GETATEXT_TIER": "premium" if pace.rate == 200 else "standard",
    }
    if pace.webhook:
        settings |= {"GETATEXT_API_KEY": KEY, "GETATEXT_WEBHOOK_SECRET": _OWN}
    return settings
