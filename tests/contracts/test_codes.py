"""Every different code of a rental is kept with its time; those of webhooks provisionally."""

import asyncio
from datetime import timedelta

from adapters.store import Store
from gateway.core.model.events import EventType
from gateway.core.model.purchases import AnyRental
from gateway.core.model.rentals import ReceivedCode, Rental, RentalStatus
from gateway.core.ports.ledger import Ledger
from gateway.core.ports.storage import ProvisionalCode
from tests.support.ledger import (
    ACCOUNT,
    LATER,
    MINE,
    NOW,
    UNKNOWN,
    bought,
    buy,
    end,
    rental,
    rental_of,
)

EARLIER, SOON = NOW - timedelta(seconds=1), NOW + timedelta(seconds=1)
AT_LAST = NOW + timedelta(minutes=2)


def read(code: str | None, status: RentalStatus = RentalStatus.CODE_RECEIVED) -> Rental:
    """What the provider says of the rental once it has this code."""
    return rental(code=code, status=status)


def codes_of(whole: AnyRental | None) -> list[tuple[str, object, bool]]:
    assert isinstance(whole, Rental)
    assert whole.codes is not None
    return [(code.code, code.received_at, code.provisional) for code in whole.codes]


async def coded_events(store: Store) -> list[str | None]:
    found = await store.events.events(ACCOUNT, 0, 99)
    return [rental_of(event).code for event in found if event.type == "rental.code_received"]


async def test_codes_are_kept_newest_first_and_lists_show_the_newest(store: Store) -> None:
    ledger = store.ledger
    await buy(ledger, rental())
    assert codes_of(await ledger.find(MINE, "rental", 12345)) == []
    for code, at in (("012345", NOW), ("777777", LATER), ("777777", AT_LAST)):
        told = await ledger.record("account", read(code), at)

    expected = [("777777", LATER, False), ("012345", NOW, False)]
    assert codes_of(told) == expected
    assert codes_of(await ledger.find(MINE, "rental", 12345)) == expected
    [listed] = await ledger.list_rentals(MINE, status=None, service_code=None, limit=9, before=None)
    assert (listed.code, listed.code_received_at, listed.codes) == ("777777", LATER, None)
    assert await coded_events(store) == ["012345", "777777"]


async def test_codes_that_differ_in_leading_zeros_are_different(ledger: Ledger) -> None:
    await ledger.record("account", read("012345"), NOW)
    told = await ledger.record("account", read("12345"), LATER)

    assert codes_of(told) == [("12345", LATER, False), ("012345", NOW, False)]


async def test_a_code_read_late_changes_nothing(store: Store) -> None:
    await buy(store.ledger, rental())
    for code in ("1", "2"):
        await store.ledger.record("account", read(code), LATER)
    told = await store.ledger.record("account", read("1", RentalStatus.ACTIVE), LATER)

    assert isinstance(told, Rental)
    assert (told.code, told.status) == ("2", RentalStatus.CODE_RECEIVED)
    assert [code for code, *_ in codes_of(told)] == ["2", "1"]
    assert await coded_events(store) == ["1", "2"]


async def test_the_code_told_with_the_end_is_the_newest(store: Store) -> None:
    """None comes after the end: this one came once more."""
    await buy(store.ledger, rental())
    for code in ("1", "2"):
        await store.ledger.record("account", read(code), NOW)
    told = await store.ledger.record("account", read("1", RentalStatus.COMPLETED), SOON)

    assert isinstance(told, Rental)
    assert (told.code, told.status) == ("1", RentalStatus.COMPLETED)
    assert [code for code, *_ in codes_of(told)] == ["1", "2"]
    assert await coded_events(store) == ["1", "2", "1"]


async def test_what_the_provider_says_long_after_a_code_was_read_is_no_late_read(
    ledger: Ledger,
) -> None:
    """Two nodes read them in the wrong order: the provider's word is the newest in the end."""
    for code in ("2", "1"):
        await ledger.record("account", read(code), NOW)
    told = await ledger.record("account", read("2"), AT_LAST)

    assert isinstance(told, Rental)
    assert told.code == "2"
    assert [code for code, *_ in codes_of(told)] == ["2", "1"]


async def test_a_code_that_could_not_be_written_at_once_keeps_its_time(ledger: Ledger) -> None:
    await buy(ledger, rental())
    kept = read("1").model_copy(update={"code_received_at": LATER})
    told = await ledger.record("account", kept, AT_LAST)

    assert isinstance(told, Rental)
    assert told.code_received_at == LATER
    assert codes_of(told) == [("1", LATER, False)]


async def test_what_was_read_before_the_newest_and_is_written_late_stays_before_it(
    store: Store,
) -> None:
    """As after an outage of the ledger: another node has read and written the newest one since."""
    await buy(store.ledger, rental())
    for code, at in (("1", NOW), ("2", SOON)):
        await store.ledger.record("account", read(code), at)
    again = read("1").model_copy(update={"code_received_at": NOW})
    missed = read("0").model_copy(update={"code_received_at": EARLIER})
    told = [await store.ledger.record("account", late, AT_LAST) for late in (again, missed, missed)]

    expected = [("2", SOON, False), ("1", NOW, False)]
    assert codes_of(told[0]) == expected
    assert codes_of(told[1]) == codes_of(told[2]) == [*expected, ("0", EARLIER, False)]
    assert isinstance(told[2], Rental)
    assert (told[2].code, told[2].code_received_at) == ("2", SOON)
    assert await coded_events(store) == ["1", "2", "0"]


async def test_a_webhooks_code_is_provisional_until_it_is_read(store: Store) -> None:
    ledger, inbox = store.ledger, store.inbox
    await inbox.keep("account", 12345, ProvisionalCode("12345", LATER))
    await buy(ledger, rental())
    found = await ledger.find(MINE, "rental", 12345)
    assert codes_of(found) == [("12345", LATER, True)]
    assert codes_of(await ledger.record("account", rental(), LATER)) == codes_of(found)
    assert await coded_events(store) == []

    told = await ledger.record("account", read("012345"), AT_LAST)

    assert codes_of(told) == [("012345", AT_LAST, False)]
    assert await inbox.latest("account", 12345) is None
    assert await inbox.announced("account", 12345, "012345")
    assert not await inbox.announced("account", 12345, "777777")
    assert await coded_events(store) == ["012345"]


async def test_a_webhooks_code_stands_there_once(store: Store) -> None:
    await store.ledger.record("account", read("012345"), NOW)
    for code, at in (("12345", LATER), ("777", LATER), ("00777", AT_LAST), ("888", NOW)):
        await store.inbox.keep("account", 12345, ProvisionalCode(code, at))

    assert codes_of(await store.ledger.find(ACCOUNT, "rental", 12345)) == [
        ("777", LATER, True),
        ("888", NOW, True),
        ("012345", NOW, False),
    ]
    assert await store.inbox.latest("account", 12345) == ProvisionalCode("777", LATER)
    assert codes_of(await store.ledger.record("other", rental(), NOW)) == []


async def test_a_webhooks_code_that_was_never_read_is_not_the_next_one(store: Store) -> None:
    for code, at in (("12", NOW), ("34", SOON)):
        await store.inbox.keep("account", 12345, ProvisionalCode(code, at))
    told = await store.ledger.record("account", read("34"), LATER)

    assert await store.inbox.latest("account", 12345) is None
    assert codes_of(told) == [("34", LATER, False), ("12", NOW, True)]


async def test_nodes_that_read_the_same_code_at_once_keep_it_once(store: Store) -> None:
    await buy(store.ledger, rental())
    told = await asyncio.gather(
        *(store.ledger.record("account", read(code), NOW) for code in "1212")
    )

    kept = codes_of(await store.ledger.find(MINE, "rental", 12345))
    assert sorted(code for code, *_ in kept) == ["1", "2"]
    assert len(await coded_events(store)) == 2
    assert {type(one) for one in told} == {Rental}


async def test_codes_are_deleted_each_by_its_age(store: Store) -> None:
    ledger = store.ledger
    await ledger.record("account", read("1"), NOW)
    await ledger.record("account", read("2"), LATER)
    await store.inbox.keep("account", 12345, ProvisionalCode("3", NOW))
    await store.inbox.keep("account", 12345, ProvisionalCode("4", LATER))

    await ledger.purge(LATER, LATER)

    found = await ledger.find(ACCOUNT, "rental", 12345)
    assert codes_of(found) == [("4", LATER, True), ("2", LATER, False)]

    await ledger.purge(AT_LAST, AT_LAST)

    found = await ledger.find(ACCOUNT, "rental", 12345)
    assert codes_of(found) == []
    assert isinstance(found, Rental)
    assert (found.code, found.code_received_at) == (None, None)


async def test_the_buyer_of_a_lost_purchase_hears_of_every_code(store: Store) -> None:
    ledger = store.ledger
    ledger_id = await end(ledger, UNKNOWN)
    for code, at in (("1", NOW), ("2", SOON), ("3", LATER)):
        await ledger.record("account", read(code), at)
    [lost] = await store.events.events(MINE, 0, 99)
    assert lost.type is EventType.PURCHASE_OUTCOME_UNKNOWN
    assert await ledger.settle(ledger_id, bought(read("2")), AT_LAST)  # an older read

    found = await ledger.find(MINE, "rental", 12345)
    assert codes_of(found) == [("3", LATER, False), ("2", SOON, False), ("1", NOW, False)]
    assert isinstance(found, Rental)
    assert found.code == "3"
    told = await store.events.events(MINE, lost.id, 99)
    assert [(event.type.value, rental_of(event).code) for event in told] == [
        ("rental.created", "3"),
        *(("rental.code_received", code) for code in "123"),
    ]


async def test_the_code_of_a_lost_purchase_is_kept_with_it(ledger: Ledger) -> None:
    whole = read("1").model_copy(update={"code_received_at": LATER})
    await buy(ledger, whole)

    found = await ledger.find(MINE, "rental", 12345)
    assert isinstance(found, Rental)
    assert found.codes == (ReceivedCode(code="1", received_at=LATER),)
