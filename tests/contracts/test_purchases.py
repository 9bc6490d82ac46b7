from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import pytest

from adapters.store import StoreError
from gateway.core.model.purchases import Outcome, Spend, SpendState, StoredAnswer
from gateway.core.model.rentals import RentalStatus
from gateway.core.ports.ledger import Ledger
from tests.support.ledger import (
    ACCOUNT,
    ANSWER,
    LATER,
    MINE,
    NOW,
    REFUSED,
    RELEASED,
    UNKNOWN,
    bought,
    buy,
    end,
    intent,
    long_rental,
    new_id,
    rental,
    spent,
    stored,
)


async def test_what_was_intended_is_written_down(ledger: Ledger) -> None:
    wanted = intent(request_id="r1", subject_id=7)

    assert await ledger.begin(wanted) is None
    assert await ledger.spend(wanted.ledger_id) == Spend(
        ledger_id=wanted.ledger_id,
        operation="rent_number",
        kind="rental",
        account_id="account",
        caller_id="caller",
        request_id="r1",
        fingerprint="rent whatsapp",
        subject_id=7,
        service_code="whatsapp",
        state=SpendState.INTENDED,
        reserved=Decimal("0.55"),
        charged=None,
        refunded=Decimal(0),
        at=NOW,
        answer=None,
    )


async def test_an_unknown_ledger_id_is_none(ledger: Ledger) -> None:
    assert await ledger.spend("nothing") is None
    assert await ledger.by_request("caller", "nothing") is None
    assert not await ledger.mark_sent("nothing", NOW)
    assert not await ledger.settle("nothing", RELEASED, NOW)


async def test_a_ledger_id_is_used_once(ledger: Ledger) -> None:
    wanted = intent()
    await ledger.begin(wanted)

    with pytest.raises(StoreError):
        await ledger.begin(wanted)
    assert await spent(ledger) == ("0.55", "0.55")


async def test_sending_is_marked_once(ledger: Ledger) -> None:
    wanted = intent()
    await ledger.begin(wanted)

    assert await ledger.mark_sent(wanted.ledger_id, NOW)
    assert not await ledger.mark_sent(wanted.ledger_id, NOW)
    spend = await ledger.spend(wanted.ledger_id)
    assert spend is not None
    assert spend.state is SpendState.SENT


async def test_the_price_takes_the_place_of_the_reservation(ledger: Ledger) -> None:
    wanted = intent(reserved=Decimal("0.66"), request_id="r1")
    await ledger.begin(wanted)
    assert await spent(ledger) == ("0.66", "0.66")

    assert await ledger.settle(wanted.ledger_id, bought(rental()), LATER)

    spend = await ledger.by_request("caller", "r1")
    assert spend is not None
    assert (spend.state, spend.charged, spend.answer) == (
        SpendState.BOUGHT,
        Decimal("0.55"),
        ANSWER,
    )
    assert await spent(ledger) == ("0.55", "0.55")
    assert await ledger.find(MINE, "rental", 12345) == stored(rental(ledger_id=wanted.ledger_id))


async def test_without_a_price_the_reservation_is_what_it_cost(ledger: Ledger) -> None:
    ledger_id = await buy(ledger, rental(price=None))

    spend = await ledger.spend(ledger_id)
    assert spend is not None
    assert spend.charged == Decimal("0.55")
    assert await spent(ledger) == ("0.55", "0.55")


async def test_an_unknown_price_counts_when_it_is_told(ledger: Ledger) -> None:
    wanted = intent(kind="long_rental", reserved=None, operation="create_long_rental")
    await ledger.begin(wanted)
    assert await spent(ledger) == ("0.00", "0.00")

    await ledger.settle(wanted.ledger_id, bought(long_rental()), NOW)

    assert await spent(ledger) == ("10.55", "10.55")
    assert await ledger.find(MINE, "long_rental", 1) == long_rental()


async def test_a_refusal_gives_the_money_back_and_keeps_its_answer(ledger: Ledger) -> None:
    await end(ledger, REFUSED, request_id="r1")

    spend = await ledger.by_request("caller", "r1")
    assert spend is not None
    assert (spend.state, spend.answer) == (SpendState.REFUSED, REFUSED.answer)
    assert await spent(ledger) == ("0.00", "0.00")
    assert await ledger.all_rentals(ACCOUNT, "rental") == []


@pytest.mark.parametrize("outcome", [RELEASED, Outcome(SpendState.REFUSED)])
async def test_an_end_without_an_answer_frees_its_request_id(
    ledger: Ledger, outcome: Outcome
) -> None:
    await end(ledger, outcome, request_id="r1")

    assert await ledger.by_request("caller", "r1") is None
    assert await spent(ledger) == ("0.00", "0.00")
    assert await ledger.begin(intent(request_id="r1")) is None


async def test_a_request_id_leads_back_to_its_purchase(ledger: Ledger) -> None:
    ledger_id = await buy(ledger, rental(), request_id="r1")

    before = await ledger.begin(intent(request_id="r1", fingerprint="something else"))

    assert before == await ledger.spend(ledger_id)
    assert await spent(ledger) == ("0.55", "0.55")


async def test_a_request_id_is_its_callers_own(ledger: Ledger) -> None:
    await ledger.begin(intent(request_id="r1"))

    assert await ledger.begin(intent(request_id="r1", caller_id="another")) is None


async def test_a_bought_one_keeps_its_request_id_without_an_answer(ledger: Ledger) -> None:
    await end(ledger, bought(rental(), answer=None), request_id="r1")

    spend = await ledger.by_request("caller", "r1")
    assert spend is not None
    assert spend.answer is None


@pytest.mark.parametrize("first", [bought(rental()), REFUSED, RELEASED])
@pytest.mark.parametrize("second", [bought(rental(2)), REFUSED, RELEASED, UNKNOWN])
async def test_the_first_end_stands(ledger: Ledger, first: Outcome, second: Outcome) -> None:
    ledger_id = await end(ledger, first, request_id="r1")
    before = await ledger.spend(ledger_id), await spent(ledger)

    assert not await ledger.settle(ledger_id, second, LATER)
    assert (await ledger.spend(ledger_id), await spent(ledger)) == before


async def test_the_newest_purchases_come_first(ledger: Ledger) -> None:
    made = [await buy(ledger, rental(number), caller_id=str(number)) for number in (1, 2, 3)]

    assert [one.ledger_id for one in await ledger.spends(2)] == [made[2], made[1]]
    assert len(await ledger.spends(9)) == 3


async def test_purchases_are_found_by_the_beginning_of_their_ids(ledger: Ledger) -> None:
    one, two = [await buy(ledger, rental(number), caller_id=str(number)) for number in (1, 2)]
    apart = next(place for place in range(len(one)) if one[place] != two[place])

    def found(spends: Sequence[Spend]) -> list[str]:
        return [spend.ledger_id for spend in spends]

    assert found(await ledger.spends(9, one)) == [one]
    assert found(await ledger.spends(9, one[: apart + 1])) == [one]
    assert found(await ledger.spends(9, one[:apart])) == [two, one]
    for other in ("%", "_", f"{one}0", one.upper() + "x", "\U0010ffff"):
        assert found(await ledger.spends(9, other)) == []


async def test_an_open_state_is_not_an_end(ledger: Ledger) -> None:
    wanted = intent()
    await ledger.begin(wanted)

    with pytest.raises(ValueError, match="cannot end as sent"):
        await ledger.settle(wanted.ledger_id, Outcome(SpendState.SENT), NOW)


async def test_an_unknown_outcome_stays_reserved_and_is_listed(ledger: Ledger) -> None:
    ledger_id = await end(ledger, UNKNOWN, request_id="r1")
    other = await end(ledger, UNKNOWN, account_id="other", at=NOW - timedelta(days=1))

    spend = await ledger.by_request("caller", "r1")
    assert spend is not None
    assert (spend.state, spend.answer) == (SpendState.UNKNOWN, UNKNOWN.answer)
    assert [one.ledger_id for one in await ledger.unknown()] == [other, ledger_id]
    assert [one.ledger_id for one in await ledger.unknown("account")] == [ledger_id]
    assert await spent(ledger) == ("0.55", "1.10")
    listed = await ledger.list_rentals(
        MINE, status=RentalStatus.UNKNOWN, service_code=None, limit=9, before=None
    )
    assert [(one.ledger_id, one.id, one.service_code) for one in listed] == [
        (ledger_id, None, "whatsapp")
    ]
    assert await ledger.all_rentals(ACCOUNT, "rental") == []


async def test_those_that_were_sent_and_have_no_answer_are_found_by_account(ledger: Ledger) -> None:
    await end(ledger, bought(rental()))
    await end(ledger, RELEASED)
    lost = await end(ledger, UNKNOWN)
    await end(ledger, UNKNOWN, account_id="other")
    intended, sent = intent(), intent(at=LATER)
    for wanted in (intended, sent):
        await ledger.begin(wanted)
    await ledger.mark_sent(sent.ledger_id, LATER)

    unanswered = await ledger.unanswered("account")
    assert [(one.ledger_id, one.state) for one in unanswered] == [
        (lost, SpendState.UNKNOWN),
        (sent.ledger_id, SpendState.SENT),
    ]


async def test_an_unknown_outcome_turns_out_bought(ledger: Ledger) -> None:
    ledger_id = await end(ledger, UNKNOWN, request_id="r1")

    assert await ledger.settle(ledger_id, bought(rental(price=Decimal("0.5"))), LATER)

    spend = await ledger.by_request("caller", "r1")
    assert spend is not None
    assert (spend.state, spend.answer) == (SpendState.BOUGHT, ANSWER)
    assert await ledger.unknown() == []
    assert await spent(ledger) == ("0.50", "0.50")
    listed = await ledger.list_rentals(MINE, status=None, service_code=None, limit=9, before=None)
    assert [(one.ledger_id, one.id) for one in listed] == [(ledger_id, 12345)]


async def test_an_unknown_outcome_has_its_time(ledger: Ledger) -> None:
    ledger_id = await end(ledger, UNKNOWN)

    listed = await ledger.list_rentals(MINE, status=None, service_code=None, limit=9, before=None)
    assert [(one.ledger_id, one.created_at) for one in listed] == [(ledger_id, NOW)]


async def test_an_unknown_outcome_turns_out_refused(ledger: Ledger) -> None:
    ledger_id = await end(ledger, UNKNOWN, request_id="r1")

    assert await ledger.settle(ledger_id, Outcome(SpendState.REFUSED, StoredAnswer(409, b"x")), NOW)

    spend = await ledger.by_request("caller", "r1")
    assert spend is not None
    assert spend.answer == StoredAnswer(409, b"x")
    assert await spent(ledger) == ("0.00", "0.00")
    listed = await ledger.list_rentals(MINE, status=None, service_code=None, limit=9, before=None)
    assert listed == []


async def test_an_answer_stays_where_no_other_is_given(ledger: Ledger) -> None:
    ledger_id = await end(ledger, UNKNOWN, request_id="r1")

    await ledger.settle(ledger_id, bought(rental(), answer=None), NOW)

    spend = await ledger.spend(ledger_id)
    assert spend is not None
    assert spend.answer == UNKNOWN.answer


async def test_a_long_rental_of_unknown_outcome_has_no_placeholder(ledger: Ledger) -> None:
    await end(ledger, UNKNOWN, kind="long_rental")

    assert await ledger.all_rentals(ACCOUNT, "long_rental") == []


async def test_a_rental_recorded_before_becomes_the_purchases(ledger: Ledger) -> None:
    heard = rental(status=RentalStatus.CODE_RECEIVED, code="012345", service_code=None)
    await ledger.record("account", heard, NOW)
    assert await ledger.find(MINE, "rental", 12345) is None

    ledger_id = await buy(ledger, rental())

    expected = rental(
        status=RentalStatus.CODE_RECEIVED,
        code="012345",
        code_received_at=NOW,
        ledger_id=ledger_id,
    )
    assert await ledger.find(MINE, "rental", 12345) == stored(expected)
    assert len(await ledger.all_rentals(ACCOUNT, "rental")) == 1


async def test_what_was_cancelled_before_it_was_settled_is_refunded(ledger: Ledger) -> None:
    ledger_id = await end(ledger, UNKNOWN)
    await ledger.record("account", rental(status=RentalStatus.CANCELLED), NOW)

    await ledger.settle(ledger_id, bought(rental(status=RentalStatus.CANCELLED)), NOW)

    assert await spent(ledger) == ("0.00", "0.00")


async def test_a_rental_stays_with_its_buyer(ledger: Ledger) -> None:
    first = await buy(ledger, rental())
    second = await end(ledger, bought(rental()), caller_id="another")

    assert await ledger.find(MINE, "rental", 12345) == stored(rental(ledger_id=first))
    spend = await ledger.spend(second)
    assert spend is not None
    assert spend.state is SpendState.BOUGHT


async def test_a_renewal_charges_and_leaves_the_long_rental_with_its_buyer(ledger: Ledger) -> None:
    await buy(ledger, long_rental(), kind="long_rental")
    renewed = long_rental(ends_on=(NOW + timedelta(days=14)).date())

    await buy(ledger, renewed, kind="long_rental", caller_id="another", subject_id=1, reserved=None)

    assert await ledger.find(MINE, "long_rental", 1) == renewed
    assert await ledger.all_rentals(ACCOUNT, "long_rental") == [renewed]
    assert await spent(ledger, "another") == ("10.55", "10.55")


async def test_a_renewal_of_one_not_known_writes_it_down(ledger: Ledger) -> None:
    await buy(ledger, long_rental(), kind="long_rental", subject_id=1)

    assert await ledger.find(ACCOUNT, "long_rental", 1) == long_rental()
    assert await ledger.find(MINE, "long_rental", 1) is None


async def test_days_are_counted_in_utc_and_apart(ledger: Ledger) -> None:
    midnight = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
    await buy(ledger, rental(1), at=midnight - timedelta(microseconds=1))
    await buy(ledger, rental(2), at=midnight)

    assert await spent(ledger, at=midnight) == ("0.55", "1.10")
    assert new_id(midnight) > new_id(midnight - timedelta(microseconds=1))
