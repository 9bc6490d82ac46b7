"""Keys become callers, and names that give nothing away."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.store import Store
from gateway.core.auth.authentication import Callers, KeyHasher
from gateway.core.auth.verification import KeyVerification
from gateway.core.model.callers import Account, GatewayKey, Limits
from gateway.core.model.errors import Unauthorized
from gateway.core.model.provider_errors import UpstreamAuthFailed
from tests.support.core import START, Clock

KEY = "gtw_a-key-of-the-gateway"
HASHER = KeyHasher(b"secret")
NO_KEYS = [None, "", "gtw_unknown", "sk_\u00e9", "sk_a\nb", "s" * 257]


MADE = GatewayKey("k1", "a shop", HASHER.name(KEY), Limits(read_only=True), START)


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def accepts(account: Account) -> None:
    """A provider that accepts every key."""


def callers_of(store: Store, clock: Clock | None = None, **more: Any) -> Callers:
    clock = clock or Clock()
    verification = KeyVerification(store.accounts, accepts, clock)
    return Callers(HASHER, store.keys, clock, verification, **more)


@pytest.fixture
def callers(store: Store, clock: Clock) -> Callers:
    return callers_of(store, clock, own_key="sk_own")


async def test_one_key_is_one_account_and_its_name_does_not_hold_it(callers: Callers) -> None:
    alice, again = [await callers.identify("sk_alice") for _ in range(2)]
    bob = await callers.identify("sk_bob")

    assert alice == again
    assert alice.account.key == "sk_alice"
    assert bob.account.id != alice.account.id
    assert "alice" not in repr(alice)


async def test_names_differ_from_gateway_to_gateway() -> None:
    assert HASHER.name("sk_alice") != KeyHasher(b"another").name("sk_alice")


@pytest.mark.parametrize("key", NO_KEYS)
async def test_what_is_no_key_is_unauthorized(callers: Callers, key: str | None) -> None:
    with pytest.raises(Unauthorized):
        await callers.identify(key)


async def test_without_pass_through_the_providers_keys_are_unauthorized(store: Store) -> None:
    with pytest.raises(Unauthorized):
        await callers_of(store, pass_through=False).identify("sk_alice")


async def test_a_gateway_key_leads_to_the_servers_own_account(
    callers: Callers, store: Store
) -> None:
    await store.keys.create(MADE)
    caller = await callers.identify(KEY)

    assert caller.id == "gtw_k1"
    assert caller.account.key == "sk_own"
    assert caller.account == callers.own
    assert caller.limits == MADE.limits
    assert (caller.pass_through, caller.sees_account) == (False, False)
    assert KEY not in repr(caller)


async def test_without_a_key_of_the_servers_own_a_gateway_key_leads_nowhere(store: Store) -> None:
    await store.keys.create(MADE)

    with pytest.raises(UpstreamAuthFailed):
        await callers_of(store).identify(KEY)


async def test_a_key_that_was_revoked_is_refused_within_two_seconds(
    callers: Callers, store: Store, clock: Clock
) -> None:
    await store.keys.create(MADE)
    await callers.identify(KEY)
    await store.keys.revoke("k1", clock.now())
    clock.pass_by(2.0)

    with pytest.raises(Unauthorized, match="revoked"):
        await callers.identify(KEY)


async def test_a_key_expires_to_the_moment(callers: Callers, store: Store, clock: Clock) -> None:
    ends: Any = replace(MADE.limits, expires_at=START + timedelta(seconds=60))
    await store.keys.create(replace(MADE, limits=ends))
    clock.pass_by(59.9)
    before = await callers.identify(KEY)
    clock.pass_by(0.1)

    assert before.id == "gtw_k1"
    with pytest.raises(Unauthorized, match="expired"):
        await callers.identify(KEY)


async def test_a_key_made_after_it_was_tried_is_known_within_two_seconds(
    callers: Callers, store: Store, clock: Clock
) -> None:
    with pytest.raises(Unauthorized):
        await callers.identify(KEY)
    await store.keys.create(MADE)
    clock.pass_by(2.0)

    assert (await callers.identify(KEY)).id == "gtw_k1"


async def test_the_caller_of_a_key_is_the_same_object_while_nothing_of_it_changes(
    callers: Callers, store: Store, clock: Clock
) -> None:
    await store.keys.create(replace(MADE, limits=Limits(expires_at=START + timedelta(hours=1))))
    caller = await callers.identify(KEY)
    clock.pass_by(1)
    assert callers.recall(KEY) is None  # what is stored is looked at again
    assert await callers.identify(KEY) is caller
    assert callers.recall(KEY) is caller

    clock.pass_by(3600)
    with pytest.raises(Unauthorized):
        await callers.identify(KEY)
    assert callers.recall(KEY) is None


async def test_of_a_key_that_was_changed_the_caller_is_another_one(
    callers: Callers, store: Store, clock: Clock
) -> None:
    await store.keys.create(MADE)
    caller = await callers.identify(KEY)
    await store.keys.revoke("k1", START)
    clock.pass_by(1)
    with pytest.raises(Unauthorized):
        await callers.identify(KEY)

    assert callers.recall(KEY) is not caller
