"""What a repeated request is answered while another node makes the first one."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.core.model.errors import (
    AlreadyReplaced,
    LedgerUnavailable,
    OutcomeUnknown,
    RequestInProgress,
)
from gateway.core.model.purchases import Spend, SpendState, StoredAnswer, stored_value
from gateway.core.model.rentals import Rental, RentalStatus
from gateway.core.model.values import Charged
from gateway.core.operations.call import Answer
from gateway.core.operations.replacement import REPLACE_RENTAL
from gateway.core.ports.ledger import Ledger
from gateway.core.purchases.idempotency import FirstAnswer
from gateway.core.purchases.order import Order
from gateway.core.rentals.unwritten import Unwritten
from tests.support.core import START, Clock, RecordingObserver

SENT = Spend(
    ledger_id="one", operation="rent_number", kind="rental", account_id="account",
    caller_id="caller", request_id="order-1", fingerprint="x", subject_id=None,
    service_code="whatsapp", state=SpendState.SENT, reserved=None, charged=None,
    refunded=cast(Any, 0), at=START, answer=None,
)  # fmt: skip
ANSWER = StoredAnswer(201, b"{}")


class OneSpend:
    """A ledger with one purchase, seen to be `then` after some reads."""

    def __init__(self, clock: Clock, then: Spend, *, reads: int = 2, seconds: float = 1.0) -> None:
        self.clock, self.then, self.before, self.seconds = clock, then, reads, seconds
        self.asked = 0
        self.away = 0

    async def spend(self, ledger_id: str) -> Spend:
        self.clock.pass_by(self.seconds)
        if self.away:
            self.away -= 1
            raise LedgerUnavailable
        self.asked += 1
        return self.then if self.asked >= self.before else SENT


def make(then: Spend, **more: Any) -> tuple[FirstAnswer, OneSpend, float]:
    clock = Clock()
    ledger = OneSpend(clock, then, **more)
    unwritten = Unwritten(cast(Ledger, ledger), clock, RecordingObserver())
    answers = FirstAnswer(cast(Ledger, ledger), unwritten, clock, patience=10.0)
    return answers, ledger, clock.monotonic() + 10


async def test_its_answer_is_theirs() -> None:
    answers, ledger, deadline = make(replace(SENT, state=SpendState.BOUGHT, answer=ANSWER))

    assert await answers.answer_of(SENT, deadline) == ANSWER
    assert ledger.asked == 2


@pytest.mark.parametrize("state", [SpendState.RELEASED, SpendState.REFUSED])
async def test_one_that_left_no_answer_may_be_made_anew(state: SpendState) -> None:
    answers, _, deadline = make(replace(SENT, state=state, request_id=None))

    assert await answers.answer_of(SENT, deadline) is None


async def test_a_ledger_that_is_away_meanwhile_says_nothing_of_the_purchase() -> None:
    answers, ledger, deadline = make(replace(SENT, state=SpendState.BOUGHT, answer=ANSWER))
    ledger.away = 1

    assert await answers.answer_of(SENT, deadline) == ANSWER
    ledger.away = 20
    with pytest.raises(RequestInProgress) as caught:
        await answers.answer_of(SENT, deadline)
    assert caught.value.charged is Charged.UNKNOWN


async def test_without_time_left_for_that_nothing_was_charged() -> None:
    answers, _, deadline = make(replace(SENT, state=SpendState.RELEASED), seconds=6.0)
    with pytest.raises(RequestInProgress) as caught:
        await answers.answer_of(SENT, deadline)

    assert caught.value.charged is Charged.NO
    assert caught.value.retryable
    assert "still running" not in caught.value.detail


async def test_one_that_outlasts_their_patience_may_yet_be_charged() -> None:
    answers, _, deadline = make(SENT, seconds=6.0)
    with pytest.raises(RequestInProgress) as caught:
        await answers.answer_of(SENT, deadline)

    assert caught.value.charged is Charged.UNKNOWN


async def test_one_that_was_lost_without_an_answer_is_unknown() -> None:
    answers, _, deadline = make(replace(SENT, state=SpendState.UNKNOWN))
    with pytest.raises(OutcomeUnknown):
        await answers.answer_of(SENT, deadline)


@pytest.mark.parametrize("found", [True, False])
async def test_what_the_same_request_replaced_meanwhile_on_another_node_is_its_answer(
    found: bool,
) -> None:
    value = Rental(id=2, status=RentalStatus.ACTIVE, replaces=1)
    first = replace(SENT, state=SpendState.BOUGHT, answer=stored_value(value))
    seen = [None, first if found else None]

    async def by_request(caller_id: str, request_id: str) -> Spend | None:
        return seen.pop(0)

    async def refuse(order: Order) -> Answer[Any]:
        raise AlreadyReplaced(replaced_by=2)

    answers, ledger, _ = make(first)
    ledger.by_request = by_request  # type: ignore[attr-defined]
    caller = SimpleNamespace(id="caller", limits=None)
    order = SimpleNamespace(
        op=REPLACE_RENTAL,
        context=SimpleNamespace(caller=caller),
        request_id="order-1",
        fingerprints=("x",),
    )
    if found:
        assert (await answers(cast(Order, order), refuse)).value == value
        return
    with pytest.raises(AlreadyReplaced):
        await answers(cast(Order, order), refuse)
