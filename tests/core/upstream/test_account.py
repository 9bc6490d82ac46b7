"""The mark that a purchase is sent: what it says, whatever the ledger does."""

import asyncio
from typing import Any, cast

import pytest

from gateway.core.model.errors import LedgerUnavailable
from gateway.core.ports.ledger import Ledger
from gateway.core.upstream.account import SendMark
from tests.support.core import Clock


class MarkingLedger:
    """A ledger that answers `marked`, or raises it, once it is open."""

    def __init__(self, marked: bool | Exception) -> None:
        self.marked = marked
        self.open = asyncio.Event()
        self.open.set()

    async def mark_sent(self, ledger_id: str, at: object) -> bool:
        await self.open.wait()
        if isinstance(self.marked, Exception):
            raise self.marked
        return self.marked


def mark_of(ledger: MarkingLedger, unwritten: tuple[str, ...] = ()) -> SendMark:
    return SendMark(cast(Ledger, ledger), Clock(), "one", unwritten)


async def test_a_purchase_that_was_marked_is_sent() -> None:
    mark = mark_of(MarkingLedger(True))
    before = mark.sent
    await mark()

    assert (before, mark.sent) == (False, True)


@pytest.mark.parametrize("answer", [False, LedgerUnavailable()], ids=["released", "away"])
async def test_one_that_was_not_is_not(answer: Any) -> None:
    mark = mark_of(MarkingLedger(answer))
    with pytest.raises(LedgerUnavailable, match="nothing was sent"):
        await mark()

    assert not mark.sent


async def test_none_is_sent_while_the_end_of_another_is_not_written() -> None:
    mark = mark_of(MarkingLedger(True), unwritten=("another",))
    with pytest.raises(LedgerUnavailable, match="nothing was sent"):
        await mark()

    assert not mark.sent


async def test_one_that_was_cancelled_meanwhile_is_not() -> None:
    ledger = MarkingLedger(True)
    ledger.open.clear()
    mark = mark_of(ledger)
    marking = asyncio.ensure_future(mark())
    await asyncio.sleep(0)
    marking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await marking

    assert not mark.sent


async def test_a_second_call_of_one_purchase_is_refused_and_the_first_stays_sent() -> None:
    mark = mark_of(MarkingLedger(True))
    await mark()
    with pytest.raises(RuntimeError):
        await mark()

    assert mark.sent
