from datetime import timedelta
from decimal import Decimal

import pytest

from adapters.store import Store
from gateway.core.model.events import EventType
from gateway.core.model.purchases import View
from gateway.core.model.rentals import CancelReason, EndedReason, Rental, RentalStatus
from gateway.core.ports.ledger import Ledger
from gateway.core.ports.storage import ProvisionalCode
from tests.support.ledger import ACCOUNT, LATER, MINE, NOW, buy, rental, rental_of, spent

SOON = NOW + timedelta(seconds=1)
UNTIL = NOW + timedelta(seconds=20)
ASKED, REPLACED, UNUSED = CancelReason.ASKED, CancelReason.REPLACED, CancelReason.UNUSED
CANCELLED = rental(status=RentalStatus.CANCELLED)


async def found(ledger: Ledger) -> Rental:
    held = await ledger.find(MINE, "rental", 12345)
    assert isinstance(held, Rental)
    return held


async def event_types(store: Store, view: View = MINE) -> list[str]:
    return [event.type.value for event in await store.events.events(view, 0, 100)]


async def test_a_wish_is_shown_and_claimed_for_a_try(ledger: Ledger, store: Store) -> None:
    await buy(ledger, rental())

    wish = await ledger.want_cancel("account", 12345, ASKED, SOON, UNTIL)

    assert wish is not None
    assert (wish.reason, wish.due_at, wish.claimed) == (ASKED, UNTIL, True)
    assert (wish.rental.cancel_requested_at, wish.rental.cancel_available_at) == (SOON, None)
    assert wish.rental == await found(ledger)
    requested = (await store.events.events(MINE, 0, 100))[-1]
    assert requested.type is EventType.RENTAL_CANCEL_REQUESTED
    assert rental_of(requested).cancel_requested_at == SOON


async def test_a_repeated_wish_is_the_first_one(ledger: Ledger, store: Store) -> None:
    await buy(ledger, rental())
    await ledger.want_cancel("account", 12345, ASKED, SOON, UNTIL)

    early = await ledger.want_cancel("account", 12345, ASKED, SOON, UNTIL)
    due = await ledger.want_cancel("account", 12345, ASKED, LATER, LATER + timedelta(seconds=20))

    assert early is not None
    assert due is not None
    assert (early.claimed, early.due_at) == (False, UNTIL)
    assert (due.claimed, due.due_at) == (True, LATER + timedelta(seconds=20))
    assert due.rental.cancel_requested_at == SOON
    assert await event_types(store) == ["rental.created", "rental.cancel_requested"]


async def test_only_a_live_rental_without_a_code_can_be_wanted(ledger: Ledger) -> None:
    await buy(ledger, rental(1, status=RentalStatus.EXPIRED))
    await buy(ledger, rental(2, code="012345"))

    for rental_id in (1, 2, 3):
        assert await ledger.want_cancel("account", rental_id, ASKED, SOON, UNTIL) is None
    assert await ledger.accounts_with_cancels() == []


async def test_what_was_not_bought_here_can_be_wanted_by_a_caller_only(ledger: Ledger) -> None:
    await ledger.record("account", rental(), NOW)

    assert await ledger.want_cancel("account", 12345, UNUSED, SOON, UNTIL) is None
    assert await ledger.want_cancel("account", 12345, ASKED, SOON, UNTIL) is not None


@pytest.mark.parametrize(
    "news",
    [
        rental(status=RentalStatus.CANCELLED),
        rental(status=RentalStatus.EXPIRED),
        rental(status=RentalStatus.COMPLETED),
        rental(status=RentalStatus.CODE_RECEIVED, code="012345"),
    ],
    ids=lambda news: news.status.value,
)
async def test_a_code_or_an_end_ends_the_wish(ledger: Ledger, news: Rental) -> None:
    await buy(ledger, rental())
    await ledger.want_cancel("account", 12345, ASKED, SOON, UNTIL)

    await ledger.record("account", news, LATER)

    assert await ledger.accounts_with_cancels() == []
    assert await ledger.claim_cancels("account", LATER, LATER, 10) == []
    assert (await found(ledger)).cancel_requested_at == SOON


async def test_giving_up_ends_the_wish(ledger: Ledger) -> None:
    await buy(ledger, rental())
    await ledger.want_cancel("account", 12345, ASKED, SOON, UNTIL)

    await ledger.give_up("account", 12345, LATER)

    assert await ledger.accounts_with_cancels() == []


async def test_a_purchase_that_is_settled_later_with_a_code_ends_the_wish(ledger: Ledger) -> None:
    await ledger.record("account", rental(), NOW)
    await ledger.want_cancel("account", 12345, ASKED, SOON, UNTIL)

    await buy(ledger, rental(code="012345"))

    assert await ledger.accounts_with_cancels() == []


async def test_a_purchase_that_is_settled_later_keeps_the_wish(ledger: Ledger) -> None:
    await ledger.record("account", rental(), NOW)
    await ledger.want_cancel("account", 12345, ASKED, SOON, UNTIL)

    await buy(ledger, rental())

    assert (await found(ledger)).cancel_requested_at == SOON
    assert await ledger.accounts_with_cancels() == [("account", UNTIL)]


async def test_due_wishes_are_claimed_once_and_those_asked_for_first(ledger: Ledger) -> None:
    for rental_id, reason in ((1, UNUSED), (2, ASKED), (3, ASKED), (4, ASKED)):
        await buy(ledger, rental(rental_id))
        until = LATER if rental_id == 4 else SOON
        await ledger.want_cancel("account", rental_id, reason, NOW, until)

    first = await ledger.claim_cancels("account", SOON, LATER, 2)
    second = await ledger.claim_cancels("account", SOON, LATER, 2)

    assert [wish.rental.id for wish in first] == [2, 3]
    assert [(wish.rental.id, wish.reason) for wish in second] == [(1, UNUSED)]
    assert await ledger.claim_cancels("account", SOON, LATER, 2) == []
    assert await ledger.claim_cancels("other", LATER, LATER, 2) == []


async def test_accounts_tell_when_their_first_wish_is_due(ledger: Ledger) -> None:
    for rental_id, until in ((1, LATER), (2, UNTIL)):
        await buy(ledger, rental(rental_id))
        await ledger.want_cancel("account", rental_id, ASKED, NOW, until)

    assert await ledger.accounts_with_cancels() == [("account", UNTIL)]


async def test_a_wish_that_is_put_off_tells_when_it_may_be(ledger: Ledger) -> None:
    await buy(ledger, rental())
    await ledger.want_cancel("account", 12345, ASKED, NOW, UNTIL)

    put_off = await ledger.put_off_cancel("account", 12345, LATER, LATER)

    assert put_off == await found(ledger)
    assert put_off is not None
    assert put_off.cancel_available_at == LATER
    assert await ledger.claim_cancels("account", UNTIL, LATER, 1) == []
    assert len(await ledger.claim_cancels("account", LATER, LATER, 1)) == 1


async def test_no_wish_that_has_ended_is_put_off(ledger: Ledger) -> None:
    await buy(ledger, rental())
    await ledger.want_cancel("account", 12345, ASKED, NOW, UNTIL)
    await ledger.record("account", CANCELLED, LATER)

    assert await ledger.put_off_cancel("account", 12345, LATER, LATER) is None
    assert await ledger.drop_cancel("account", 12345, ASKED) is None
    assert await ledger.accounts_with_cancels() == []


async def test_what_the_gateway_wants_is_wanted_once_and_told_by_its_end(
    ledger: Ledger, store: Store
) -> None:
    await buy(ledger, rental())
    await ledger.want_cancel("account", 12345, UNUSED, SOON, UNTIL)

    dropped = await ledger.drop_cancel("account", 12345, UNUSED)

    assert dropped is not None
    assert dropped.cancel_requested_at is None
    assert await ledger.want_cancel("account", 12345, UNUSED, SOON, UNTIL) is None
    assert await ledger.accounts_with_cancels() == []
    assert await event_types(store) == ["rental.created"]


async def test_a_rental_given_back_unused_says_so(ledger: Ledger, store: Store) -> None:
    await buy(ledger, rental())
    await ledger.want_cancel("account", 12345, UNUSED, SOON, UNTIL)

    await ledger.record("account", CANCELLED, LATER)

    told = await store.events.events(MINE, 0, 100)
    assert [event.type.value for event in told][-2:] == ["rental.refunded", "rental.ended"]
    assert rental_of(told[-1]).ended_reason is EndedReason.CANCELLED_UNUSED
    assert (await found(ledger)).refunded == Decimal("0.55")
    assert await spent(ledger) == ("0.00", "0.00")


@pytest.mark.parametrize("reason", [ASKED, REPLACED])
async def test_a_callers_wish_takes_the_place_of_the_gateways(
    ledger: Ledger, store: Store, reason: CancelReason
) -> None:
    await buy(ledger, rental())
    await ledger.want_cancel("account", 12345, UNUSED, NOW, UNTIL)

    wish = await ledger.want_cancel("account", 12345, reason, SOON, UNTIL)

    assert wish is not None
    assert (wish.reason, wish.claimed, wish.rental.cancel_requested_at) == (reason, True, SOON)
    assert await ledger.drop_cancel("account", 12345, UNUSED) is None
    assert await event_types(store) == ["rental.created", "rental.cancel_requested"]


async def test_the_gateway_does_not_want_what_a_webhook_told_a_code_of(store: Store) -> None:
    ledger = store.ledger
    await buy(ledger, rental())
    await store.inbox.keep("account", 12345, ProvisionalCode("12345", NOW))

    assert await ledger.want_cancel("account", 12345, UNUSED, SOON, UNTIL) is None
    assert await ledger.want_cancel("account", 12345, ASKED, SOON, UNTIL) is not None


async def test_a_wish_is_the_accounts_whoever_bought_it(ledger: Ledger) -> None:
    await buy(ledger, rental(), caller_id="other caller")

    wish = await ledger.want_cancel("account", 12345, ASKED, SOON, UNTIL)

    assert wish is not None
    assert wish.rental == await ledger.find(ACCOUNT, "rental", 12345)
