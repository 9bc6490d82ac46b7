"""What came back of a purchase: once, never above what was charged, with its time and reason."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest

from adapters.store import Store
from gateway.core.model.long_rentals import LongRentalStatus
from gateway.core.model.purchases import RefundReason, Spend
from gateway.core.model.rentals import Rental, RentalStatus
from gateway.core.ports.ledger import Ledger
from tests.support.ledger import (
    ACCOUNT,
    LATER,
    MINE,
    NOW,
    REFUSED,
    UNKNOWN,
    bought,
    buy,
    end,
    long_rental,
    rental,
    rental_of,
    spent,
)

CANCELLED = rental(status=RentalStatus.CANCELLED)
EXPIRED = rental(status=RentalStatus.EXPIRED)
MUCH_LATER = NOW + timedelta(hours=1)


async def refund_of(ledger: Ledger, ledger_id: str) -> tuple[str, RefundReason | None, object]:
    """Amount, reason and time."""
    spend = await ledger.spend(ledger_id)
    assert isinstance(spend, Spend)
    return str(spend.refunded), spend.refund_reason, spend.refunded_at


async def shown(ledger: Ledger) -> str | None:
    """The refund that the list of rentals and the rental itself show."""
    [listed] = await ledger.list_rentals(MINE, status=None, service_code=None, limit=9, before=None)
    found = await ledger.find(MINE, "rental", 12345)
    assert isinstance(found, Rental)
    assert listed.refunded == found.refunded
    return None if found.refunded is None else str(found.refunded)


async def test_a_cancelled_rental_shows_what_came_back_and_when(
    ledger: Ledger, store: Store
) -> None:
    ledger_id = await buy(ledger, rental())
    assert await refund_of(ledger, ledger_id) == ("0.00", None, None)
    assert await shown(ledger) is None

    await ledger.record("account", CANCELLED, LATER)
    await ledger.record("account", CANCELLED, MUCH_LATER)

    assert await refund_of(ledger, ledger_id) == ("0.55", RefundReason.CANCELLED, LATER)
    assert await shown(ledger) == "0.55"
    assert await spent(ledger) == ("0.00", "0.00")
    [_, back, ended] = await store.events.events(ACCOUNT, 0, 9)
    assert (back.type, ended.type) == ("rental.refunded", "rental.ended")
    assert {rental_of(each).refunded for each in (back, ended)} == {Decimal("0.55")}


@pytest.mark.parametrize("refunds", [True, False])
async def test_an_expiry_without_a_code_is_refunded_where_the_provider_does_so(
    ledger: Ledger, refunds: bool
) -> None:
    ledger_id = await buy(ledger, rental())
    for at in (LATER, MUCH_LATER):
        await ledger.record("account", EXPIRED, at, refund_expired=refunds)

    expected = ("0.55", RefundReason.EXPIRED, LATER) if refunds else ("0.00", None, None)
    assert await refund_of(ledger, ledger_id) == expected
    assert await shown(ledger) == ("0.55" if refunds else None)
    assert await spent(ledger) == (("0.00",) * 2 if refunds else ("0.55",) * 2)


async def test_an_expiry_with_a_code_is_not_refunded_not_even_once_the_code_is_deleted(
    ledger: Ledger,
) -> None:
    ledger_id = await buy(ledger, rental(code="012345"))
    await ledger.record("account", EXPIRED, LATER, refund_expired=True)
    await ledger.purge(MUCH_LATER, MUCH_LATER)
    await ledger.record("account", EXPIRED, MUCH_LATER, refund_expired=True)

    assert await refund_of(ledger, ledger_id) == ("0.00", None, None)
    assert await spent(ledger) == ("0.55", "0.55")


async def test_what_is_told_later_still_counts(ledger: Ledger) -> None:
    ledger_id = await buy(ledger, rental())
    await ledger.record("account", EXPIRED, LATER)
    await ledger.record("account", CANCELLED, MUCH_LATER)

    assert await refund_of(ledger, ledger_id) == ("0.55", RefundReason.CANCELLED, MUCH_LATER)


@pytest.mark.parametrize("ended", [CANCELLED, EXPIRED])
async def test_a_rental_that_ended_before_its_purchase_was_known_is_refunded_with_it(
    ledger: Ledger, ended: Rental
) -> None:
    ledger_id = await end(ledger, UNKNOWN)
    await ledger.record("account", ended, LATER, refund_expired=True)
    assert await spent(ledger) == ("0.55", "0.55")

    await ledger.settle(ledger_id, bought(rental(price=Decimal("0.5"))), MUCH_LATER)

    assert await refund_of(ledger, ledger_id) == ("0.50", ended.status.value, MUCH_LATER)
    assert await shown(ledger) == "0.50"
    assert await spent(ledger) == ("0.00", "0.00")


async def test_a_rental_given_up_is_expired_without_a_refund_until_the_provider_tells(
    ledger: Ledger, store: Store
) -> None:
    ledger_id = await buy(ledger, rental())
    given_up = await ledger.give_up("account", 12345, LATER)

    assert given_up is not None
    assert (given_up.status, given_up.refunded) == (RentalStatus.EXPIRED, None)
    assert await ledger.give_up("account", 12345, LATER) is None
    assert await ledger.unended("account") == []
    assert await spent(ledger) == ("0.55", "0.55")
    kinds = [event.type for event in await store.events.events(ACCOUNT, 0, 9)]
    assert kinds == ["rental.created", "rental.ended"]

    await ledger.record("account", EXPIRED, MUCH_LATER, refund_expired=True)

    assert await refund_of(ledger, ledger_id) == ("0.55", RefundReason.EXPIRED, MUCH_LATER)


async def test_what_has_ended_or_is_not_known_is_not_given_up(ledger: Ledger) -> None:
    await buy(ledger, rental())
    await ledger.record("account", rental(status=RentalStatus.COMPLETED), LATER)

    assert await ledger.give_up("account", 12345, LATER) is None
    assert await ledger.give_up("account", 1, LATER) is None
    found = await ledger.find(MINE, "rental", 12345)
    assert found is not None
    assert found.status is RentalStatus.COMPLETED


async def test_an_operator_records_what_came_back_once(ledger: Ledger) -> None:
    ledger_id = await buy(ledger, rental())

    for amount in ("0", "-1", "0.56"):
        assert not await ledger.record_refund(ledger_id, Decimal(amount), LATER)
    assert await ledger.record_refund(ledger_id, Decimal("0.2"), LATER)
    assert not await ledger.record_refund(ledger_id, Decimal("0.2"), LATER)
    await ledger.record("account", CANCELLED, MUCH_LATER)

    assert await refund_of(ledger, ledger_id) == ("0.20", RefundReason.RECORDED, LATER)
    assert await shown(ledger) == "0.20"
    assert await spent(ledger) == ("0.35", "0.35")


async def test_only_what_was_bought_has_a_refund_to_record(ledger: Ledger) -> None:
    ids = [await end(ledger, UNKNOWN), await end(ledger, REFUSED), "nothing"]

    assert not any([await ledger.record_refund(each, Decimal("0.1"), LATER) for each in ids])


async def test_a_long_rental_and_its_renewal_are_refunded_by_record_only(ledger: Ledger) -> None:
    given = {"kind": "long_rental", "reserved": None, "service_code": None}
    first = await buy(ledger, long_rental(), operation="create_long_rental", **given)
    renewal = await buy(ledger, long_rental(), operation="renew_long_rental", subject_id=1, **given)
    cancelled = long_rental().model_copy(update={"status": LongRentalStatus.CANCELLED})
    await ledger.record("account", cancelled, LATER, refund_expired=True)
    assert await spent(ledger) == ("21.10", "21.10")

    assert await ledger.record_refund(first, Decimal("1.05"), LATER)
    assert await ledger.record_refund(renewal, Decimal("10.55"), LATER)

    assert await spent(ledger) == ("9.50", "9.50")
    assert await refund_of(ledger, renewal) == ("10.55", RefundReason.RECORDED, LATER)


async def test_many_causes_at_once_refund_once(ledger: Ledger) -> None:
    ledger_id = await buy(ledger, rental())

    await asyncio.gather(
        *(ledger.record("account", CANCELLED, LATER) for _ in range(3)),
        *(ledger.record("account", EXPIRED, LATER, refund_expired=True) for _ in range(3)),
        *(ledger.record_refund(ledger_id, Decimal("0.55"), LATER) for _ in range(3)),
    )

    amount, *_ = await refund_of(ledger, ledger_id)
    assert amount == "0.55"
    assert await spent(ledger) == ("0.00", "0.00")
