"""Signing in from the first refusal to the last token, on both databases and over several nodes."""

import asyncio
import logging
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from gateway.core.model.callers import GatewayKey, Limits
from gateway.core.model.oauth import TokenKind
from tests.mcp.oauth.support import CALLBACK, Stand, signing_in
from tests.support.postgres import Postgres

WELL_KNOWN = "/.well-known/"
RESOURCE = (
    "oauth-protected-resource",
    "oauth-protected-resource/",
    "oauth-protected-resource/mcp",
    "oauth-protected-resource/mcp/",
)
SERVER = (
    "oauth-authorization-server",
    "oauth-authorization-server/mcp",
    "openid-configuration",
    "openid-configuration/mcp",
)


async def test_a_person_lets_a_client_in(store_url: str) -> None:
    async with signing_in(store_url) as stand:
        node, person = stand.node, stand.person
        key = await node.key(services=frozenset({"whatsapp"}), budget_total=Decimal(20), admin=True)
        first = await node.calls(None)
        app = await node.app()
        tokens = await app.signed_in(person, key)
        answered = await node.calls(tokens["access_token"])
        child, parent = await node.named("Claude"), await node.named("shop")
        (entry,) = await node.gateway.store.audit_trail.page(subject=child.id, before=None, limit=5)

    challenge = first.headers["WWW-Authenticate"]
    metadata = f"{node.url}/.well-known/oauth-protected-resource/mcp"
    assert first.status == 401
    assert challenge == f'Bearer realm="getatext-gateway", resource_metadata="{metadata}"'
    assert answered.status == 200
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 3600)
    assert "scope" not in tokens
    assert child == GatewayKey(
        child.id,
        "Claude",
        child.hashed,
        Limits(
            max_price=Decimal("1.00"),
            budget_day=Decimal("5.00"),
            max_per_day=10,
            budget_total=Decimal(20),
            services=frozenset({"whatsapp"}),
            expires_at=child.created_at + timedelta(days=30),
        ),
        child.created_at,
        parent_id=parent.id,
    )
    assert (entry.action, entry.actor, entry.actor_name) == ("oauth.authorized", parent.id, "shop")
    assert entry.details == {
        "client": "Claude",
        "redirects_to": "claude.ai",
        "max_price": "1.00",
        "budget_day": "5.00",
        "max_per_day": 10,
        "days": 30,
    }


async def test_the_documents_say_where_everything_is() -> None:
    async with signing_in() as stand:
        about = [await stand.node.get(WELL_KNOWN + path) for path in RESOURCE]
        server = [await stand.node.get(WELL_KNOWN + path) for path in SERVER]

    base = stand.node.url
    assert {each.headers["Access-Control-Allow-Origin"] for each in (*about, *server)} == {"*"}
    assert [each.body for each in about] == [about[0].body] * len(RESOURCE)
    assert about[0].body["resource"] == f"{base}/mcp"
    assert about[0].body["authorization_servers"] == [base]
    assert [each.body for each in server] == [server[0].body] * len(SERVER)
    assert server[0].body["issuer"] == base
    assert server[0].body["code_challenge_methods_supported"] == ["S256"]
    assert server[0].body["authorization_response_iss_parameter_supported"] is True
    assert {
        urlsplit(url).path for name, url in server[0].body.items() if name.endswith("_endpoint")
    } == {"/authorize", "/token", "/register", "/revoke"}


async def test_without_the_setting_nothing_of_it_is_there() -> None:
    async with signing_in(gateway_oauth=False) as stand:
        refused = await stand.node.calls(None)
        made_up = await stand.node.calls(f"{TokenKind.ACCESS.prefix}{'x' * 43}")
        paths = [*(WELL_KNOWN + path for path in (*RESOURCE, *SERVER)), "/consent", "/authorize"]
        found = {(await stand.node.get(path)).status for path in paths}

    assert refused.headers["WWW-Authenticate"] == 'Bearer realm="getatext-gateway"'
    assert made_up.status == 401
    assert found == {404}


async def test_a_static_key_keeps_working_beside_it() -> None:
    async with signing_in() as stand:
        key = await stand.node.key()
        answered, wrong = await stand.node.calls(key), await stand.node.calls(f"{key}x")

    assert (answered.status, wrong.status) == (200, 401)
    assert 'error="invalid_token"' in wrong.headers["WWW-Authenticate"]


async def test_two_registrations_of_one_attempt_both_work_and_their_keys_have_names() -> None:
    async with signing_in() as stand:
        key = await stand.node.key()
        apps = await asyncio.gather(stand.node.app(), stand.node.app())
        tokens = [await app.signed_in(stand.person, key) for app in apps]
        answered = [await stand.node.calls(each["access_token"]) for each in tokens]
        names = {each.name for each in await stand.node.gateway.keys.all()}

    assert apps[0].id != apps[1].id
    assert [each.status for each in answered] == [200, 200]
    assert names == {"shop", "Claude", "Claude-2"}


async def test_many_who_sign_in_at_once_get_keys_of_different_names() -> None:
    async with signing_in() as stand:
        key, app = await stand.node.key(), await stand.node.app()
        people = [await stand.somebody() for _ in range(4)]
        await asyncio.gather(*(app.authorized(person, key) for person in people))
        names = {each.name for each in await stand.node.gateway.keys.all()}

    assert names == {"shop", "Claude", "Claude-2", "Claude-3", "Claude-4"}


async def test_each_step_may_be_on_another_node(store_url: str) -> None:
    async with signing_in(store_url, nodes=3) as stand:
        one, two, three = stand.nodes
        app = await one.app()
        key = await two.key()
        app.node = two
        code = await _at(two, stand, app, key)
        tokens = (await app.redeem(code, three)).body
        newer = (await app.refresh(tokens["refresh_token"], one)).body
        answered = [await node.calls(newer["access_token"]) for node in stand.nodes]
        await app.revoke(newer["access_token"])
        ended = [await node.calls(newer["access_token"]) for node in stand.nodes]

    assert [each.status for each in answered] == [200] * 3
    assert [each.status for each in ended] == [401] * 3


async def _at(node: Any, stand: Stand, app: Any, key: str) -> str:
    """The code that a person gets on a node; its public URL, which leads nowhere, is its own."""
    asked = await node.session.get(app.url(), allow_redirects=False)
    page = await stand.person.opens(asked.headers["Location"].replace(node.base, node.url))
    form = {**page.page.fields, "key": key, "decision": "allow"}
    back = await stand.person.session.post(
        f"{node.url}/consent", data=form, headers={"Origin": node.base}, allow_redirects=False
    )
    assert back.status == 303
    return back.headers["Location"].split("code=")[1].split("&")[0]


async def test_of_two_nodes_at_once_one_redeems_a_code_and_one_refreshes(store_url: str) -> None:
    async with signing_in(store_url, nodes=2) as stand:
        one, two = stand.nodes
        app, key = await one.app(), await one.key()
        code = await _at(one, stand, app, key)
        got = await asyncio.gather(*(app.redeem(code, node) for node in (one, two) * 3))
        (tokens,) = [each.body for each in got if each.status == 200]
        other = await one.app(client_name="Other")
        code = await _at(one, stand, other, key)
        tokens = (await other.redeem(code)).body
        again = await asyncio.gather(
            *(other.refresh(tokens["refresh_token"], node) for node in (one, two) * 3)
        )

    assert sorted(each.status for each in got) == [200, *[400] * 5]
    assert sorted(each.status for each in again) == [200, *[400] * 5]
    refused = [each.body["error"] for each in (*got, *again) if each.status == 400]
    assert set(refused) == {"invalid_grant"}


async def test_a_person_declines() -> None:
    async with signing_in() as stand:
        app = await stand.node.app()
        back = await stand.person.sends(await stand.person.opens(app.url()), "deny")
        entries = await stand.node.gateway.store.audit_trail.page(
            subject=None, before=None, limit=5
        )
        keys = await stand.node.gateway.keys.all()

    assert (back.status, back.location.split("?")[0]) == (303, CALLBACK)
    assert back.told == {"error": "access_denied", "state": app.state, "iss": stand.node.url}
    assert (entries, keys) == ([], [])


async def test_the_page_says_who_asks_for_what_and_cannot_be_framed() -> None:
    async with signing_in() as stand:
        app = await stand.node.app(client_name='<b onclick="x">Evil & Co</b>')
        shown = await stand.person.opens(app.url())
        local = await stand.node.app(redirect_uris=["http://127.0.0.1:7777/cb"])
        other = await stand.person.opens(local.url())

    policy = shown.headers["Content-Security-Policy"]
    assert "claude.ai" in shown.page.text
    assert '<b onclick="x">Evil & Co</b>' in shown.page.text
    assert "<b onclick" not in shown.body
    assert "form-action 'self' https://claude.ai;" in policy
    assert "form-action 'self' http://127.0.0.1:7777;" in other.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "script" not in policy
    assert shown.headers["X-Frame-Options"] == "DENY"
    assert shown.headers["Cache-Control"] == "no-store"
    assert shown.page.fields["key"] == ""


async def test_nothing_secret_is_stored_or_logged(
    store_url: str, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    async with signing_in(store_url, gateway_access_log=True) as stand:
        key = await stand.node.key()
        app = await stand.node.app(token_endpoint_auth_method="client_secret_post")
        code = await app.authorized(stand.person, key)
        tokens = (await app.redeem(code)).body
        newer = (await app.refresh(tokens["refresh_token"])).body
        await stand.node.calls(newer["access_token"])
        await app.redeem(code, code_verifier="x" * 43)
        await stand.node.calls(f"{newer['access_token']}x")
        wrong = await stand.person.sends(await stand.person.opens(app.url()), key="gtw_wrong")
        stored = _stored(store_url, request)
    said = caplog.text + "".join(capfd.readouterr())

    values = [*tokens.values(), *newer.values()]
    secrets = [each for each in values if str(each).startswith("gtw_")]
    secrets += [key, code, app.registered["client_secret"], app.verifier]
    assert len(secrets) == 8
    assert app.id.encode() in stored
    assert [each for each in secrets if each.encode() in stored] == []
    assert [each for each in secrets if each in said] == []
    assert wrong.status == 403
    assert "gtw_wrong" not in wrong.body
    assert "path=/token" in said


def _stored(url: str, request: pytest.FixtureRequest) -> bytes:
    """All that stands in the database, as it stands there."""
    if url.startswith("postgres"):
        server: Postgres = request.getfixturevalue("postgres")
        return server.dump(url)
    files = Path(url.removeprefix("sqlite:///")).parent.glob("gateway.db*")
    return b"".join(each.read_bytes() for each in files if each.is_file())
