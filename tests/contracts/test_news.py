"""What is told of the ledger for metrics and the log: news once it is written, and open counts."""

import asyncio
import re
from datetime import timedelta
from decimal import Decimal
from typing import cast

import asyncpg
import pytest

from adapters.store import Store, open_store
from adapters.store.sql.statement import Tx
from adapters.store.tables import counts
from adapters.store.tables.ledger import StoredLedger
from gateway.core.model.callers import GatewayKey, Limits, caller_id
from gateway.core.model.ledger_news import CodeRead, FirstCode, LedgerNews, MoneyBack, PurchaseEnded
from gateway.core.model.purchases import LedgerCounts, SpendState
from gateway.core.model.rentals import CancelReason, RentalStatus
from gateway.core.ports.ledger import Ledger
from tests.support.ledger import (
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
)

KEY = GatewayKey("k1", "the shop", "hash", Limits(), NOW)
PRICE = Decimal("0.55")


@pytest.fixture
def news(store: Store) -> list[LedgerNews]:
    told: list[LedgerNews] = []
    store.news.to = told.append
    return told


async def test_each_end_of_a_purchase_is_told_once_with_its_key_and_price(
    store: Store, news: list[LedgerNews]
) -> None:
    await store.keys.create(KEY)
    ledger_id = await buy(store.ledger, rental(), caller_id=caller_id(KEY))
    again = await store.ledger.settle(ledger_id, bought(rental()), LATER)
    for outcome in (REFUSED, RELEASED, UNKNOWN):
        await end(store.ledger, outcome)

    first, *others = news
    assert not again
    assert first == PurchaseEnded(
        ledger_id=ledger_id,
        operation="rent_number",
        account_id="account",
        key_name="the shop",
        service_code="whatsapp",
        state=SpendState.BOUGHT,
        reserved=PRICE,
        charged=PRICE,
        rental_id=12345,
    )
    assert [(one.state, one.key_name, one.charged) for one in ended(others)] == [
        ("refused", None, None),
        ("released", None, None),
        ("unknown", None, None),
    ]


def ended(news: list[LedgerNews]) -> list[PurchaseEnded]:
    return [one for one in news if isinstance(one, PurchaseEnded)]


async def test_an_unknown_outcome_is_told_again_only_once_it_is_settled(
    store: Store, news: list[LedgerNews]
) -> None:
    ledger_id = await end(store.ledger, UNKNOWN)
    await store.ledger.settle(ledger_id, UNKNOWN, LATER)
    await store.ledger.settle(ledger_id, bought(rental()), LATER)

    assert [one.state for one in ended(news)] == ["unknown", "bought"]


async def test_codes_and_refunds_are_told_once_and_the_first_code_with_its_time(
    store: Store, news: list[LedgerNews]
) -> None:
    await buy(store.ledger, rental())
    await buy(store.ledger, rental(12346))
    news.clear()
    coded = rental(code="123456", status=RentalStatus.CODE_RECEIVED)
    for at, said in (
        (NOW + timedelta(seconds=42), coded),
        (LATER, coded),
        (LATER, coded.model_copy(update={"code": "654321"})),
        (LATER, rental(12346, status=RentalStatus.CANCELLED)),
        (LATER, rental(12346, status=RentalStatus.CANCELLED)),
    ):
        await store.ledger.record("account", said, at)

    assert news == [CodeRead(), FirstCode(42.0), CodeRead(), MoneyBack(PRICE)]


async def test_what_is_not_committed_is_not_told(store: Store, news: list[LedgerNews]) -> None:
    async def job(tx: Tx) -> None:
        tx.news.append(CodeRead())
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await cast(StoredLedger, store.ledger)._database.write(job)

    assert news == []


async def test_news_are_told_though_nobody_waits_any_more(
    store: Store, news: list[LedgerNews]
) -> None:
    wanted = intent()
    await store.ledger.begin(wanted)
    settling = asyncio.create_task(store.ledger.settle(wanted.ledger_id, RELEASED, NOW))
    await asyncio.sleep(0)
    await store.ledger.settle(wanted.ledger_id, RELEASED, NOW)
    await settling

    assert len(news) == 1


async def test_what_stands_open_is_counted_of_all_accounts_also_after_a_restart(
    store_url: str,
) -> None:
    async with open_store(store_url, new_id=new_id) as store:
        await fill(store.ledger)
    async with open_store(store_url, new_id=new_id) as store:
        counted = await store.ledger.counts(LATER)
        late = await store.ledger.counts(NOW + timedelta(hours=1))

    assert counted == LedgerCounts(2, 3, 2, NOW)
    assert (late.unknown_purchases, late.active_rentals, late.cancel_wishes) == (2, 0, 2)


async def fill(ledger: Ledger) -> None:
    assert await ledger.counts(NOW) == LedgerCounts(0, 0, 0, None)
    for number, account in enumerate(("account", "account", "other"), 1):
        await buy(ledger, rental(number), account_id=account)
    await buy(ledger, rental(9, status=RentalStatus.COMPLETED))
    for account in ("account", "other"):
        await end(ledger, UNKNOWN, account_id=account)
    await end(ledger, REFUSED)
    for account, rental_id, at in (("account", 1, NOW), ("other", 3, LATER)):
        await ledger.want_cancel(account, rental_id, CancelReason.ASKED, at, LATER)


async def test_counting_reads_no_whole_table_of_postgresql(postgres_url: str) -> None:
    compiled = counts._COUNTS.postgres
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("SET enable_seqscan = off")
    plan = await connection.fetch(f"EXPLAIN {compiled.sql}", *([1] * len(compiled.names)))
    await connection.close()
    steps = "\n".join(row[0] for row in plan)

    assert "Seq Scan" not in steps
    used = set(re.findall(r"(?:using|Bitmap Index Scan on) (\w+)", steps))
    # Of an empty table the two indexes of rentals that live cost the same: it takes either.
    assert used - {"things_live", "things_unended"} == {"spends_holding", "things_cancels"}, steps
    assert used & {"things_live", "things_unended"}, steps
