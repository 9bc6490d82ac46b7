import asyncio
from datetime import timedelta
from decimal import Decimal

from gateway.core.model.long_rentals import LongRentalStatus
from gateway.core.model.purchases import View
from gateway.core.model.rentals import ReceivedCode, Rental, RentalStatus
from gateway.core.ports.ledger import Ledger
from tests.support.ledger import (
    ACCOUNT,
    LATER,
    MINE,
    NOW,
    UNKNOWN,
    buy,
    end,
    long_rental,
    rental,
    spent,
    stored,
)


async def test_what_was_not_bought_here_is_the_accounts(ledger: Ledger) -> None:
    whole = await ledger.record("account", rental(), NOW)

    assert isinstance(whole, Rental)
    assert whole.ledger_id is not None
    assert whole == stored(rental(ledger_id=whole.ledger_id))
    assert await ledger.find(ACCOUNT, "rental", 12345) == whole
    assert await ledger.find(MINE, "rental", 12345) is None
    assert await ledger.find(View("other"), "rental", 12345) is None
    assert await ledger.find(ACCOUNT, "long_rental", 12345) is None


async def test_known_facts_survive_the_providers_silence(ledger: Ledger) -> None:
    ledger_id = await buy(ledger, rental(code="012345"))
    silent = Rental(id=12345, status=RentalStatus.COMPLETED)

    whole = await ledger.record("account", silent, LATER)

    expected = stored(
        rental(
            code="012345",
            code_received_at=NOW,
            status=RentalStatus.COMPLETED,
            ledger_id=ledger_id,
        )
    )
    assert whole == expected
    assert await ledger.find(MINE, "rental", 12345) == expected


async def test_news_take_the_place_of_what_was_known(ledger: Ledger) -> None:
    ledger_id = await buy(ledger, rental(code="1", ends_at=None))
    news = rental(
        code="2", status=RentalStatus.CODE_RECEIVED, price=Decimal("0.6"), number="+19998887777"
    )

    codes = (ReceivedCode(code="2", received_at=LATER), ReceivedCode(code="1", received_at=NOW))
    assert await ledger.record("account", news, LATER) == news.model_copy(
        update={
            "ledger_id": ledger_id,
            "price": Decimal("0.60"),
            "code_received_at": LATER,
            "codes": codes,
        }
    )


async def test_a_balance_is_passed_on_and_not_stored(ledger: Ledger) -> None:
    await buy(ledger, rental(balance=Decimal("9.45")))

    for _ in range(2):
        whole = await ledger.record("account", rental(balance=Decimal("9.4")), NOW)
        assert isinstance(whole, Rental)
        assert whole.balance == Decimal("9.4")
    found = await ledger.find(MINE, "rental", 12345)
    assert isinstance(found, Rental)
    assert found.balance is None


async def test_unknown_does_not_undo_an_end(ledger: Ledger) -> None:
    await ledger.record("account", rental(status=RentalStatus.EXPIRED), NOW)

    whole = await ledger.record("account", rental(status=RentalStatus.UNKNOWN), NOW)

    assert whole.status is RentalStatus.EXPIRED


async def test_an_older_state_of_a_rental_does_not_undo_an_end(ledger: Ledger) -> None:
    """As one that another node has kept while it could not reach the ledger."""
    await buy(ledger, rental())
    await ledger.record("account", rental(status=RentalStatus.COMPLETED), LATER)
    older = rental(status=RentalStatus.CODE_RECEIVED, code="012345")
    whole = await ledger.record("account", older, LATER)

    assert isinstance(whole, Rental)
    assert (whole.status, whole.code) == (RentalStatus.COMPLETED, "012345")


async def test_a_renewed_long_rental_is_active_again(ledger: Ledger) -> None:
    for status in (LongRentalStatus.EXPIRED, LongRentalStatus.ACTIVE):
        renewed = await ledger.record("account", long_rental(status=status), LATER)

    assert renewed.status is LongRentalStatus.ACTIVE


async def test_what_has_no_id_is_not_stored(ledger: Ledger) -> None:
    assert await ledger.record("account", rental(None), NOW) == rental(None)
    assert await ledger.all_rentals(ACCOUNT, "rental") == []


async def test_a_cancelled_rental_is_refunded_once(ledger: Ledger) -> None:
    ledger_id = await buy(ledger, rental(price=Decimal("0.5")))
    cancelled = rental(status=RentalStatus.CANCELLED)

    for status in (cancelled, rental(), cancelled):
        await ledger.record("account", status, NOW + timedelta(days=1))

    spend = await ledger.spend(ledger_id)
    assert spend is not None
    assert (spend.charged, spend.refunded) == (Decimal("0.50"), Decimal("0.50"))
    assert await spent(ledger) == ("0.00", "0.00")


async def test_many_cancel_at_once_and_refund_once(ledger: Ledger) -> None:
    await buy(ledger, rental(1))
    await buy(ledger, rental(2))
    cancelled = rental(1, status=RentalStatus.CANCELLED)

    await asyncio.gather(*(ledger.record("account", cancelled, NOW) for _ in range(20)))

    assert await spent(ledger) == ("0.55", "0.55")


async def test_many_record_one_at_once(ledger: Ledger) -> None:
    whole = await asyncio.gather(*(ledger.record("account", rental(), NOW) for _ in range(20)))

    assert len({one.ledger_id for one in whole if isinstance(one, Rental)}) == 1


async def test_a_long_rental_is_merged_and_not_refunded(ledger: Ledger) -> None:
    await buy(ledger, long_rental(), kind="long_rental")
    told = long_rental(status=LongRentalStatus.CANCELLED, price=None, auto_renew=False)

    whole = await ledger.record("account", told, LATER)

    assert whole == long_rental(status=LongRentalStatus.CANCELLED, auto_renew=False)
    assert await ledger.find(MINE, "long_rental", 1) == whole
    assert await spent(ledger) == ("10.55", "10.55")


async def test_all_rentals_are_those_with_an_id_in_the_view(ledger: Ledger) -> None:
    await buy(ledger, rental(1))
    await buy(ledger, rental(2), caller_id="another")
    await end(ledger, UNKNOWN)
    await ledger.record("account", rental(3), LATER)
    await ledger.record("other", rental(4), LATER)

    assert [one.id for one in await ledger.all_rentals(MINE, "rental")] == [1]
    assert [one.id for one in await ledger.all_rentals(ACCOUNT, "rental")] == [1, 2, 3]


async def test_bought_is_what_anybody_of_the_account_bought(ledger: Ledger) -> None:
    await buy(ledger, rental(1), caller_id="another")
    await ledger.record("account", rental(2), NOW)

    assert await ledger.is_bought("account", "rental", 1)
    assert not await ledger.is_bought("account", "rental", 2)
    assert not await ledger.is_bought("account", "rental", 3)
    assert not await ledger.is_bought("account", "long_rental", 1)
    assert not await ledger.is_bought("other", "rental", 1)


async def test_a_list_is_read_page_by_page(ledger: Ledger) -> None:
    for number in range(1, 6):
        await buy(ledger, rental(number), at=NOW + timedelta(seconds=number))
    seen: list[int | None] = []
    before = None
    while page := await ledger.list_rentals(
        MINE, status=None, service_code=None, limit=2, before=before
    ):
        seen += [one.id for one in page]
        before = page[-1].ledger_id

    assert seen == [5, 4, 3, 2, 1]


async def test_a_list_is_narrowed(ledger: Ledger) -> None:
    await buy(ledger, rental(1, service_code="uber"))
    await buy(ledger, rental(2, status=RentalStatus.EXPIRED))
    await buy(ledger, rental(3), caller_id="another")
    await buy(ledger, long_rental(4), kind="long_rental")

    async def ids(view: View, status: RentalStatus | None, service: str | None) -> list[int | None]:
        found = await ledger.list_rentals(
            view, status=status, service_code=service, limit=9, before=None
        )
        return [one.id for one in found]

    assert await ids(MINE, None, None) == [2, 1]
    assert await ids(ACCOUNT, None, None) == [3, 2, 1]
    assert await ids(ACCOUNT, RentalStatus.ACTIVE, "whatsapp") == [3]
    assert await ids(MINE, None, "uber") == [1]


async def test_ledger_ids_sort_by_bytes_on_both(ledger: Ledger) -> None:
    for number, ledger_id in enumerate(("B1", "a1", "A2", "_0"), 1):
        await buy(ledger, rental(number), ledger_id=ledger_id)

    found = await ledger.list_rentals(MINE, status=None, service_code=None, limit=9, before=None)

    assert [one.ledger_id for one in found] == ["a1", "_0", "B1", "A2"]


async def test_rentals_are_found_by_their_number(ledger: Ledger) -> None:
    await buy(ledger, rental(1, number="+12125550123"))
    await buy(ledger, rental(2, number="+12125550124"))
    await buy(ledger, rental(3, number="+12125550123"), caller_id="another")

    async def found(view: View, number: str) -> list[int | None]:
        rows = await ledger.list_rentals(
            view, status=None, service_code=None, number=number, limit=10, before=None
        )
        return [row.id for row in rows]

    assert await found(ACCOUNT, "+12125550123") == [3, 1]
    assert await found(MINE, "+12125550123") == [1]
    assert await found(ACCOUNT, "+12125550199") == []


async def test_the_unended_are_an_accounts_rentals_whose_end_is_not_known(ledger: Ledger) -> None:
    open_states = (RentalStatus.ACTIVE, RentalStatus.CODE_RECEIVED, RentalStatus.UNKNOWN)
    for number, status in enumerate(RentalStatus, 1):
        await ledger.record("account", rental(number, status=status), NOW)
    await buy(ledger, rental(7), at=LATER)
    await ledger.record("other", rental(8), NOW)
    await ledger.record("ended", rental(9, status=RentalStatus.EXPIRED), NOW)
    await ledger.record("account", long_rental(10), NOW)
    await end(ledger, UNKNOWN)

    unended = await ledger.unended("account")

    assert [(one.id, one.status) for one in unended[:-1]] == [
        (number, status) for number, status in enumerate(RentalStatus, 1) if status in open_states
    ]
    assert stored(unended[-1]) == await ledger.find(MINE, "rental", 7)
    assert sorted(await ledger.accounts_with_unended()) == ["account", "other"]
    assert await ledger.unended("ended") == []
