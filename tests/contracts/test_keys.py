import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from adapters.store import StoreError, open_store
from gateway.core.model.callers import GatewayKey, Limits
from gateway.core.ports.storage import Keys, NameTaken
from tests.support.ledger import LATER, NOW, new_id

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


async def test_a_key_is_revoked_once(keys: Keys) -> None:
    await keys.create(PLAIN)

    assert await keys.revoke("k1", LATER)
    assert not await keys.revoke("k1", NOW)
    found = await keys.find("h1")
    assert found is not None
    assert found.revoked_at == LATER


async def test_a_key_that_is_named_as_the_id_of_another_stays(keys: Keys) -> None:
    await keys.create(PLAIN)
    await keys.create(GatewayKey("k3", "k1", "h3", Limits(), NOW))

    assert await keys.revoke("k1", LATER)
    assert [key.revoked_at for key in await keys.all()] == [LATER, None]


@pytest.mark.parametrize("name", ["shop", " shop\t"])
async def test_the_name_of_a_living_key_is_taken(keys: Keys, name: str) -> None:
    await keys.create(PLAIN)

    with pytest.raises(NameTaken) as refused:
        await keys.create(GatewayKey("k3", name, "h3", Limits(), LATER))
    assert refused.value.key_id == "k1"
    assert await keys.all() == [PLAIN]


async def test_a_name_is_free_again_once_its_key_is_revoked_or_expired(keys: Keys) -> None:
    ends = Limits(expires_at=LATER)
    for number, (limits, at) in enumerate([(ends, NOW), (Limits(), LATER), (Limits(), LATER)]):
        await keys.create(GatewayKey(f"k{number}", "shop", f"h{number}", limits, at))
        if number == 1:
            assert await keys.revoke("k1", LATER)
    await keys.create(GatewayKey("k3", "Shop", "h3", Limits(), LATER))

    assert [key.id for key in await keys.all()] == ["k0", "k1", "k2", "k3"]


async def test_of_processes_that_make_keys_of_one_name_at_once_one_does(store_url: str) -> None:
    async with AsyncExitStack() as opened:
        stores = [
            await opened.enter_async_context(open_store(store_url, new_id=new_id)) for _ in range(3)
        ]
        made = await asyncio.gather(
            *(
                store.keys.create(GatewayKey(f"k{number}", "shop", f"h{number}", Limits(), NOW))
                for number, store in enumerate(stores * 3)
            ),
            return_exceptions=True,
        )
        (key,) = await stores[0].keys.all()

    assert made.count(None) == 1
    assert [type(each) for each in made if each is not None] == [NameTaken] * 8
    assert key.name == "shop"


async def test_there_may_be_nothing_to_revoke(keys: Keys) -> None:
    assert not await keys.revoke("nobody", NOW)
    assert await keys.all() == []


async def test_a_rotated_key_is_found_by_either_secret(keys: Keys) -> None:
    await keys.create(PLAIN)
    rotated = replace(PLAIN, hashed="h9", previous_hashed="h1", previous_until=LATER)
    changed = await keys.change("k1", lambda key: rotated, NOW)

    assert changed == rotated
    assert [await keys.find(hashed) for hashed in ("h1", "h9")] == [rotated, rotated]
    assert await keys.by_id("k1") == rotated


async def test_a_revoked_key_is_changed_no_more(keys: Keys) -> None:
    await keys.create(PLAIN)
    await keys.revoke("k1", NOW)

    assert await keys.change("k1", lambda key: replace(key, name="x"), LATER) is None
    assert await keys.change("nobody", lambda key: key, LATER) is None
    assert [key.name for key in await keys.all()] == ["shop"]


async def test_a_change_that_raises_changes_nothing(keys: Keys) -> None:
    await keys.create(PLAIN)
    await keys.create(replace(PLAIN, id="k2", name="mall", hashed="h2"))

    def fails(key: GatewayKey) -> GatewayKey:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await keys.change("k1", fails, LATER)
    with pytest.raises(NameTaken):
        await keys.change("k2", lambda key: replace(key, name="shop"), LATER)
    assert [key.name for key in await keys.all()] == ["shop", "mall"]


async def test_every_change_of_a_key_is_another_version(keys: Keys) -> None:
    versions = [await keys.version()]
    await keys.create(PLAIN)
    versions.append(await keys.version())
    await keys.change("k1", lambda key: replace(key, name="mall"), NOW)
    versions.append(await keys.version())
    await keys.revoke("k1", LATER)
    versions.append(await keys.version())
    await keys.revoke("k1", LATER)

    assert len(set(versions)) == 4
    assert await keys.version() == versions[-1]


async def test_an_expired_key_gives_its_name_up_as_of_its_end(keys: Keys) -> None:
    ends = Limits(expires_at=LATER)
    await keys.create(replace(PLAIN, limits=ends))
    await keys.create(GatewayKey("k3", "shop", "h3", Limits(), LATER))

    assert [key.revoked_at for key in await keys.all()] == [LATER, None]
