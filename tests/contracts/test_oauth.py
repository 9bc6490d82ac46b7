import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.store import Store
from gateway.core.model.audit import AuditAction, AuditRecord
from gateway.core.model.callers import GatewayKey, Limits
from gateway.core.model.oauth import AuthorizationCode, OAuthClient, OAuthToken, SignIn, TokenKind
from gateway.core.ports.oauth import AlreadyAnswered, TooManyChildren, TooManyClients
from gateway.core.ports.storage import NameTaken
from tests.support.ledger import LATER, NOW

DAY = timedelta(days=1)
CLIENT = OAuthClient(
    "c1", "Claude 🤖", ("https://a.example/cb",), "none", ("authorization_code",), NOW
)
SIGN_IN = SignIn("c1", "https://a.example/cb", True, "challenge", "https://g/mcp", "a b", "état")
CHILD = GatewayKey("k2", "Claude", "h2", Limits(), NOW, parent_id="k1")
CODE = AuthorizationCode("code", "k2", SIGN_IN, NOW + DAY)
RECORD = AuditRecord(NOW, "k1", AuditAction.OAUTH_AUTHORIZED, "k2")
TOKENS = [
    OAuthToken(kind.value, kind, "c1", "k2", "https://g/mcp", "a b", NOW + DAY)
    for kind in (TokenKind.ACCESS, TokenKind.REFRESH)
]


async def test_what_is_stored_is_found(store: Store) -> None:
    await store.oauth.register(CLIENT, NOW + DAY, 10)
    await store.oauth.grant(CHILD, CODE, RECORD, 5)

    assert await store.oauth.client("c1") == CLIENT
    assert await store.oauth.code("code") == CODE
    assert await store.keys.by_id("k2") == CHILD
    assert await store.oauth.redeem("code", TOKENS, NOW, NOW + DAY)
    assert [await store.oauth.token(each.hashed) for each in TOKENS] == TOKENS
    assert await store.oauth.code("code") == replace(CODE, used_at=NOW)
    for missing in (store.oauth.client("c2"), store.oauth.code("x"), store.oauth.token("x")):
        assert await missing is None


async def test_of_a_key_and_its_code_there_are_both_or_neither(store: Store) -> None:
    await store.keys.create(replace(CHILD, id="k3", hashed="h3"))

    with pytest.raises(NameTaken):
        await store.oauth.grant(CHILD, CODE, RECORD, 5)
    assert await store.oauth.code("code") is None
    assert await store.audit_trail.page(subject="k2", before=None, limit=5) == []


async def test_a_code_and_a_refresh_token_are_used_up_once(store: Store) -> None:
    await store.oauth.grant(CHILD, CODE, RECORD, 5)
    codes = await asyncio.gather(
        *(store.oauth.redeem("code", TOKENS, NOW, NOW + DAY) for _ in range(5))
    )
    newer = replace(TOKENS[1], hashed="newer")
    tokens = await asyncio.gather(
        *(store.oauth.rotate("refresh", [newer], NOW, NOW + DAY) for _ in range(5))
    )

    assert sorted(codes) == sorted(tokens) == [False] * 4 + [True]
    assert await store.oauth.token("refresh") == replace(TOKENS[1], used_at=NOW)


async def test_nothing_comes_of_what_has_expired(store: Store) -> None:
    await store.oauth.grant(CHILD, CODE, RECORD, 5)

    assert not await store.oauth.redeem("code", TOKENS, NOW + DAY, NOW + DAY)
    assert await store.oauth.token("access") is None


async def test_of_clients_without_a_token_there_are_only_so_many(store: Store) -> None:
    await store.oauth.register(CLIENT, NOW + DAY, 3)
    await store.oauth.grant(CHILD, CODE, RECORD, 5)
    await store.oauth.redeem("code", TOKENS, NOW, NOW + DAY)
    more = [replace(CLIENT, id=f"c{number}") for number in range(2, 6)]
    for each in more[:3]:
        await store.oauth.register(each, NOW + DAY, 3)
    with pytest.raises(TooManyClients):
        await store.oauth.register(more[3], NOW + DAY, 3)
    found = [await store.oauth.client(f"c{number}") for number in range(1, 6)]
    later = replace(more[3], created_at=NOW + DAY)
    await store.oauth.register(later, NOW + 2 * DAY, 3)

    assert [each is not None for each in found] == [True, True, True, True, False]
    assert await store.oauth.client("c5") == later


async def test_a_key_has_only_so_many_living_children(store: Store) -> None:
    ends = Limits(expires_at=NOW + DAY)
    made = [
        (
            replace(CHILD, id=f"k{n}", name=f"Claude-{n}", hashed=f"h{n}", limits=ends),
            replace(
                CODE, hashed=f"code-{n}", key_id=f"k{n}", sign_in=replace(SIGN_IN, nonce=f"{n}")
            ),
        )
        for n in range(2, 6)
    ]
    for key, code in made[:2]:
        await store.oauth.grant(key, code, RECORD, 2)
    key, code = made[2]
    with pytest.raises(TooManyChildren):
        await store.oauth.grant(key, code, RECORD, 2)
    nothing = await store.keys.by_id(key.id), await store.oauth.code(code.hashed)
    await store.oauth.grant(replace(key, parent_id="another"), code, RECORD, 2)
    key, code = made[3]
    await store.oauth.grant(replace(key, created_at=NOW + DAY), code, RECORD, 2)

    assert nothing == (None, None)
    assert await store.oauth.code(code.hashed) == code


async def test_a_sign_in_leads_to_one_code(store: Store) -> None:
    await store.oauth.grant(CHILD, CODE, RECORD, 5)
    other = replace(CHILD, id="k3", name="Claude-2", hashed="h3")
    with pytest.raises(AlreadyAnswered):
        await store.oauth.grant(other, replace(CODE, hashed="code-2", key_id="k3"), RECORD, 5)

    assert await store.keys.by_id("k3") is None


async def test_what_has_ended_is_deleted(store: Store) -> None:
    for client_id in ("c1", "c2"):
        await store.oauth.register(replace(CLIENT, id=client_id), NOW + DAY, 10)
    await store.oauth.grant(CHILD, CODE, RECORD, 5)
    await store.oauth.redeem("code", TOKENS, NOW, NOW + 9 * DAY)
    await store.oauth.purge(NOW, NOW + DAY)
    kept = await store.oauth.client("c2"), await store.oauth.code("code")
    await store.oauth.purge(NOW + 2 * DAY, NOW + 2 * DAY)

    assert None not in kept
    assert await store.oauth.client("c2") is None
    assert await store.oauth.client("c1") == CLIENT
    assert await store.oauth.code("code") is None
    assert await store.oauth.token("refresh") is None


async def test_keys_whose_code_nobody_came_for_are_found(store: Store) -> None:
    await store.oauth.grant(CHILD, CODE, RECORD, 5)
    used, other = replace(CHILD, id="k3", name="other", hashed="h3"), replace(SIGN_IN, nonce="2")
    await store.oauth.grant(
        used, replace(CODE, hashed="used", key_id="k3", sign_in=other), RECORD, 5
    )
    await store.oauth.redeem("used", [], NOW, NOW + DAY)

    assert await store.oauth.unredeemed(NOW + DAY) == []
    assert await store.oauth.unredeemed(NOW + 2 * DAY) == ["k2"]
    await store.keys.revoke("k2", LATER)
    assert await store.oauth.unredeemed(NOW + 2 * DAY) == []
