"""What purchases cost and what came of them, summed up: as the ledger has it, to the cent."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, get_args

import pytest

from adapters.store import Store
from adapters.store.tables import usage
from gateway.core.model.purchases import View
from gateway.core.model.rentals import RentalStatus
from gateway.core.model.usage import Tally, UsageGroup, total_of
from gateway.core.model.values import amount_of
from gateway.core.ports.ledger import Ledger
from tests.support.ledger import (
    ACCOUNT,
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
    rental,
)
from tests.support.statements import execute

DAY = timedelta(days=1)
CALLERS = ("caller", "another", "third")
Found = Mapping[str | None, Tally]


async def read(
    ledger: Ledger,
    view: View = MINE,
    by: UsageGroup = "service",
    since: datetime | None = None,
    until: datetime | None = None,
) -> Found:
    return await ledger.usage(view, by, since, until)


def counted(found: Found) -> Decimal:
    """What counts against budgets."""
    total = total_of(found.values())
    return amount_of(total.net + total.reserved)


def came(tally: Tally) -> tuple[int, int, int, int, dict[int | None, int]]:
    """What became of rentals."""
    return tally.rentals, tally.cancelled, tally.expired, tally.completed, dict(tally.codes)


async def play(ledger: Ledger, random: Random, number: int) -> None:
    """One purchase on some day, by somebody, and what becomes of it."""
    at = NOW + random.randrange(4) * DAY + timedelta(seconds=random.randrange(80_000))
    price = Decimal(random.randrange(1, 2000)) / 100
    more: dict[str, Any] = {
        "at": at,
        "caller_id": random.choice(CALLERS),
        "reserved": random.choice((price, price + 1, None)),
        "service_code": random.choice(("whatsapp", "uber")),
        "reference": random.choice((None, "one", "two")),
    }
    what = random.randrange(8)
    if what == 0:
        await end(ledger, random.choice((UNKNOWN, REFUSED, RELEASED)), **more)
    elif what == 1:
        assert await ledger.begin(intent(**more)) is None
    elif what == 2:
        await buy(ledger, long_rental(number, price=price), kind="long_rental", **more)
    elif what == 3:
        renewal = {"operation": "renew_long_rental", "subject_id": 1, "kind": "long_rental"}
        await buy(ledger, long_rental(1, price=price), **renewal, **more)
    else:
        ledger_id = await buy(ledger, rental(number, price=price, created_at=at), **more)
        status = random.choice(list(RentalStatus))
        code = "1" if random.random() < 0.5 else None
        told = rental(number, status=status, code=code, price=price)
        await ledger.record("account", told, at + DAY, refund_expired=random.random() < 0.5)
        if random.random() < 0.2:
            await ledger.record_refund(ledger_id, Decimal("0.01"), at + DAY)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("piece", [3, 20_000])
async def test_usage_is_what_budgets_count_for_everybody_and_on_every_day(
    ledger: Ledger, seed: int, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "_PIECE", piece)
    monkeypatch.setattr(usage, "_PIECE_OF_CALLER", piece)
    random = Random(seed)
    for number in range(2, 42):
        await play(ledger, random, number)

    spent = {caller: (await ledger.spending(caller, NOW)).total for caller in CALLERS}
    by_key = await read(ledger, ACCOUNT, "key")
    assert {key: counted({key: tally}) for key, tally in by_key.items()} == spent
    for by in get_args(UsageGroup):
        assert counted(await read(ledger, ACCOUNT, by)) == sum(spent.values())
        for caller in CALLERS:
            assert counted(await read(ledger, View("account", caller), by)) == spent[caller]
    for day in (NOW + number * DAY for number in range(6)):
        name, begin = day.date().isoformat(), day.replace(hour=0, minute=0, second=0, microsecond=0)
        for caller in CALLERS:
            today = (await ledger.spending(caller, day)).today
            of_day = (await read(ledger, View("account", caller), "day")).get(name, Tally())
            within = await read(ledger, View("account", caller), "key", begin, begin + DAY)
            assert counted({None: of_day}) == counted(within) == today


async def test_a_refund_counts_on_the_day_of_its_purchase(ledger: Ledger) -> None:
    await buy(ledger, rental(1))
    await buy(ledger, rental(2), at=NOW + DAY)
    await ledger.record("account", rental(1, status=RentalStatus.CANCELLED), NOW + 2 * DAY)

    found = await read(ledger, by="day")
    first, second = (found[(NOW + days * DAY).date().isoformat()] for days in (0, 1))
    assert (first.charged, first.refunded, first.net) == (550_000, 550_000, 0)
    assert (second.charged, second.refunded) == (550_000, 0)
    assert len(found) == 2


async def test_a_caller_sees_what_it_bought_and_an_account_all(ledger: Ledger) -> None:
    await buy(ledger, rental(1), reference="mine")
    await buy(ledger, rental(2), caller_id="another", reference="theirs")
    await buy(ledger, rental(3), account_id="other", caller_id="stranger")
    await ledger.record("account", rental(4, status=RentalStatus.CANCELLED), NOW)  # not bought here

    assert list(await read(ledger, by="reference")) == ["mine"]
    assert set(await read(ledger, ACCOUNT, "reference")) == {"mine", "theirs"}
    assert total_of((await read(ledger, ACCOUNT)).values()).rentals == 2


async def test_what_is_under_way_or_unknown_is_reserved_and_no_rental(ledger: Ledger) -> None:
    await ledger.begin(intent(service_code="uber"))
    await end(ledger, UNKNOWN, reserved=Decimal("0.40"))
    await end(ledger, REFUSED)

    found = await read(ledger)
    assert {group: tally.reserved for group, tally in found.items()} == {
        "uber": 550_000,
        "whatsapp": 400_000,
    }
    assert total_of(found.values()).rentals == 0


async def test_each_rental_counts_as_one_end(ledger: Ledger) -> None:
    for number, status in enumerate(RentalStatus, 1):
        await buy(ledger, rental(number))
        await ledger.record("account", rental(number, status=status), LATER)
    for number in (11, 12):  # with a code, whatever its end
        await buy(ledger, rental(number))
        coded = rental(number, status=RentalStatus.CODE_RECEIVED, code="1")
        await ledger.record("account", coded, NOW + timedelta(seconds=17))
    await ledger.record("account", rental(12, status=RentalStatus.EXPIRED), LATER)
    await buy(ledger, long_rental(), kind="long_rental", service_code=None)

    found = await read(ledger)
    assert came(found["whatsapp"]) == (8, 1, 1, 1, {17: 2, None: 1})
    assert found[None].charged == 10_550_000
    assert came(found[None]) == (0, 0, 0, 0, {})


async def test_the_time_to_a_code_is_that_of_the_first_one_and_outlives_it(ledger: Ledger) -> None:
    await buy(ledger, rental(1))
    for number, seconds in enumerate((20, 50), 1):
        coded = rental(1, status=RentalStatus.CODE_RECEIVED, code=str(number))
        await ledger.record("account", coded, NOW + timedelta(seconds=seconds))
    await ledger.purge(NOW + DAY, NOW + DAY)
    await ledger.record("account", rental(1, status=RentalStatus.COMPLETED), NOW + 2 * DAY)

    assert came((await read(ledger))["whatsapp"]) == (1, 0, 0, 0, {20: 1})
    found = await ledger.find(MINE, "rental", 1)
    assert found is not None
    assert "20" not in found.model_dump_json(include={"code", "codes", "code_received_at"})


async def test_an_earlier_code_that_is_found_later_is_the_first(ledger: Ledger) -> None:
    await buy(ledger, rental(1))
    newest = rental(1, status=RentalStatus.CODE_RECEIVED, code="2")
    await ledger.record("account", newest, NOW + timedelta(seconds=50))
    kept = rental(1, code="1", code_received_at=NOW + timedelta(seconds=20))
    await ledger.record("account", kept, NOW + timedelta(seconds=59))

    assert came((await read(ledger))["whatsapp"]) == (1, 0, 0, 0, {20: 1})


async def test_a_lost_purchase_that_turns_up_with_its_code_counts(ledger: Ledger) -> None:
    ledger_id = await end(ledger, UNKNOWN)
    at = NOW + timedelta(seconds=30)
    await ledger.settle(ledger_id, bought(rental(1, code="1", code_received_at=at)), LATER)

    assert came((await read(ledger))["whatsapp"]) == (1, 0, 0, 0, {30: 1})


async def test_what_earlier_versions_wrote_counts_as_well_as_they_tell(
    store: Store, store_url: str
) -> None:
    ledger = store.ledger
    for number, status in enumerate(RentalStatus, 1):
        await buy(ledger, rental(number))
        await ledger.record("account", rental(number, status=status), LATER)
    await buy(ledger, rental(11))
    await ledger.record("account", rental(11, code="1"), NOW + timedelta(seconds=17))
    await execute(store_url, "UPDATE spends SET result = NULL")

    # That one is completed tells that its code was deleted.
    expected = (7, 1, 1, 0, {17: 1, None: 2})
    for view in (MINE, ACCOUNT):
        assert came((await read(ledger, view))["whatsapp"]) == expected
    await ledger.purge(NOW + DAY, NOW + DAY)
    assert came((await read(ledger, ACCOUNT))["whatsapp"]) == expected


async def test_many_groups_are_all_there(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several pieces have the same groups, and purchases at the same moment."""
    monkeypatch.setattr(usage, "_PIECE", 2)
    names = Counter[str | None]()
    for number in range(12):
        at, reference = NOW + timedelta(seconds=number // 4), f"order {number % 5}"
        await buy(ledger, rental(number + 1), at=at, reference=reference)
        names[reference] += 1

    found = await read(ledger, ACCOUNT, "reference")
    assert {name: tally.rentals for name, tally in found.items()} == names


async def test_rentals_are_listed_by_reference_and_time_page_by_page(ledger: Ledger) -> None:
    for number in range(1, 9):
        at, reference = NOW + number * DAY, ("odd" if number % 2 else None)
        await buy(ledger, rental(number), at=at, reference=reference)
    await buy(ledger, rental(9), at=NOW + 3 * DAY, reference="odd", caller_id="another")
    only = {"reference": "odd", "since": NOW + 3 * DAY, "until": NOW + 7 * DAY}
    seen: list[tuple[int | None, str | None]] = []
    before = None
    while page := await ledger.list_rentals(MINE, limit=1, before=before, **only):  # type: ignore[arg-type]
        seen += [(one.id, one.reference) for one in page]
        before = page[-1].ledger_id

    assert seen == [(5, "odd"), (3, "odd")]


async def test_a_list_may_be_bounded_by_moments_far_away(ledger: Ledger) -> None:
    await buy(ledger, rental(1), at=NOW)
    first, last = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)

    async def listed(**only: datetime) -> list[int | None]:
        page = await ledger.list_rentals(MINE, limit=9, before=None, **only)  # type: ignore[arg-type]
        return [one.id for one in page]

    assert await listed(since=first, until=last) == [1]
    assert await listed(since=last) == await listed(until=first) == []


async def test_a_long_rental_keeps_the_reference_of_its_purchase(ledger: Ledger) -> None:
    await buy(ledger, long_rental(1), kind="long_rental", reference="first")
    renewal = {"operation": "renew_long_rental", "kind": "long_rental", "subject_id": 1}
    ledger_id = await buy(ledger, long_rental(1), reference="renewed", **renewal)

    kept = await ledger.find(MINE, "long_rental", 1)
    spend = await ledger.spend(ledger_id)
    assert kept == replace_reference(long_rental(1), "first")
    assert spend is not None
    assert spend.reference == "renewed"
    assert set(await read(ledger, by="reference")) == {"first", "renewed"}


def replace_reference(thing: object, reference: str) -> object:
    return thing.model_copy(update={"reference": reference})  # type: ignore[attr-defined]
