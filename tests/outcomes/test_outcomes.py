"""A small run of each kind keeps every promise, and faults planted in the gateway break some."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

from adapters.store.tables import refunds, replacements
from gateway.core.jobs.cancel_task import CancelTask
from gateway.core.purchases.idempotency import FirstAnswer
from gateway.core.purchases.order import Order
from gateway.core.upstream.sliding_window import SlidingWindow
from tests.outcomes.running import report, run
from tests.outcomes.world import TTL, Plan

LOCKED = Plan("a lock of 5 minutes", keys=5, budget=7, locked=300.0)
NEVER = Plan("a lock as long as the ttl", keys=5, budget=12, locked=TTL * 60.0)


def carry_nothing_out(self: CancelTask) -> None:
    """Wishes stand for ever."""


async def want_nothing(*given: Any) -> None:
    """The old number is kept."""


async def count_no_refund(*given: Any) -> None:
    """What came back is spent all the same."""


async def forget_the_id(
    self: FirstAnswer, order: Order, proceed: Callable[[Order], Awaitable[Any]]
) -> Any:
    return await proceed(replace(order, request_id=None))


FAULTS = {
    "wishes are not carried out": (CancelTask, "start", carry_nothing_out, "silent kept"),
    "a replacement leaves no wish": (
        replacements,
        "cancels",
        SimpleNamespace(want=want_nothing),
        "silent kept",
    ),
    "a refund is not counted": (
        refunds,
        "budgets",
        SimpleNamespace(add=count_no_refund),
        "books",
    ),
    "a request id is forgotten": (FirstAnswer, "__call__", forget_the_id, "twice"),
    "there is always room": (SlidingWindow, "has_room", lambda self, now: True, "limits"),
}


@pytest.mark.parametrize("plan", [LOCKED, NEVER], ids=lambda plan: plan.name)
def test_every_promise_is_kept(plan: Plan, tmp_path: Path) -> None:
    result = run(plan, tmp_path)

    assert not result.broken, report([result])
    assert int(result.facts["replaced"]) > 0
    assert int(result.facts["cancelled" if plan is LOCKED else "expired"]) > 0


def test_a_replacement_does_not_wait_behind_those_who_wait_for_codes(tmp_path: Path) -> None:
    """They are as many as the limit of status reads serves in a minute."""
    result = run(Plan("many wait", keys=50, budget=2, locked=60.0), tmp_path)

    assert not result.broken, report([result])


@pytest.mark.planted
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str, tmp_path: Path) -> None:
    where, name, planted, promise = FAULTS[fault]
    with patch.object(where, name, planted):
        result = run(replace(LOCKED, name=fault), tmp_path)

    assert result.breaches[promise], report([result])
    assert f"{fault}: {promise}: " in report([result])
