"""The audit log is written with what it tells, or not at all, and kept as long as purchases."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from adapters.store import Store
from gateway.core.model.audit import AuditAction, AuditEntry, AuditRecord
from gateway.core.model.callers import GatewayKey, Limits
from gateway.core.model.purchases import Outcome, SpendState
from gateway.core.ports.storage import NameTaken
from tests.support.ledger import LATER, NOW, UNKNOWN, buy, end, rental

KEY = GatewayKey("k1", "shop", "h1", Limits(), NOW)


def record(action: AuditAction, subject: str = "k1", **details: Any) -> AuditRecord:
    return AuditRecord(NOW, "k1", action, subject, details)


async def page(store: Store, **only: Any) -> list[AuditEntry]:
    asked = {"subject": None, "before": None, "limit": 100, **only}
    return list(await store.audit_trail.page(**asked))


async def actions(store: Store) -> list[AuditAction]:
    return [entry.action for entry in await page(store)]


async def test_it_tells_the_newest_first_with_the_actors_name(store: Store) -> None:
    await store.keys.create(KEY, record(AuditAction.KEY_CREATED, name="shop"))
    renamed = await store.keys.change(
        "k1", lambda key: replace(key, name="mall"), LATER, record(AuditAction.KEY_UPDATED)
    )
    newest, first = await page(store)

    assert renamed is not None
    assert (first.action, first.details, first.timestamp) == ("key.created", {"name": "shop"}, NOW)
    assert (first.actor, first.actor_name, first.subject) == ("k1", "mall", "k1")
    assert newest.id > first.id
    assert await page(store, before=newest.id) == [first]
    assert await page(store, limit=1) == [newest]
    assert await page(store, subject="another") == []


async def test_what_was_not_done_is_not_told(store: Store) -> None:
    await store.keys.create(KEY)
    with pytest.raises(NameTaken):
        await store.keys.create(replace(KEY, id="k2", hashed="h2"), record(AuditAction.KEY_CREATED))
    assert not await store.keys.revoke("nobody", NOW, record(AuditAction.KEY_REVOKED))
    spend = await buy(store.ledger, rental())
    outcome, settled = Outcome(SpendState.RELEASED), record(AuditAction.PURCHASE_SETTLED)
    assert not await store.ledger.settle(spend, outcome, LATER, settled)
    refunded = record(AuditAction.PURCHASE_REFUNDED)
    assert not await store.ledger.record_refund(spend, Decimal(99), LATER, refunded)

    assert await actions(store) == []


async def test_settled_and_refunded_purchases_are_told(store: Store) -> None:
    lost = await end(store.ledger, UNKNOWN)
    bought = await buy(store.ledger, rental())
    settled = record(AuditAction.PURCHASE_SETTLED, lost, not_charged=True)
    assert await store.ledger.settle(lost, Outcome(SpendState.REFUSED), LATER, settled)
    refunded = record(AuditAction.PURCHASE_REFUNDED, bought, amount="0.10")
    assert await store.ledger.record_refund(bought, Decimal("0.10"), LATER, refunded)

    assert await actions(store) == [AuditAction.PURCHASE_REFUNDED, AuditAction.PURCHASE_SETTLED]


async def test_it_is_kept_when_codes_and_answers_go(store: Store) -> None:
    await store.keys.create(KEY, record(AuditAction.KEY_CREATED))
    await store.ledger.purge(NOW + timedelta(days=9999), NOW + timedelta(days=9999))

    assert await actions(store) == [AuditAction.KEY_CREATED]
