"""The model can fail: faults planted in the gateway are found by the sequences of a test run."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

from adapters.store.tables import budgets, codes, limits, refunds, rentals, replacements
from gateway.core.codes.following import Following
from gateway.core.codes.unused import UnusedReturns
from gateway.core.jobs.cancel_task import CancelTask
from gateway.core.model.purchases import Outcome, SpendState
from gateway.core.purchases import sending
from gateway.core.purchases.idempotency import FirstAnswer
from gateway.core.purchases.order import Order
from gateway.core.upstream.account import SendMark
from tests.model.variants import play, play_again, stage


async def refund_twice(tx: Any, callers: Any, account: str, at: int, amount: int) -> Any:
    return await budgets.add(tx, callers, account, at, 2 * amount)


async def mark_in_memory_only(self: SendMark) -> None:
    self.sent = True


async def forget_the_id(
    self: FirstAnswer, order: Order, proceed: Callable[[Order], Awaitable[Any]]
) -> Any:
    return await proceed(replace(order, request_id=None))


async def keep_no_code(tx: Any, rental: Any) -> None:
    """The newest stands in the rental."""


def follow_nobody(self: Following) -> None:
    """Look at nothing that nobody waits for."""


def carry_nothing_out(self: CancelTask) -> None:
    """Wishes stand for ever."""


async def want_nothing(*given: Any) -> None:
    """The old number is kept."""


async def replace_again(*given: Any) -> None:
    """Whatever replaced it before."""


def return_at_once(self: UnusedReturns, endings: Any, before: Any) -> Any:
    return [(ending, ending.begins) for ending in endings]


FAULTS = {
    "a refund counts twice": (refunds, "budgets", SimpleNamespace(add=refund_twice)),
    "what came back is not counted": (rentals, "_comes_back", lambda *given: False),
    "a lost purchase is released": (
        sending,
        "_failed",
        lambda error, trace_id: Outcome(SpendState.RELEASED),
    ),
    "nobody knows what a dead node had sent": (SendMark, "__call__", mark_in_memory_only),
    "a request id is forgotten": (FirstAnswer, "__call__", forget_the_id),
    "a budget is not looked at": (limits, "_passed_budget", lambda *given: None),
    "nobody follows what was bought": (Following, "start", follow_nobody),
    "a code is overwritten and not kept": (codes, "add", keep_no_code),
    "wishes are not carried out": (CancelTask, "start", carry_nothing_out),
    "a replacement leaves no wish": (replacements, "cancels", SimpleNamespace(want=want_nothing)),
    "a number is replaced as often as asked": (replacements, "breach", replace_again),
    "unused numbers are given back at once": (UnusedReturns, "_due", return_at_once),
}


@pytest.mark.planted
@pytest.mark.parametrize("fault", FAULTS)
def test_it_is_found(fault: str, tmp_path: Path) -> None:
    with (
        patch.object(*FAULTS[fault]),
        stage(None, tmp_path, 1) as machine,
        pytest.raises(AssertionError),
    ):
        play(machine, 400, shrink=False)


def test_what_was_printed_can_be_played_again(tmp_path: Path) -> None:
    steps = """
    state = Played()
    state.begin(refunds=True, who='limited')
    state.rent(node=1, request_id='first', several=False, trouble='502', who='free')
    state.rent(node=1, request_id=None, several=False, trouble=None, who='free')
    state.time_passes(seconds=400.0)
    state.teardown()
    """
    with stage(None, tmp_path, 1) as machine:
        play_again(machine, steps)
        fault = patch.object(*FAULTS["what came back is not counted"])
        with fault, pytest.raises(AssertionError, match=r"refunded 0, by the provider 0\.55"):
            play_again(machine, steps)
