"""A purchase over MCP that repeats one of the last ten minutes is refused by the ledger."""

import asyncio
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest

from adapters.store import Store
from gateway.core.model.callers import Limits
from gateway.core.model.hindrances import REPEATED_WITHIN, Duplicate
from gateway.core.model.long_rentals import LongRentalStatus
from gateway.core.model.purchases import REPLACE, Intent, Outcome, Spend, SpendState
from gateway.core.model.rentals import CancelReason, RentalStatus
from gateway.core.ports.ledger import Ledger
from gateway.core.ports.storage import ProvisionalCode
from tests.support.ledger import (
    LATER,
    NOW,
    REFUSED,
    RELEASED,
    UNKNOWN,
    buy,
    end,
    intent,
    long_rental,
    rental,
)
from tests.support.store_process import another

FIRST = Duplicate(SpendState.BOUGHT, 12345)
LONG: dict[str, Any] = {
    "operation": "create_long_rental",
    "kind": "long_rental",
    "service_code": None,
    "fingerprint": "a week",
    "over_mcp": True,
}


def by_agent(at: Any = LATER, **given: Any) -> Intent:
    """The same service, by other words."""
    return intent(at, **{"over_mcp": True, "fingerprint": "rent whatsapp for less", **given})


async def test_while_one_has_no_code_a_second_is_refused_with_its_id(ledger: Ledger) -> None:
    await buy(ledger, rental(), over_mcp=True)

    assert await ledger.breach(by_agent()) == FIRST
    assert await ledger.begin(by_agent()) == FIRST
    assert await ledger.begin(by_agent(reserved=None)) == FIRST
    assert await ledger.begin(by_agent(request_id="another")) == FIRST
    assert await ledger.begin(by_agent(operation="rent_again", subject_id=1)) == FIRST
    assert await ledger.begin(by_agent(limits=Limits(max_active=1))) == FIRST


@pytest.mark.parametrize(
    "other",
    [
        {"over_mcp": False},
        {"allow_duplicate": True},
        {"service_code": "telegram"},
        {"caller_id": "another"},
        {"service_code": None},
        {"operation": REPLACE, "subject_id": 12345},
    ],
    ids=str,
)
async def test_what_is_no_repetition_is_let_in(ledger: Ledger, other: dict[str, Any]) -> None:
    await buy(ledger, rental(), over_mcp=True)

    assert await ledger.begin(by_agent(**other)) is None


async def test_what_was_not_bought_over_mcp_is_not_repeated(ledger: Ledger) -> None:
    await buy(ledger, rental())

    assert await ledger.begin(by_agent()) is None


async def test_after_ten_minutes_it_is_no_repetition(ledger: Ledger) -> None:
    ends = NOW + 2 * REPEATED_WITHIN
    await buy(ledger, rental(ends_at=ends), over_mcp=True, active_until=ends)
    moment = timedelta(microseconds=1)

    assert await ledger.breach(by_agent(NOW + REPEATED_WITHIN)) == FIRST
    assert await ledger.breach(by_agent(NOW + REPEATED_WITHIN + moment)) is None


@pytest.mark.parametrize(
    "status", [RentalStatus.COMPLETED, RentalStatus.CANCELLED, RentalStatus.EXPIRED]
)
async def test_one_that_has_ended_may_be_followed_by_another(
    ledger: Ledger, status: RentalStatus
) -> None:
    await buy(ledger, rental(), over_mcp=True)
    await ledger.record("account", rental(status=status), LATER)

    assert await ledger.begin(by_agent()) is None


async def test_one_that_had_its_time_may_be_followed_by_another(ledger: Ledger) -> None:
    await buy(ledger, rental(), over_mcp=True)

    assert await ledger.begin(by_agent(NOW + timedelta(minutes=5))) is None


async def test_one_with_a_code_may_be_followed_by_another(store: Store) -> None:
    ledger = store.ledger
    await buy(ledger, rental(), over_mcp=True)
    await store.inbox.keep("account", 12345, ProvisionalCode("482913", LATER))

    assert await ledger.breach(by_agent()) is None

    await buy(ledger, rental(2), over_mcp=True)
    coded = rental(2, status=RentalStatus.CODE_RECEIVED, code="482913")
    await ledger.record("account", coded, LATER)

    assert await ledger.begin(by_agent()) is None


async def test_one_that_is_to_be_cancelled_may_be_followed_by_another(ledger: Ledger) -> None:
    await buy(ledger, rental(), over_mcp=True)
    await ledger.want_cancel("account", 12345, CancelReason.ASKED, LATER, LATER)

    assert await ledger.begin(by_agent()) is None


async def test_the_replacement_of_one_stands_in_the_way(ledger: Ledger) -> None:
    await buy(ledger, rental(), over_mcp=True)
    await buy(ledger, rental(2), at=LATER, over_mcp=True, operation=REPLACE, subject_id=12345)

    assert await ledger.begin(by_agent()) == Duplicate(SpendState.BOUGHT, 2)


async def test_one_under_way_or_of_unknown_outcome_stands_in_the_way(ledger: Ledger) -> None:
    first = intent(over_mcp=True)
    assert await ledger.begin(first) is None
    assert await ledger.begin(by_agent()) == Duplicate(SpendState.INTENDED)
    await ledger.mark_sent(first.ledger_id, NOW)
    assert await ledger.begin(by_agent()) == Duplicate(SpendState.SENT)
    await ledger.settle(first.ledger_id, UNKNOWN, NOW)

    assert await ledger.begin(by_agent()) == Duplicate(SpendState.UNKNOWN)


@pytest.mark.parametrize("outcome", [REFUSED, RELEASED])
async def test_where_nothing_was_bought_it_may_be_tried_again(
    ledger: Ledger, outcome: Outcome
) -> None:
    await end(ledger, outcome, over_mcp=True)

    assert await ledger.begin(by_agent()) is None


async def test_the_same_request_id_is_answered_before(ledger: Ledger) -> None:
    first = await buy(ledger, rental(), over_mcp=True, request_id="order-1")
    again = await ledger.begin(by_agent(request_id="order-1"))

    assert isinstance(again, Spend)
    assert again.ledger_id == first


async def test_of_an_unknown_service_only_the_same_request_is_a_repetition(
    ledger: Ledger,
) -> None:
    again: dict[str, Any] = {"operation": "rent_again", "service_code": None, "over_mcp": True}
    unsaid = rental(service_code=None, service_name=None)
    await buy(ledger, unsaid, **again, subject_id=1, fingerprint="1 again")

    assert await ledger.breach(by_agent(**again, subject_id=1, fingerprint="1 again")) == FIRST
    assert await ledger.breach(by_agent(**again, subject_id=2, fingerprint="2 again")) is None


async def test_long_rentals_are_repeated_by_equal_inputs(ledger: Ledger) -> None:
    await buy(ledger, long_rental(7), **LONG)
    renewal = {**LONG, "operation": "renew_long_rental", "subject_id": 7, "fingerprint": "renew 7"}
    seven = Duplicate(SpendState.BOUGHT, 7)

    assert await ledger.begin(intent(LATER, **LONG)) == seven
    assert await ledger.breach(intent(LATER, **LONG | {"fingerprint": "a month"})) is None
    await buy(ledger, long_rental(7), **renewal)
    assert await ledger.begin(intent(LATER, **renewal)) == seven

    await ledger.record("account", long_rental(7, status=LongRentalStatus.CANCELLED), LATER)

    assert await ledger.begin(intent(LATER, **LONG)) is None


async def test_two_processes_let_one_in(store: Store, store_url: str) -> None:
    with ExitStack() as opened:
        others = [opened.enter_context(another(store_url, "begin_ten_of_agents")) for _ in range(2)]
        for other in others:
            other.go()
        wanted = [intent(over_mcp=True, reserved=None) for _ in range(10)]
        own = await asyncio.gather(*map(store.ledger.begin, wanted))
        lines = [await asyncio.to_thread(other.line) for other in others]

    assert own.count(None) + sum(map(int, lines)) == 1
