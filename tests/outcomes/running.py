"""One run: callers live while things break; then the judge speaks, and a line of the table."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from adapters.simulator.provider.records import RentalStatus
from tests.model.databases import OnSqlite, held_databases
from tests.model.node import task_of_node
from tests.outcomes import judging
from tests.outcomes.caller import Caller
from tests.outcomes.judging import NOTHING, Part
from tests.outcomes.world import TTL, Plan, World, world
from tests.support.held_time import HeldLoop, loop

_AFTER = (TTL + 5) * 60.0  # seconds: by then all has ended, and that is known
_AT_MOST = 86_400.0  # seconds, held ones: by then everybody is content, or nobody ever
_MOST_TOLD = 5  # breaches of a promise


@dataclass(frozen=True, slots=True)
class Result:
    """A run's facts by the name of their column, and which promises it broke."""

    facts: dict[str, str]
    breaches: dict[str, list[str]]

    @property
    def broken(self) -> list[str]:
        """All breaches."""
        return [one for found in self.breaches.values() for one in found]


def run(plan: Plan, folder: Path) -> Result:
    """Play it in held time."""
    held = HeldLoop()
    held.set_task_factory(cast(Any, task_of_node))
    with asyncio.Runner(loop_factory=lambda: held) as runner, held_databases(held):
        return runner.run(_run(plan, folder))


async def _run(plan: Plan, folder: Path) -> Result:
    async with world(plan, OnSqlite(folder / "gateway.db")) as home:
        callers = [Caller(home, key) for key in home.keys]
        begun = loop().time()
        async with asyncio.timeout(_AT_MOST), asyncio.TaskGroup() as breaking:
            breaking.create_task(home.break_things())
            async with asyncio.TaskGroup() as living:
                for caller in callers:
                    living.create_task(caller.live())
            minutes = (loop().time() - begun) / 60
            home.over.set()
        await asyncio.sleep(_AFTER)
        home.provider.catch_up()
        found = judging.parts(home, callers)
        await judging.settle(home, found)
        breaches = {
            "codes": list(judging.codes(found)),
            "silent kept": list(judging.silent(found)),
            "paid wrong": list(judging.paid(found)),
            "twice": list(judging.twice(found)),
            "books": [one async for one in judging.books(home, found)],
            "limits": list(judging.limits(home)),
            "surprises": list(judging.surprises(callers)),
        }
        return Result(_facts(home, callers, found, minutes), breaches)


def _facts(
    home: World, callers: Sequence[Caller], found: Sequence[Part], minutes: float
) -> dict[str, str]:
    ends = Counter(rental.status for part in found for rental in part.silent)
    told, allowed = sum(len(one.codes) for one in callers), sum(part.allowed for part in found)
    return {
        "run": home.plan.name,
        "keys": str(len(callers)),
        "minutes": f"{minutes:.0f}",
        "killed, stopped": f"{home.kills}, {home.stops}",
        "answers lost": str(home.lost),
        "numbers": str(sum(len(part.sold) for part in found)),
        "of lost rents": str(sum(len(part.lost) for part in found)),
        "silent": str(sum(len(part.silent) for part in found)),
        "replaced": str(sum(len(one.replaced) for one in callers)),
        "cancelled": str(ends[RentalStatus.CANCELLED]),
        "expired": str(ends[RentalStatus.EXPIRED]),
        "codes": f"{told} of {allowed}",
        "net paid": str(sum((part.paid for part in found), NOTHING)),
        "price of codes": str(
            sum((r.price for part in found for r in part.known if r.codes), NOTHING)
        ),
        "paid for lost rents": str(
            sum((r.price - r.refunded for part in found for r in part.lost), NOTHING)
        ),
    }


def report(results: Sequence[Result]) -> str:
    """The table, a column for each run, and what broke."""
    names = [*results[0].facts, *results[0].breaches]
    columns = [
        [
            *one.facts.values(),
            *(f"{len(found)} broken" if found else "kept" for found in one.breaches.values()),
        ]
        for one in results
    ]
    rows = list(zip(names, *columns, strict=True))
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    ruler = tuple("-" * width for width in widths)
    lines = [
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |"
        for row in (rows[0], ruler, *rows[1:])
    ]
    return "\n".join([*lines, "", *(line for one in results for line in _broken(one))])


def _broken(result: Result) -> list[str]:
    told = []
    for kind, found in result.breaches.items():
        told += [f"{result.facts['run']}: {kind}: {one}" for one in found[:_MOST_TOLD]]
        if len(found) > _MOST_TOLD:
            told.append(f"{result.facts['run']}: {kind}: … and {len(found) - _MOST_TOLD} more")
    return told
