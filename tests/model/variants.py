"""The four stages on which sequences are played: two databases, one and two nodes."""

import ast
import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, cast

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.databases import OnSqlite, held_databases, on_postgres
from tests.model.machine import Gatewaying
from tests.model.node import task_of_node
from tests.model.world import Place, place
from tests.support.held_time import HeldLoop, loop

_STEPS = 25
_STEP = re.compile(r"state\.(\w+)\((.*)\)$")


@contextmanager
def stage(url: str | None, folder: Path, nodes: int) -> Iterator[type[Gatewaying]]:
    """A state machine with its databases open: PostgreSQL at this URL, or a new SQLite file."""
    held = HeldLoop()
    with asyncio.Runner(loop_factory=lambda: held) as runner, held_databases(held):
        stack = AsyncExitStack()
        opened = runner.run(stack.enter_async_context(_place(url, folder, nodes)))
        try:
            yield type("Played", (Gatewaying,), {"runner": runner, "place": opened})
        finally:
            runner.run(stack.aclose())


@asynccontextmanager
async def _place(url: str | None, folder: Path, nodes: int) -> AsyncIterator[Place]:
    loop().set_task_factory(cast(Any, task_of_node))
    if url is None:
        async with place(OnSqlite(folder / "gateway.db"), nodes) as opened:
            yield opened
    else:
        async with on_postgres(url) as ledger, place(ledger, nodes) as opened:
            yield opened


def play(
    machine: type[Gatewaying], sequences: int, *, seed: int | None = None, shrink: bool = True
) -> None:
    """So many sequences; the smallest that fails is raised. Without a seed always the same."""
    if seed is not None:
        machine._hypothesis_internal_use_seed = seed
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=sequences,
            stateful_step_count=_STEPS,
            deadline=None,
            database=None,
            derandomize=seed is None,
            report_multiple_bugs=False,
            phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )


def play_again(machine: type[Gatewaying], text: str) -> None:
    """One sequence, by the steps that were printed when it failed."""
    state = machine()
    for line in text.splitlines():
        if (found := _STEP.search(line)) is not None:
            name, given = found.groups()
            call = ast.parse(f"f({given})", mode="eval").body
            assert isinstance(call, ast.Call)
            values = {str(one.arg): ast.literal_eval(one.value) for one in call.keywords}
            getattr(state, name)(**values)
