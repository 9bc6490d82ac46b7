"""The mark that a purchase is sent: what it says, whatever the ledger does."""

import asyncio
from typing import Any, cast

import pytest

from gateway.core.model.errors import InternalError, LedgerUnavailable
from gateway.core.ports.ledger import Ledger
from gateway.core.upstream.account import SendMark
from tests.support.core import Clock, RecordingObserver


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


def mark_of(ledger: MarkingLedger, observer: RecordingObserver | None = None) -> SendMark:
    return SendMark(cast(Ledger, ledger), Clock(), observer or RecordingObserver(), "one")


async def test_a_purchase_that_was_marked_is_sent() -> None:
    mark = mark_of(MarkingLedger(True))
    before = mark.sent
    await mark()

    assert (before, mark.sent) == (False, True)


@pytest.mark.parametrize(
    ("answer", "error"), [(False, InternalError), (OSError("full"), LedgerUnavailable)]
)
async def test_one_that_was_not_is_not(answer: Any, error: type[Exception]) -> None:
    observer = RecordingObserver()
    mark = mark_of(MarkingLedger(answer), observer)
    with pytest.raises(error):
        await mark()

    assert not mark.sent
    assert observer.ledger_faults == ([repr(answer)] if answer else [])


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
