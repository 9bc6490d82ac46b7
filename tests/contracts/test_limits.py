import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from gateway.core.model.callers import Limits
from gateway.core.model.hindrances import AncestorBreach, Breach
from gateway.core.model.purchases import SpendState
from gateway.core.model.rentals import RentalStatus
from gateway.core.ports.ledger import Ledger
from tests.support.ledger import NOW, REFUSED, UNKNOWN, bought, buy, end, intent, rental, spent
from tests.support.store_process import SEVEN, another

TOMORROW = NOW + timedelta(days=1)


@pytest.mark.parametrize("limit", ["budget_day", "budget_total"])
async def test_a_budget_is_spent_to_the_last_cent(ledger: Ledger, limit: str) -> None:
    given: dict[str, Any] = {limit: Decimal("1.10")}
    limits = Limits(**given)
    for _ in range(2):
        assert await ledger.begin(intent(limits=limits)) is None

    assert await ledger.begin(intent(limits=limits)) is Breach(limit)
    assert await ledger.begin(intent(limits=limits, reserved=Decimal("0.000001"))) is Breach(limit)
    assert await ledger.begin(intent(limits=limits, reserved=Decimal(0))) is None
    assert await spent(ledger) == ("1.10", "1.10")


async def test_tomorrow_has_a_budget_of_its_own(ledger: Ledger) -> None:
    limits = Limits(budget_day=Decimal("0.55"))
    assert await ledger.begin(intent(limits=limits)) is None

    assert await ledger.begin(intent(limits=limits)) is Breach.BUDGET_DAY
    assert await ledger.begin(intent(TOMORROW, limits=limits)) is None


async def test_an_unknown_price_needs_some_budget_left(ledger: Ledger) -> None:
    limits = Limits(budget_total=Decimal("0.55"))
    assert await ledger.begin(intent(limits=limits, reserved=None)) is None
    assert await ledger.begin(intent(limits=limits)) is None

    assert await ledger.begin(intent(limits=limits, reserved=None)) is Breach.BUDGET_TOTAL


async def test_an_empty_budget_buys_nothing(ledger: Ledger) -> None:
    limits = Limits(budget_total=Decimal(0))

    assert await ledger.begin(intent(limits=limits)) is Breach.BUDGET_TOTAL


async def test_refused_unknown_and_cancelled_count_as_they_should(ledger: Ledger) -> None:
    limits = Limits(budget_total=Decimal("1.10"))
    await end(ledger, REFUSED, limits=limits)
    await end(ledger, UNKNOWN, limits=limits)
    await buy(ledger, rental(), limits=limits)
    assert await ledger.begin(intent(limits=limits)) is Breach.BUDGET_TOTAL

    await ledger.record("account", rental(status=RentalStatus.CANCELLED), NOW)

    assert await ledger.begin(intent(limits=limits)) is None


async def test_a_repeated_request_is_answered_before_any_limit(ledger: Ledger) -> None:
    limits = Limits(budget_total=Decimal("0.55"), max_active=1)
    await end(ledger, bought(rental()), request_id="r1", limits=limits)

    again = await ledger.begin(intent(request_id="r1", limits=limits))

    assert again is not None
    assert not isinstance(again, Breach | AncestorBreach)
    assert again.state is SpendState.BOUGHT


async def test_open_bought_and_unknown_ones_are_active(ledger: Ledger) -> None:
    limits = Limits(max_active=4)
    await ledger.begin(intent(limits=limits))
    await end(ledger, UNKNOWN, limits=limits)
    await buy(ledger, rental(1), limits=limits)
    await buy(ledger, rental(2, status=RentalStatus.CODE_RECEIVED), limits=limits)

    assert await ledger.begin(intent(limits=limits)) is Breach.MAX_ACTIVE
    assert await ledger.begin(intent(limits=limits, kind="long_rental")) is None
    assert await ledger.begin(intent(limits=limits, caller_id="another")) is None


@pytest.mark.parametrize(
    "status", [RentalStatus.COMPLETED, RentalStatus.CANCELLED, RentalStatus.EXPIRED]
)
async def test_an_ended_rental_makes_room(ledger: Ledger, status: RentalStatus) -> None:
    limits = Limits(max_active=1)
    await buy(ledger, rental(), limits=limits)
    assert await ledger.begin(intent(limits=limits)) is Breach.MAX_ACTIVE

    await ledger.record("account", rental(status=status), NOW)

    assert await ledger.begin(intent(limits=limits)) is None


async def test_a_rental_nobody_asked_for_again_is_not_active_for_ever(ledger: Ledger) -> None:
    limits = Limits(max_active=1)
    await buy(ledger, rental(), limits=limits)
    await end(ledger, UNKNOWN)
    late = NOW + timedelta(minutes=5)

    just_before = intent(late - timedelta(microseconds=1), limits=limits)

    assert await ledger.begin(just_before) is Breach.MAX_ACTIVE
    assert await ledger.begin(intent(late, limits=limits)) is None


async def test_a_hundred_at_once_against_a_budget_for_seven(ledger: Ledger) -> None:
    answers = await asyncio.gather(*(ledger.begin(intent(limits=SEVEN)) for _ in range(100)))

    assert answers.count(None) == 7
    assert answers.count(Breach.BUDGET_TOTAL) == 93
    assert await spent(ledger) == ("3.85", "3.85")


async def test_a_hundred_at_once_with_room_for_seven(ledger: Ledger) -> None:
    limits = Limits(max_active=7)

    answers = await asyncio.gather(*(ledger.begin(intent(limits=limits)) for _ in range(100)))

    assert answers.count(None) == 7


async def test_the_same_request_id_a_hundred_times_at_once(ledger: Ledger) -> None:
    answers = await asyncio.gather(*(ledger.begin(intent(request_id="r1")) for _ in range(100)))

    assert answers.count(None) == 1
    assert await spent(ledger) == ("0.55", "0.55")


async def test_two_processes_share_a_budget_for_seven(store_url: str, ledger: Ledger) -> None:
    with another(store_url, "begin_fifty") as one, another(store_url, "begin_fifty") as two:
        one.go()
        two.go()
        admitted = int(one.line()) + int(two.line())

    assert admitted == 7
    assert await spent(ledger) == ("3.85", "3.85")


@pytest.mark.parametrize("limit", ["budget_day", "budget_total"])
async def test_what_would_pass_a_budget_is_told_before_it_begins(
    ledger: Ledger, limit: str
) -> None:
    for budget, expected in (("0.54", Breach(limit)), ("0.55", None)):
        given: dict[str, Any] = {limit: Decimal(budget)}

        assert await ledger.breach(intent(limits=Limits(**given))) is expected
        assert await spent(ledger) == ("0.00", "0.00")
