from datetime import UTC, datetime
from decimal import Decimal

import pytest

from adapters.store import StoreError
from gateway.core.model.callers import GatewayKey, Limits
from gateway.core.ports.storage import Keys
from tests.support.ledger import LATER, NOW

PLAIN = GatewayKey("k1", "shop", "h1", Limits(), NOW)
LIMITED = GatewayKey(
    "k2",
    "bot 🤖",
    "h2",
    Limits(
        read_only=True,
        max_price=Decimal("0.75"),
        budget_day=Decimal(0),
        budget_total=Decimal("100.000001"),
        services=frozenset({"whatsapp", "a/b"}),
        max_active=0,
        long_rentals=True,
        admin=True,
        expires_at=datetime(2027, 1, 1, tzinfo=UTC),
    ),
    LATER,
    revoked_at=LATER,
)


async def test_a_key_is_found_by_its_hash_alone(keys: Keys) -> None:
    for key in (LIMITED, PLAIN):
        await keys.create(key)

    assert await keys.find("h1") == PLAIN
    assert await keys.find("h2") == LIMITED
    assert await keys.find("k1") is None
    assert await keys.all() == [PLAIN, LIMITED]


async def test_a_hash_is_one_keys(keys: Keys) -> None:
    await keys.create(PLAIN)

    with pytest.raises(StoreError):
        await keys.create(GatewayKey("k3", "other", "h1", Limits(), NOW))


@pytest.mark.parametrize("given", ["k1", "shop"])
async def test_a_key_is_revoked_once(keys: Keys, given: str) -> None:
    await keys.create(PLAIN)

    assert await keys.revoke(given, LATER)
    assert not await keys.revoke(given, NOW)
    found = await keys.find("h1")
    assert found is not None
    assert found.revoked_at == LATER


async def test_a_name_revokes_all_that_carry_it(keys: Keys) -> None:
    await keys.create(PLAIN)
    await keys.create(GatewayKey("k3", "shop", "h3", Limits(), NOW))

    assert await keys.revoke("shop", LATER)
    assert [key.revoked_at for key in await keys.all()] == [LATER, LATER]


async def test_there_may_be_nothing_to_revoke(keys: Keys) -> None:
    assert not await keys.revoke("nobody", NOW)
    assert await keys.all() == []
