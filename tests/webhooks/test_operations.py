"""What keys may do with webhooks, and what nobody may."""

import logging
from typing import Any

import pytest

from gateway.core.model.events import EventType
from tests.support.gateway import Client, open_client
from tests.support.money import rent
from tests.support.program import node
from tests.webhooks.support import LOOPBACK, at_rest, deliveries, post_office

SIX: list[tuple[str, str, Any]] = [
    ("POST", "/v1/webhooks", {"url": "https://example.com/", "events": ["rental.created"]}),
    ("GET", "/v1/webhooks", None),
    ("DELETE", "/v1/webhooks/{id}", None),
    ("POST", "/v1/webhooks/{id}/test", None),
    ("GET", "/v1/webhooks/{id}/deliveries", None),
    ("POST", "/v1/webhooks/{id}/redeliver", {"since": "2026-01-01"}),
]
NONE = f"wh_{'0' * 24}"


async def ask(client: Client, method: str, path: str, body: Any, webhook_id: str) -> Any:
    more = {} if body is None else {"json": body}
    return await client.ask(method, path.format(id=webhook_id), **more)


@pytest.fixture
def url(tmp_path: Any) -> str:
    return f"sqlite:///{tmp_path / 'data' / 'gateway.db'}"


async def test_a_key_of_the_providers_has_none(url: str) -> None:
    async with post_office(url) as post:
        for method, path, body in SIX:
            answer = await ask(post.bank.client, method, path, body, NONE)
            assert (answer.status, answer.json["code"]) == (403, "gateway_key_required"), path


async def test_a_read_only_key_may_only_look(url: str) -> None:
    async with post_office(url) as post:
        admin = await post.bank.with_key(admin=True, read_only=True)
        webhook = await post.create(await post.bank.with_key())
        for method, path, body in SIX:
            answer = await ask(admin, method, path, body, webhook["id"])
            assert answer.status == (200 if method == "GET" else 403), path


async def test_what_is_of_another_key_is_not_found_but_by_an_admin(url: str) -> None:
    async with post_office(url) as post:
        webhook = await post.create(await post.bank.with_key())
        other, admin = await post.bank.with_key(), await post.bank.with_key(admin=True)
        assert (await other.get("/v1/webhooks")).json["data"] == []
        for method, path, body in SIX[2:]:
            for who, webhook_id in ((other, webhook["id"]), (admin, NONE)):
                answer = await ask(who, method, path, body, webhook_id)
                assert (answer.status, answer.json["code"]) == (404, "not_found"), path

        assert [each["id"] for each in (await admin.get("/v1/webhooks")).json["data"]] == [
            webhook["id"]
        ]
        for method, path, body in (*SIX[3:], SIX[2]):
            assert (await ask(admin, method, path, body, webhook["id"])).status == 200


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"url": "http://example.com/"}, "url: must be"),
        ({"url": "ftp://example.com/"}, "url: must be an https address"),
        ({"url": "https://"}, "url: must be an https address"),
        ({"url": "https://me:secret@example.com/"}, "url: must have no user name"),
        ({"url": "https://example.com/#part"}, "url: must have no part behind a #"),
        ({"url": "https://10.0.0.1/"}, "url: is at an address"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, "url: is at an address"),
        ({"url": f"https://example.com/{'x' * 2000}"}, "url: "),
        ({"url": ""}, "url: is required"),
        ({"events": []}, "events: must be event types"),
        ({"events": ["rental.codes"]}, "events: must be event types"),
        ({"events": "webhook.test"}, "events: must be event types"),
        ({"events": 7}, "events: must be"),
        ({"format": "xml"}, "format: "),
        ({"format": "sms_activate"}, "format: sms_activate tells of"),
        ({"description": "x" * 201}, "description: "),
        ({"secret": "whsec_x"}, "secret: is not an input"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_cannot_be_is_refused_with_what_to_change(
    url: str, given: dict[str, Any], told: str
) -> None:
    async with post_office(url, gateway_webhook_allowed_networks=["192.168.7.0/24"]) as post:
        client = await post.bank.with_key()
        usual = {"url": "https://example.com/", "events": ["rental.created", "rental.ended"]}
        if given.get("url") == "http://example.com/":  # a name may be in an allowed network
            assert (await client.post("/v1/webhooks", usual | given)).status == 201
            return

        answer = await client.post("/v1/webhooks", usual | given)

        assert answer.status == 400, answer.body
        assert answer.json["detail"].startswith(told)
        assert "secret@" not in answer.json["detail"]


async def test_plain_http_is_for_allowed_networks_alone(url: str) -> None:
    async with post_office(url, gateway_webhook_allowed_networks=[]) as post:
        client = await post.bank.with_key()
        answer = await client.post(
            "/v1/webhooks", {"url": "http://example.com/", "events": ["rental.created"]}
        )
        assert answer.json["detail"].startswith("url: must be an https address")


async def test_events_as_a_list_or_as_text_in_any_order_are_the_same(url: str) -> None:
    async with post_office(url) as post:
        client = await post.bank.with_key()
        first = await post.create(client, events=["rental.ended", "rental.created"])
        again = await post.create(client, events="rental.created, Rental.Ended,")

        assert first["id"] == again["id"]
        assert first["events"] == ["rental.created", "rental.ended"]
        assert (first["secret"] is None, again["secret"]) == (False, None)
        every = await post.create(client, "/all", events=list(EventType))
        assert every["events"] == [type.value for type in EventType]


async def test_twenty_for_a_key(url: str) -> None:
    async with post_office(url) as post:
        client = await post.bank.with_key()
        for number in range(20):
            await post.create(client, f"/{number}")

        refused = await client.post(
            "/v1/webhooks", {"url": f"{post.receiver.url}/20", "events": ["rental.created"]}
        )

        assert (refused.status, refused.json["code"]) == (403, "forbidden")
        assert "20 webhooks" in refused.json["detail"]
        await post.create(client, "/7")
        await post.create(await post.bank.with_key(), "/20")


async def test_the_location_deletes_without_a_key_and_does_nothing_else(url: str) -> None:
    async with post_office(url) as post:
        client = await post.bank.with_key()
        body = {"url": f"{post.receiver.url}/hook", "events": ["rental.created"]}
        answer = await client.post("/v1/webhooks", body)
        location, webhook = answer.headers["Location"], answer.json
        other = await post.create(client, "/other")
        assert location.startswith(f"{client.url}/v1/webhooks/{webhook['id']}?token=")
        query = location.partition("?")[2]

        async def keyless(method: str, path: str) -> int:
            answer = await client.ask(method, path, key=None)
            return answer.status

        mine, others = f"/v1/webhooks/{webhook['id']}", f"/v1/webhooks/{other['id']}"
        for method, path in (
            ("GET", f"/v1/webhooks?{query}"),
            ("GET", f"{mine}/deliveries?{query}"),
            ("POST", f"{mine}/test?{query}"),
            ("DELETE", others + "?" + query),
            ("DELETE", mine),
            ("DELETE", f"{mine}?token="),
            ("DELETE", f"{mine}?{query}x"),
            ("DELETE", f"/v1/webhooks/{NONE}?{query}"),
            ("DELETE", f"/v1/balance?{query}"),
        ):
            assert await keyless(method, path) == 401, (method, path)

        assert await keyless("DELETE", f"{mine}?{query}") == 200
        assert await keyless("DELETE", f"{mine}?{query}") == 401
        assert [each["id"] for each in (await client.get("/v1/webhooks")).json["data"]] == [
            other["id"]
        ]


async def test_the_location_is_where_callers_reach_the_gateway(url: str) -> None:
    async with post_office(url, gateway_public_url="https://sms.example/numbers/") as post:
        client = await post.bank.with_key()
        body = {"url": f"{post.receiver.url}/hook", "events": ["rental.created"]}
        answer = await client.post("/v1/webhooks", body)
        assert answer.headers["Location"].startswith("https://sms.example/numbers/v1/webhooks/wh_")


async def test_a_revoked_keys_token_opens_nothing(url: str) -> None:
    async with post_office(url) as post:
        gateway, client = post.bank.running.gateway, await post.bank.with_key()
        body = {"url": f"{post.receiver.url}/hook", "events": ["rental.created"]}
        location = (await client.post("/v1/webhooks", body)).headers["Location"]
        [key] = await gateway.keys.all()
        await gateway.keys.revoke(key.id, gateway.core.services.clock.now())

        answer = await client.ask("DELETE", location.removeprefix(client.url), key=None)

        assert answer.status == 401


async def test_one_is_sent_again_by_its_event_or_since_a_time(url: str) -> None:
    async with post_office(url) as post:
        client = await post.bank.with_key()
        webhook = await post.create(client, events=["rental.created"])
        await rent(client)
        [first] = await post.receiver.has(1)
        await at_rest(client, webhook, 1)
        path = f"/v1/webhooks/{webhook['id']}/redeliver"

        assert (await client.post(path, {"since": "2020-01-01"})).json == {"queued": 0}
        assert (await client.post(path, {"event_id": first.id})).json == {"queued": 1}
        again = await post.receiver.has(2)
        assert [one.id for one in again] == [first.id, first.id]
        for given in ({}, {"event_id": first.id, "since": "2020-01-01"}):
            assert (await client.post(path, given)).status == 400
        assert (await client.post(path, {"event_id": "evt_999"})).status == 404


async def test_deliveries_by_pages_and_states(url: str) -> None:
    async with post_office(url) as post:
        client = await post.bank.with_key()
        webhook = await post.create(client, events=["rental.created"])
        for _ in range(3):
            await rent(client)
        rows = await at_rest(client, webhook, 3)
        path = f"/v1/webhooks/{webhook['id']}/deliveries"

        first = (await client.get(path, limit="2")).json
        second = (await client.get(path, limit="2", cursor=first["next_cursor"])).json

        assert [*first["data"], *second["data"]] == rows
        assert second["next_cursor"] is None
        assert await deliveries(client, webhook, state="failed") == []
        assert await deliveries(client, webhook, state="delivered") == rows
        assert (await client.get(path, state="sent")).status == 400


async def test_nothing_secret_is_logged_or_stored(
    url: str, tmp_path: Any, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    async with post_office(url, gateway_access_log=True, gateway_log_level="debug") as post:
        client = await post.bank.with_key()
        body = {"url": f"{post.receiver.url}/hook?auth=query-of-url", "events": ["rental.created"]}
        created = await client.post("/v1/webhooks", body)
        secret, location = created.json["secret"], created.headers["Location"]
        post.receiver.status = 500
        await rent(client)
        await at_rest(client, created.json, 1)
        await client.ask("DELETE", location.removeprefix(client.url) + "x", key=None)
        await client.ask("DELETE", location.removeprefix(client.url), key=None)
        metrics = post.bank.running.gateway.metrics.render().decode()
    written = "".join(capfd.readouterr()) + caplog.text + metrics
    stored = b"".join(
        path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()
    )

    for hidden in (secret, secret.removeprefix("whsec_"), location.partition("token=")[2]):
        assert hidden not in written
        assert hidden.encode() not in stored
    assert "query-of-url" not in written


async def test_a_node_of_its_own_process_delivers_too(url: str) -> None:
    async with post_office(url) as post:
        terms: dict[str, Any] = {
            "gateway_database_url": url,
            "gateway_secret": "the same secret for all of the nodes",
            "getatext_api_key": "sk_the_servers_own",
            "gateway_webhook_allowed_networks": LOOPBACK,
        }
        key = await post.bank.key()
        mine = post.bank.holder(key)
        await post.create(mine, events=["rental.created"])
        async with node(post.bank.sim.url, **terms) as other, open_client(other.url, key) as theirs:
            await rent(theirs)
            await post.receiver.has(1)
