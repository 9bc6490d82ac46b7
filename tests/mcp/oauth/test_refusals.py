"""What is refused, and that nothing comes of it."""

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest
from aiohttp import ClientSession, DummyCookieJar

from adapters.simulator import DEMO_KEY
from gateway.core.auth.oauth import clients
from gateway.core.model.errors import LedgerUnavailable
from gateway.core.model.oauth import TokenKind
from tests.mcp.oauth.support import CALLBACK, Answered, Shown, Stand, signing_in

LOCAL = "http://127.0.0.1:3030/callback"
WRONG_KEY = "This key is not accepted."


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    async with signing_in() as stand:
        yield stand


def error(answered: Answered) -> tuple[int, str]:
    return answered.status, answered.body["error"]


@pytest.mark.parametrize(
    "uri",
    [
        "https://claude.ai/api/mcp/auth_callback/",
        "https://claude.ai/api/mcp/auth_callback?x=1",
        "https://claude.ai/api/mcp/../mcp/auth_callback",
        "https://CLAUDE.ai/api/mcp/auth_callback",
        "https://claude.ai:443/api/mcp/auth_callback",
        "https://claude.ai.evil.example/api/mcp/auth_callback",
        "https://claude.ai@evil.example/api/mcp/auth_callback",
        "http://claude.ai/api/mcp/auth_callback",
        "http://127.0.0.1:3030/callback",
        "javascript:alert(1)",
        "",
    ],
)
async def test_a_redirect_uri_that_is_not_the_registered_one_goes_nowhere(
    stand: Stand, uri: str
) -> None:
    app = await stand.node.app()
    shown = await stand.person.opens(app.url(redirect_uri=uri))

    assert (shown.status, shown.location) == (400, "")
    assert "invalid_request" in shown.page.text


@pytest.mark.parametrize(
    ("uri", "fits"),
    [
        ("http://127.0.0.1:51000/callback", True),  # RFC 8252, section 7.3
        ("http://127.0.0.1/callback", True),
        ("http://127.0.0.1:51000/other", False),
        ("http://localhost:3030/callback", False),
        ("http://127.0.0.2:3030/callback", False),
        ("https://127.0.0.1:3030/callback", False),
    ],
)
async def test_a_program_on_this_machine_takes_any_port(stand: Stand, uri: str, fits: bool) -> None:
    app = await stand.node.app(redirect_uris=[LOCAL])
    shown = await stand.person.opens(app.url(redirect_uri=uri))
    if fits:
        app.redirect_uri = uri
        assert (await app.signed_in(stand.person, await stand.node.key()))["access_token"]

    assert shown.status == (200 if fits else 400)


@pytest.mark.parametrize(
    "uri",
    [
        "http://claude.ai/callback",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://claude.ai/callback#fragment",
        "https://user@claude.ai/callback",
        f"https://claude.ai/{'x' * 2000}",
        "ftp://claude.ai/x",
        "not a uri",
        "",
    ],
)
async def test_a_redirect_uri_that_leads_astray_is_not_registered(stand: Stand, uri: str) -> None:
    refused = await stand.node.registers(redirect_uris=[CALLBACK, uri])

    assert refused.status == 400
    assert refused.body["error"] in {"invalid_redirect_uri", "invalid_client_metadata"}


@pytest.mark.parametrize(
    "uri", ["cursor://anysphere.cursor-retrieval/oauth", "com.example.app:/cb"]
)
async def test_a_program_with_a_scheme_of_its_own_signs_in(stand: Stand, uri: str) -> None:
    app = await stand.node.app(redirect_uris=[uri])
    tokens = await app.signed_in(stand.person, await stand.node.key())

    assert (await stand.node.calls(tokens["access_token"])).status == 200


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"resource": "https://elsewhere.example/mcp"}, "invalid_target"),
        ({"resource": ""}, "invalid_target"),
        ({"scope": "x" * 501}, "invalid_scope"),
    ],
)
async def test_a_wrong_request_leads_nowhere_and_the_page_names_the_error(
    stand: Stand, changes: dict[str, str | None], code: str
) -> None:
    app = await stand.node.app()
    shown = await stand.person.opens(app.url(**changes))

    assert (shown.status, shown.location) == (400, "")
    assert "This sign-in cannot begin" in shown.page.text
    assert f"{code} (" in shown.page.text
    assert "form-action 'none'" in shown.headers["Content-Security-Policy"]


@pytest.mark.parametrize("resource", [None, "HTTP://127.0.0.1:{port}/mcp", "{mcp}/"])
async def test_the_resource_may_be_left_out_or_be_written_in_another_way(
    stand: Stand, resource: str | None
) -> None:
    app, port = await stand.node.app(), stand.node.url.rsplit(":", 1)[1]
    named = resource and resource.format(port=port, mcp=stand.node.mcp)

    assert (await stand.person.opens(app.url(resource=named))).status == 200


async def test_a_repeated_parameter_is_refused(stand: Stand) -> None:
    app = await stand.node.app()
    shown = await stand.person.opens(f"{app.url()}&state=other")
    pairs = [("grant_type", "authorization_code"), ("client_id", app.id), ("client_id", app.id)]
    posted = await stand.node.post("/token", pairs)

    assert (shown.status, shown.location) == (400, "")
    assert error(posted) == (400, "invalid_request")


async def test_an_unknown_client_goes_nowhere(stand: Stand) -> None:
    app = await stand.node.app()
    for made_up in ("6987d3cd-9a98-402d-adf1-ee03d873c500", "x", "%00", ""):
        shown = await stand.person.opens(app.url(client_id=made_up))
        assert (shown.status, shown.location) == (400, "")
        form = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": made_up}
        assert error(await stand.node.post("/token", form)) == (401, "invalid_client")


async def test_a_code_is_good_once_and_its_reuse_ends_what_it_led_to(stand: Stand) -> None:
    app = await stand.node.app()
    code = await app.authorized(stand.person, await stand.node.key())
    tokens = (await app.redeem(code)).body
    before = await stand.node.calls(tokens["access_token"])
    again = await app.redeem(code)
    after = await stand.node.calls(tokens["access_token"])
    refreshed = await app.refresh(tokens["refresh_token"])

    assert error(again) == (400, "invalid_grant")
    assert (before.status, after.status) == (200, 401)
    assert error(refreshed) == (400, "invalid_grant")


async def test_a_code_that_is_redeemed_several_times_at_once_ends_what_it_led_to(
    stand: Stand,
) -> None:
    app, grants = await stand.node.app(), stand.node.gateway.oauth.grants
    code = await app.authorized(stand.person, await stand.node.key())
    found = [await grants.find_code(code, app.id) for _ in range(2)]
    first, second = [await grants.redeem(each) for each in found if each is not None]
    child = await stand.node.named("Claude")

    assert first is not None
    assert second is None
    assert child.revoked_at is not None
    assert (await stand.node.calls(first.access)).status == 401


async def test_a_code_that_expires_while_it_is_redeemed_ends_nothing(stand: Stand) -> None:
    app, grants = await stand.node.app(), stand.node.gateway.oauth.grants
    code = await app.authorized(stand.person, await stand.node.key())
    found = await grants.find_code(code, app.id)
    stand.clock.ahead = timedelta(minutes=6)

    assert found is not None
    assert await grants.redeem(found) is None
    assert (await stand.node.named("Claude")).revoked_at is None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"code_verifier": "y" * 43}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_grant"),
        ({"redirect_uri": "https://elsewhere.example/cb"}, "invalid_request"),
        ({"resource": "https://elsewhere.example/mcp"}, "invalid_target"),
        ({"code": f"{TokenKind.CODE.prefix}{'x' * 43}"}, "invalid_grant"),
        ({"code": "x"}, "invalid_grant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
    ],
)
async def test_a_code_wants_all_that_it_was_made_for(
    stand: Stand, changes: dict[str, str], code: str
) -> None:
    app = await stand.node.app()
    made = await app.authorized(stand.person, await stand.node.key())

    assert error(await app.redeem(made, **changes)) == (400, code)


async def test_codes_and_tokens_are_their_clients(stand: Stand) -> None:
    app, other = await stand.node.app(), await stand.node.app()
    code = await app.authorized(stand.person, await stand.node.key())
    stolen = await other.redeem(code, code_verifier=app.verifier)
    tokens = (await app.redeem(code)).body
    refreshed = await other.refresh(tokens["refresh_token"])
    revoked = await other.revoke(tokens["access_token"])

    assert error(stolen) == error(refreshed) == (400, "invalid_grant")
    assert revoked.status == 200
    assert (await stand.node.calls(tokens["access_token"])).status == 200


async def test_a_refresh_token_that_is_used_twice_ends_the_family(stand: Stand) -> None:
    app = await stand.node.app()
    first = await app.signed_in(stand.person, await stand.node.key())
    second = (await app.refresh(first["refresh_token"])).body
    alive = [await stand.node.calls(each["access_token"]) for each in (first, second)]
    again = await app.refresh(first["refresh_token"])
    ended = [await stand.node.calls(each["access_token"]) for each in (first, second)]
    child = await stand.node.named("Claude")
    entry, *_ = await stand.node.gateway.store.audit_trail.page(
        subject=child.id, before=None, limit=5
    )

    assert [each.status for each in alive] == [200, 200]
    assert error(again) == (400, "invalid_grant")
    assert [each.status for each in ended] == [401, 401]
    assert error(await app.refresh(second["refresh_token"])) == (400, "invalid_grant")
    assert child.revoked_at is not None
    assert (entry.action, entry.details) == ("key.revoked", {"reason": "refresh token used twice"})


@pytest.mark.parametrize("method", ["none", "client_secret_post"])
@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_revoking_a_token_ends_the_child_key(stand: Stand, kind: str, method: str) -> None:
    app = await stand.node.app(token_endpoint_auth_method=method)
    tokens = await app.signed_in(stand.person, await stand.node.key())
    revoked = await app.revoke(tokens[kind])

    assert revoked.status == 200
    assert (await stand.node.named("Claude")).revoked_at is not None
    assert (await stand.node.calls(tokens["access_token"])).status == 401
    assert error(await app.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
    assert (await app.revoke(tokens[kind])).status == 200
    assert (await app.revoke("nothing")).status == 200


@pytest.mark.parametrize("ended", ["child", "parent"])
async def test_a_key_that_is_revoked_ends_its_tokens(stand: Stand, ended: str) -> None:
    app = await stand.node.app()
    tokens = await app.signed_in(stand.person, await stand.node.key())
    key = await stand.node.named("Claude" if ended == "child" else "shop")
    await stand.node.gateway.keys.revoke(key.id, datetime.now(UTC))

    assert (await stand.node.calls(tokens["access_token"])).status == 401
    assert error(await app.refresh(tokens["refresh_token"])) == (400, "invalid_grant")


async def test_a_code_whose_parent_was_revoked_leads_to_nothing(stand: Stand) -> None:
    app = await stand.node.app()
    code = await app.authorized(stand.person, await stand.node.key())
    await stand.node.gateway.keys.revoke((await stand.node.named("shop")).id, datetime.now(UTC))

    assert error(await app.redeem(code)) == (400, "invalid_grant")


async def test_everything_expires(stand: Stand) -> None:
    app, key = await stand.node.app(), await stand.node.key()
    code = await app.authorized(stand.person, key)
    tokens = await app.signed_in(stand.person, key)
    page = await stand.person.opens(app.url())
    stand.clock.ahead = timedelta(minutes=16)
    late = await app.redeem(code), await stand.person.sends(page, key=key)
    alive = await stand.node.calls(tokens["access_token"])
    stand.clock.ahead = timedelta(minutes=61)
    expired = await stand.node.calls(tokens["access_token"])
    newer = (await app.refresh(tokens["refresh_token"])).body
    again = await stand.node.calls(newer["access_token"])
    stand.clock.ahead = timedelta(days=31)
    over = await stand.node.calls(newer["access_token"])
    refreshed = await app.refresh(newer["refresh_token"])

    assert error(late[0]) == (400, "invalid_grant")
    assert late[1].status == 400
    assert "has ended" in late[1].page.text
    assert [each.status for each in (alive, expired, again, over)] == [200, 401, 200, 401]
    assert 'error="invalid_token"' in expired.headers["WWW-Authenticate"]
    assert error(refreshed) == (400, "invalid_grant")


async def test_tokens_are_good_on_mcp_only(stand: Stand) -> None:
    app = await stand.node.app()
    tokens = await app.signed_in(stand.person, await stand.node.key())
    token = tokens["access_token"]
    statuses = set[int]()
    for path in ("/v1/balance", "/v1/rentals", "/api/v1/balance", "/v1/events/stream"):
        for headers in ({"Authorization": f"Bearer {token}"}, {"X-API-Key": token}):
            async with stand.node.session.get(stand.node.url + path, headers=headers) as answer:
                statuses.add(answer.status)
    refresh = await stand.node.calls(tokens["refresh_token"])

    assert statuses == {401, 403}  # Getatext's own clients know 403 alone
    assert refresh.status == 401


async def test_a_token_for_another_address_of_the_gateway_is_refused(stand: Stand) -> None:
    app = await stand.node.app()
    tokens = await app.signed_in(stand.person, await stand.node.key())
    other = replace(stand.node, url=stand.node.url.replace("127.0.0.1", "localhost"))

    assert (await other.calls(tokens["access_token"])).status == 401
    assert (await stand.node.calls(tokens["access_token"])).status == 200


async def consent(stand: Stand, key: str, **given: str) -> Shown:
    app = await stand.node.app()
    return await stand.person.sends(await stand.person.opens(app.url()), key=key, **given)


async def test_wrong_keys_get_one_answer(stand: Stand) -> None:
    revoked = await stand.node.key("revoked")
    key = await stand.node.named("revoked")
    await stand.node.gateway.keys.revoke(key.id, datetime.now(UTC))
    expired = await stand.node.key("old", expires_at=datetime.now(UTC) - timedelta(days=1))
    app = await stand.node.app()
    token = (await app.signed_in(stand.person, await stand.node.key()))["access_token"]
    answers = [
        await consent(stand, each)
        for each in (revoked, expired, token, "gtw_x", "gtw_test_made_up")
    ]

    assert {each.status for each in answers} == {403}
    assert all(WRONG_KEY in each.page.text for each in answers)
    assert {each.page.fields["key"] for each in answers} == {""}


@pytest.mark.parametrize("key", [DEMO_KEY, "sk_whatever", ""])
async def test_a_key_of_getatext_is_refused_with_a_sentence(stand: Stand, key: str) -> None:
    answer = await consent(stand, key)

    assert answer.status == 403
    assert "A key of Getatext's is never taken here." in answer.page.text
    assert [each.name for each in await stand.node.gateway.keys.all()] == []


async def test_a_suspended_key_allows_nothing_new(stand: Stand) -> None:
    answer = await consent(stand, await stand.node.key(suspended=True))
    entries = await stand.node.gateway.store.audit_trail.page(subject=None, before=None, limit=5)

    assert answer.status == 403
    assert "suspended" in answer.page.text
    assert entries == []


async def test_a_key_allows_only_so_many_apps_at_a_time(stand: Stand) -> None:
    app, key = await stand.node.app(), await stand.node.key()
    for _ in range(20):
        await app.authorized(stand.person, key)
    refused = await consent(stand, key)
    await stand.node.gateway.keys.revoke((await stand.node.named("Claude-7")).id, datetime.now(UTC))
    allowed = await consent(stand, key)

    assert refused.status == 403
    assert "keys revoke" in refused.page.text
    assert allowed.status == 303


async def test_a_sign_in_is_allowed_once(stand: Stand) -> None:
    app, key = await stand.node.app(), await stand.node.key()
    shown = await stand.person.opens(app.url())
    first = await stand.person.sends(shown, key=key)
    second = await stand.person.sends(shown, key=key)

    assert (first.status, second.status) == (303, 403)
    assert "was allowed before" in second.page.text
    assert {each.name for each in await stand.node.gateway.keys.all()} == {"shop", "Claude"}


async def test_what_the_gateway_lacks_is_told_on_the_page() -> None:
    async with signing_in(getatext_api_key=None) as stand:
        answer = await consent(stand, await stand.node.key())

    assert answer.status == 502
    assert "no key of its own" in answer.page.text
    assert answer.page.fields["max_price"] == "1.00"


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_ledger_that_is_away_is_told_on_the_page(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    shown = await stand.person.opens((await stand.node.app()).url())

    async def away(_: str) -> None:
        raise LedgerUnavailable

    monkeypatch.setattr(stand.node.gateway.oauth.clients, "find", away)
    answer = await (
        stand.person.opens(shown.url) if method == "GET" else stand.person.sends(shown, key="gtw_x")
    )

    assert answer.status == LedgerUnavailable.http_status
    assert answer.headers["Content-Type"].startswith("text/html")
    assert LedgerUnavailable.happened in answer.page.text


async def test_a_second_page_does_not_end_the_first(stand: Stand) -> None:
    key, app = await stand.node.key(), await stand.node.app()
    shown = await stand.person.opens(app.url())
    # By a link from another site: no cookie goes with it.
    async with (
        ClientSession(cookie_jar=DummyCookieJar()) as beside,
        beside.get(app.url(state="other")) as second,
    ):
        stand.person.session.cookie_jar.update_cookies(second.cookies, second.url)
    answer = await stand.person.sends(shown, key=key)

    assert answer.status == 303


async def test_a_child_that_was_given_a_secret_is_no_parent(stand: Stand) -> None:
    await (await stand.node.app()).signed_in(stand.person, await stand.node.key())
    child, secret = await stand.node.named("Claude"), "gtw_secret_of_the_child"
    hashed = stand.node.gateway.hasher.name(secret)
    await stand.node.gateway.keys.change(
        child.id, lambda key: replace(key, hashed=hashed), datetime.now(UTC)
    )
    answer = await consent(stand, secret)

    assert answer.status == 403
    assert "the key that it was made with" in answer.page.text


async def test_the_children_of_a_key_that_reads_read(stand: Stand) -> None:
    await (await stand.node.app()).signed_in(stand.person, await stand.node.key(read_only=True))

    assert (await stand.node.named("Claude")).limits.read_only


@pytest.mark.parametrize(
    ("limits", "asked", "fitting"),
    [
        ({"max_price": Decimal("0.60")}, {}, {"max_price": "0.60"}),
        ({"max_price": Decimal("0.605")}, {"max_price": "0.61"}, {"max_price": "0.60"}),
        ({"budget_day": Decimal(2)}, {"budget_day": "2.01"}, {"budget_day": "2.00"}),
        ({"max_per_day": 3}, {"max_per_day": "4"}, {"max_per_day": "3"}),
    ],
)
async def test_limits_above_the_parents_are_shown_again_as_they_can_be(
    stand: Stand, limits: dict[str, Any], asked: dict[str, str], fitting: dict[str, str]
) -> None:
    key, app = await stand.node.key(**limits), await stand.node.app()
    answer = await stand.person.sends(await stand.person.opens(app.url()), key=key, **asked)
    names = [each.name for each in await stand.node.gateway.keys.all()]
    allowed = await stand.person.sends(answer, key=key)

    assert answer.status == 400
    assert "Your key itself has lower limits" in answer.page.text
    assert answer.page.fields.items() >= fitting.items()
    assert answer.page.fields["key"] == ""
    assert names == ["shop"]
    assert allowed.status == 303


async def test_a_person_lowers_the_limits_and_a_child_ends_with_its_parent(stand: Stand) -> None:
    ends = datetime.now(UTC) + timedelta(days=2)
    app, key = await stand.node.app(), await stand.node.key(expires_at=ends, long_rentals=True)
    lower = {"max_price": "0.25", "budget_day": "0.75", "max_per_day": "2", "days": "7"}
    await app.signed_in(stand.person, key, **lower)
    limits = (await stand.node.named("Claude")).limits

    assert (limits.max_price, limits.budget_day) == (Decimal("0.25"), Decimal("0.75"))
    assert (limits.max_per_day, limits.long_rentals) == (2, False)
    assert limits.expires_at == ends


@pytest.mark.parametrize(
    "given",
    [
        {"max_price": "-1"},
        {"max_price": "NaN"},
        {"max_price": "1e9"},
        {"max_price": ""},
        {"budget_day": "0.001"},
        {"max_per_day": "0"},
        {"max_per_day": "1.5"},
        {"days": "0"},
        {"days": "366"},
        {"days": "<script>"},
        {"decision": "perhaps"},
    ],
)
async def test_limits_that_are_none_are_refused(stand: Stand, given: dict[str, str]) -> None:
    key, app = await stand.node.key(), await stand.node.app()
    shown = await stand.person.opens(app.url())
    answer = await stand.person.sends(shown, key=key, **given)

    assert answer.status == 400
    assert "<script>" not in answer.body
    assert [each.name for each in await stand.node.gateway.keys.all()] == ["shop"]


async def test_a_form_of_another_browser_site_or_sign_in_is_refused(stand: Stand) -> None:
    key, app = await stand.node.key(), await stand.node.app()
    other, shown = await stand.somebody(), await stand.person.opens(app.url())
    await other.opens(app.url())
    again = await stand.person.opens(app.url(state="other"))
    mixed = {**shown.page.fields, "request": again.page.fields["request"]}
    forms = [
        await other.sends(shown, key=key),
        await stand.person.sends(shown, key=key, form=""),
        await stand.person.sends(shown, key=key, request=mixed["request"]),
        await stand.person.sends(shown, key=key, request=tampered(shown)),
    ]
    for origin in ("https://evil.example", "null"):
        answer = await stand.person.session.post(
            f"{stand.node.url}/consent",
            data={**shown.page.fields, "key": key, "decision": "allow"},
            headers={"Origin": origin},
            allow_redirects=False,
        )
        assert answer.status == 400

    assert {each.status for each in forms} == {400}
    assert [each.name for each in await stand.node.gateway.keys.all()] == ["shop"]


def tampered(shown: Shown) -> str:
    packed, _, seal = shown.page.fields["request"].partition(".")
    changed = base64.urlsafe_b64decode(packed).replace(b"claude.ai", b"evil.ai.x")
    return f"{base64.urlsafe_b64encode(changed).decode()}.{seal}"


@pytest.mark.parametrize("request_", ["", "x", "x.y", "é.é", "%00", "." * 5000])
async def test_an_address_that_is_no_sign_in_shows_that(stand: Stand, request_: str) -> None:
    shown = await stand.person.opens(f"{stand.node.url}/consent?request={request_}")

    assert shown.status == 400
    assert "has ended" in shown.page.text


async def test_an_address_tries_few_wrong_keys_a_minute(stand: Stand) -> None:
    key, app = await stand.node.key(), await stand.node.app()
    shown = await stand.person.opens(app.url())
    tried = await twelve_at_once(stand, shown)
    right = await stand.person.sends(shown, key=key)
    stand.clock.ahead = timedelta(seconds=61)
    later = await stand.person.sends(shown, key=key)

    assert sorted(each.status for each in tried) == [403] * 10 + [429] * 2
    assert (right.status, later.status) == (429, 303)
    assert 1 <= int(right.headers["Retry-After"]) <= 60


async def twelve_at_once(stand: Stand, shown: Shown) -> list[Shown]:
    """The answers to wrong keys, none of which is looked up before all have come."""
    allow, all_came, came = stand.node.gateway.oauth.consent.allow, asyncio.Event(), list[None]()

    def one_more() -> None:
        came.append(None)
        if len(came) == 12:
            all_came.set()

    async def held(*given: Any) -> str:
        one_more()
        await all_came.wait()
        return await allow(*given)

    async def sent() -> Shown:
        answer = await stand.person.sends(shown, key="gtw_x")
        if answer.status == 429:
            one_more()
        return answer

    with patch.object(stand.node.gateway.oauth.consent, "allow", held):
        return await asyncio.gather(*(sent() for _ in range(12)))


async def test_right_keys_are_not_counted(stand: Stand) -> None:
    app, key = await stand.node.app(), await stand.node.key()
    for _ in range(12):
        await app.authorized(stand.person, key)
    suspended = [await consent(stand, await stand.node.key("off", suspended=True))]
    again = await stand.person.opens(app.url())
    suspended += [await stand.person.sends(again, key=key, max_price="2000") for _ in range(12)]

    assert 429 not in {each.status for each in suspended}


async def test_registrations_beyond_the_cap_are_refused_and_push_out_nobody(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "MOST_WITHOUT_TOKEN", 2)
    key, first = await stand.node.key(), await stand.node.app()
    shown = await stand.person.opens(first.url())
    done = [await stand.node.registers() for _ in range(2)]
    allowed = await stand.person.sends(shown, key=key)

    assert [each.status for each in done] == [201, 503]
    assert int(done[1].headers["Retry-After"]) > 0
    assert allowed.status == 303


async def test_of_grant_types_the_known_ones_are_registered(stand: Stand) -> None:
    asked = ["refresh_token", *(f"made-up-{n}" for n in range(1000)), "authorization_code"]
    done = await stand.node.registers(grant_types=asked)
    stored = await stand.node.gateway.oauth.clients.find(done.body["client_id"])

    assert done.body["grant_types"] == ["authorization_code", "refresh_token"]
    assert stored is not None
    assert stored.grant_types == ("authorization_code", "refresh_token")


async def test_an_address_registers_only_so_many(stand: Stand) -> None:
    done = [(await stand.node.registers()).status for _ in range(101)]

    assert done == [201] * 100 + [429]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"redirect_uris": []}',
        b'{"redirect_uris": "https://a.example/"}',
        b'{"redirect_uris": ["https://a.example/"], "redirect_uris": ["https://b.example/"]}',
        b'{"redirect_uris": ["https://a.example/"], "grant_types": ["implicit"]}',
        b'{"redirect_uris": ["https://a.example/"], "response_types": ["token"]}',
        b'{"redirect_uris": ["https://a.example/"], "token_endpoint_auth_method": "tls"}',
        b'{"redirect_uris": ["https://a.example/"], "client_name": 7}',
        b'{"redirect_uris": ["https://a.example/"], "client_name": "\\ud800"}',
        b"\xff\xfe",
        b"[" * 5000,
        b'{"redirect_uris": ["https://a.example/"], "client_name": "' + b"x" * 70_000 + b'"}',
    ],
)
async def test_what_is_no_registration_is_refused(stand: Stand, body: bytes) -> None:
    async with stand.node.session.post(f"{stand.node.url}/register", data=body) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"].startswith("invalid_")


@pytest.mark.parametrize("path", ["/token", "/revoke"])
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "application/x-www-form-urlencoded"),
        (b"%00=%ff&&==", "application/x-www-form-urlencoded"),
        (b"client_id=%ff%00", "application/x-www-form-urlencoded"),
        (b"a=1&" * 1000, "application/x-www-form-urlencoded"),
        (b"{}", "application/json"),
        (b"--x--", "multipart/form-data; boundary=x"),
        (b"x=" + b"y" * 300_000, "application/x-www-form-urlencoded"),
    ],
)
async def test_what_is_no_form_is_refused(stand: Stand, path: str, body: bytes, kind: str) -> None:
    url, headers = stand.node.url + path, {"Content-Type": kind}
    async with stand.node.session.post(url, data=body, headers=headers) as answer:
        assert answer.status in {400, 401}
        assert (await answer.json())["error"] in {
            "invalid_request",
            "invalid_client",
            "unauthorized_client",
        }


@pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic"])
async def test_a_client_with_a_secret_must_send_it(stand: Stand, method: str) -> None:
    app = await stand.node.app(token_endpoint_auth_method=method)
    code = await app.authorized(stand.person, await stand.node.key())
    secret = app.registered.pop("client_secret")
    without = await app.redeem(code)
    wrong = await app.redeem(code, client_secret="x")
    pair = base64.b64encode(f"{app.id}:{secret}".encode()).decode()
    basic = method == "client_secret_basic"
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": app.verifier,
        **({} if basic else {"client_id": app.id, "client_secret": secret}),
    }
    right = await stand.node.post(
        "/token", form, **({"Authorization": f"Basic {pair}"} if basic else {})
    )

    assert error(without) == error(wrong) == (401, "invalid_client")
    assert right.status == 200


@pytest.mark.parametrize("path", ["/token", "/revoke", "/register"])
async def test_endpoints_of_programs_take_posts(stand: Stand, path: str) -> None:
    async with stand.node.session.get(stand.node.url + path) as answer:
        assert answer.status == 405


async def test_a_key_that_nobody_comes_for_ends_and_a_client_without_a_token_is_forgotten(
    stand: Stand,
) -> None:
    idle, app, key = await stand.node.app(), await stand.node.app(), await stand.node.key()
    await idle.authorized(stand.person, key)
    tokens = await app.signed_in(stand.person, key)
    stand.clock.ahead = timedelta(minutes=6)
    await stand.node.gateway.oauth.grants.purge()
    unused, used = await stand.node.named("Claude"), await stand.node.named("Claude-2")
    before = await stand.person.opens(idle.url())
    stand.clock.ahead = timedelta(hours=25)
    await stand.node.gateway.oauth.grants.purge()
    after = await stand.person.opens(idle.url())

    assert (unused.revoked_at is None, used.revoked_at is None) == (False, True)
    assert (before.status, after.status) == (200, 400)
    assert (await app.refresh(tokens["refresh_token"])).status == 200
