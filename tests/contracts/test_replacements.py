"""A rental is replaced once, and the pair is written with what the replacement bought."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from adapters.store import Store, open_store
from gateway.core.model.callers import Limits
from gateway.core.model.hindrances import Breach
from gateway.core.model.purchases import REPLACE, Intent, Outcome, Spend, SpendState
from gateway.core.model.rentals import EndedReason, Rental, RentalStatus
from gateway.core.ports.ledger import Ledger
from gateway.core.ports.storage import ProvisionalCode
from gateway.core.purchases.settlement import resolution
from tests.support.ledger import (
    ACCOUNT,
    LATER,
    NOW,
    REFUSED,
    RELEASED,
    UNKNOWN,
    bought,
    buy,
    end,
    intent,
    new_id,
    rental,
    spent,
)

FIRST, SECOND = 1, 2


def replacing(rental_id: int = FIRST, **given: Any) -> Intent:
    return intent(operation=REPLACE, subject_id=rental_id, **given)


async def replace(ledger: Ledger, outcome: Outcome, rental_id: int = FIRST, **given: Any) -> str:
    return await end(ledger, outcome, operation=REPLACE, subject_id=rental_id, **given)


async def find(ledger: Ledger, rental_id: int) -> Rental:
    found = await ledger.find(ACCOUNT, "rental", rental_id)
    assert isinstance(found, Rental)
    return found


async def test_what_is_bought_the_pair_and_the_wish_are_written_together(ledger: Ledger) -> None:
    await buy(ledger, rental(FIRST))
    await replace(ledger, bought(rental(SECOND)), at=LATER)
    old, new = await find(ledger, FIRST), await find(ledger, SECOND)

    assert (old.replaces, old.replaced_by, old.cancel_requested_at) == (None, SECOND, LATER)
    assert (new.replaces, new.replaced_by, new.cancel_requested_at) == (FIRST, None, None)
    assert await ledger.begin(replacing()) is Breach.REPLACED

    await ledger.record("account", rental(FIRST, status=RentalStatus.CANCELLED), LATER)

    assert (await find(ledger, FIRST)).ended_reason is EndedReason.REPLACED
    assert await spent(ledger) == ("0.55", "0.55")


@pytest.mark.parametrize("outcome", [REFUSED, RELEASED])
async def test_where_nothing_was_bought_the_rental_stays_as_it_is(
    ledger: Ledger, outcome: Outcome
) -> None:
    await buy(ledger, rental(FIRST))
    before = await find(ledger, FIRST)
    await replace(ledger, outcome)

    assert await find(ledger, FIRST) == before
    assert await ledger.begin(replacing()) is None


async def test_one_that_is_open_or_unknown_stands_in_the_way_of_another(ledger: Ledger) -> None:
    await buy(ledger, rental(FIRST))
    before = await find(ledger, FIRST)
    under_way = replacing()
    assert await ledger.begin(under_way) is None
    assert await ledger.begin(replacing()) is Breach.REPLACEMENT_OPEN
    await ledger.mark_sent(under_way.ledger_id, NOW)
    assert await ledger.begin(replacing()) is Breach.REPLACEMENT_OPEN
    await ledger.settle(under_way.ledger_id, UNKNOWN, NOW)

    assert await ledger.begin(replacing()) is Breach.REPLACEMENT_UNKNOWN
    assert await find(ledger, FIRST) == before
    assert await ledger.begin(intent()) is None
    assert await ledger.begin(intent(operation="rent_again", subject_id=FIRST)) is None


async def test_a_lost_one_replaces_when_it_is_found(ledger: Ledger) -> None:
    await buy(ledger, rental(FIRST))
    lost = await replace(ledger, UNKNOWN)
    listed = await ledger.list_rentals(
        ACCOUNT, status=RentalStatus.UNKNOWN, service_code=None, limit=10, before=None
    )
    spend = await ledger.spend(lost)
    assert spend is not None
    outcome = resolution(spend, SECOND, None)
    await ledger.settle(lost, outcome, LATER)

    assert [row.replaces for row in listed] == [FIRST]
    assert isinstance(outcome.bought, Rental)
    assert outcome.bought.replaces == FIRST
    assert (await find(ledger, SECOND)).replaces == FIRST
    old = await find(ledger, FIRST)
    assert (old.replaced_by, old.cancel_requested_at) == (SECOND, LATER)


async def test_a_lost_one_that_bought_nothing_may_be_made_anew(ledger: Ledger) -> None:
    await buy(ledger, rental(FIRST))
    lost = await replace(ledger, UNKNOWN)
    spend = await ledger.spend(lost)
    assert spend is not None
    await ledger.settle(lost, resolution(spend, None, None), LATER)

    assert (await find(ledger, FIRST)).replaced_by is None
    assert await ledger.begin(replacing()) is None


async def test_three_in_a_row_are_the_most(ledger: Ledger) -> None:
    await buy(ledger, rental(1))
    for number in (1, 2, 3):
        await replace(ledger, bought(rental(number + 1)), number)

    assert await ledger.begin(replacing(4)) is Breach.REPLACEMENTS


async def test_one_with_a_code_is_not_replaced(ledger: Ledger) -> None:
    await buy(ledger, rental(FIRST))
    coded = rental(FIRST, status=RentalStatus.CODE_RECEIVED, code="140891")
    await ledger.record("account", coded, LATER)

    assert await ledger.begin(replacing()) is Breach.CODE_RECEIVED


async def test_one_that_a_webhook_told_a_code_of_is_not_replaced(store: Store) -> None:
    await buy(store.ledger, rental(FIRST))
    await store.inbox.keep("account", FIRST, ProvisionalCode("140891", NOW))

    assert await store.ledger.begin(replacing()) is Breach.CODE_RECEIVED


@pytest.mark.parametrize(
    "last",
    [
        rental(FIRST, status=RentalStatus.EXPIRED),
        rental(FIRST, status=RentalStatus.CANCELLED),
        rental(FIRST, status=RentalStatus.COMPLETED),
        rental(FIRST, status=RentalStatus.CODE_RECEIVED, code="140891"),
    ],
    ids=lambda last: last.status.value,
)
async def test_one_that_ends_or_has_a_code_meanwhile_is_not_to_be_cancelled(
    ledger: Ledger, last: Rental
) -> None:
    await buy(ledger, rental(FIRST))
    under_way = replacing()
    assert await ledger.begin(under_way) is None
    await ledger.record("account", last, LATER)
    await ledger.settle(under_way.ledger_id, bought(rental(SECOND)), LATER)
    old = await find(ledger, FIRST)

    assert (old.replaced_by, old.cancel_requested_at) == (SECOND, None)
    assert (await find(ledger, SECOND)).replaces == FIRST


async def test_a_repeated_request_is_answered_before_its_rental_is_looked_at(
    ledger: Ledger,
) -> None:
    await buy(ledger, rental(FIRST))
    await replace(ledger, bought(rental(SECOND)), request_id="r1")
    again = await ledger.begin(replacing(request_id="r1"))

    assert isinstance(again, Spend)
    assert (again.state, again.replaces) == (SpendState.BOUGHT, FIRST)


async def test_both_count_for_the_limits(ledger: Ledger) -> None:
    await buy(ledger, rental(FIRST), wishes="{}")
    one, budget = Limits(max_active=1), Limits(budget_total=Decimal("1.00"))

    assert await ledger.begin(replacing(limits=one)) is Breach.MAX_ACTIVE
    assert await ledger.begin(replacing(limits=budget)) is Breach.BUDGET_TOTAL
    assert await ledger.begin(replacing(limits=Limits(max_per_day=1))) is Breach.MAX_PER_DAY

    await ledger.record("account", rental(FIRST, status=RentalStatus.CANCELLED), NOW)

    assert await ledger.begin(replacing(limits=one)) is None


async def test_the_purchase_of_a_rental_tells_what_was_wished(ledger: Ledger) -> None:
    await buy(ledger, rental(FIRST), wishes='{"max_price":"0.60"}')
    await buy(ledger, rental(SECOND))
    await ledger.record("account", rental(3), NOW)
    first, second = [await ledger.purchase_of("account", each) for each in (FIRST, SECOND)]

    assert first is not None
    assert second is not None
    assert (first.wishes, second.wishes) == ('{"max_price":"0.60"}', None)
    assert await ledger.purchase_of("account", 3) is None
    assert await ledger.purchase_of("another", FIRST) is None


async def test_ten_at_once_on_two_nodes_begin_one(store_url: str) -> None:
    async with (
        open_store(store_url, new_id=new_id) as one,
        open_store(store_url, new_id=new_id) as other,
    ):
        await buy(one.ledger, rental(FIRST))
        night = NOW.replace(hour=23, minute=59) + timedelta(minutes=1)
        wanted = [replacing(reserved=None, at=at) for at in (NOW, night) for _ in range(5)]
        nodes = [one.ledger, other.ledger] * 5
        answers = await asyncio.gather(
            *(node.begin(each) for node, each in zip(nodes, wanted, strict=True))
        )

    assert answers.count(None) == 1
    assert answers.count(Breach.REPLACEMENT_OPEN) == 9
