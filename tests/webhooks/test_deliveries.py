"""Events reach the webhooks of the keys that may see them, signed, and again until received."""

import asyncio
import json
import re
from collections import Counter
from dataclasses import replace
from typing import Any

from aiohttp import web

from adapters.simulator import NEVER, Fault, FaultKind, Simulator
from gateway.core.model.codes import Code
from gateway.wiring import Gateway
from tests.support.gateway import Client
from tests.support.money import RENT, open_bank, rent
from tests.support.waiting import until
from tests.webhooks.support import (
    CODES,
    LOOPBACK,
    Delivered,
    Post,
    at_rest,
    deliveries,
    post_office,
    receiving,
    verified,
)


async def code_of(client: Client, rental: int) -> str:
    answer = await client.get(f"/v1/rentals/{rental}/code", wait_seconds="20")
    return Code.model_validate(answer.json).code or ""


async def test_what_happens_to_a_rental_comes_signed_as_the_list_tells_it(store_url: str) -> None:
    async with post_office(store_url) as post:
        client = await post.bank.with_key()
        webhook = await post.create(client)

        rental = (await rent(client)).json["id"]
        await code_of(client, rental)
        await client.post(f"/v1/rentals/{rental}/complete")

        got = await post.receiver.has(3)
        listed = {row["id"]: row for row in (await client.get("/v1/events")).json["data"]}
        assert {one.id for one in got} == set(listed)
        for one in got:
            assert verified(webhook["secret"], one) == listed[one.id] == one.event
            assert one.headers["content-type"] == "application/json"
            assert re.fullmatch(r"getatext-gateway/\S+", one.headers["user-agent"])
        rows = await at_rest(client, webhook, 3)
        assert [row["event_id"] for row in rows] == list(listed)
        assert {(row["state"], row["tries"], row["answer"]) for row in rows} == {
            ("delivered", 1, "thanks")
        }


async def test_a_key_hears_of_its_own_and_an_admin_of_all(store_url: str) -> None:
    async with post_office(store_url) as post:
        one, other = await post.bank.with_key(), await post.bank.with_key()
        admin = await post.bank.with_key(admin=True)
        for client, path in ((one, "/one"), (other, "/other"), (admin, "/admin")):
            await post.create(client, path, events=["rental.created"])

        first = (await rent(one)).json["id"]
        second = (await rent(other)).json["id"]
        await post.receiver.has(2, "/admin")
        await post.receiver.has(1, "/one")
        await post.receiver.has(1, "/other")

        def ids(path: str) -> list[int]:
            return sorted(each.event["data"]["id"] for each in post.receiver.at(path))

        assert ids("/one") == [first]
        assert ids("/other") == [second]
        assert ids("/admin") == sorted([first, second])


async def test_only_the_types_and_the_service_asked_for(store_url: str) -> None:
    async with post_office(store_url) as post:
        client = await post.bank.with_key()
        await post.create(client, "/telegram", events=["rental.created"], service_code="telegram")
        await post.create(client, "/ends", events=["rental.ended"])

        whatsapp = (await rent(client)).json["id"]
        telegram = (await rent(client, service_code="telegram")).json["id"]
        await code_of(client, whatsapp)
        await client.post(f"/v1/rentals/{whatsapp}/complete")
        [created] = await post.receiver.has(1, "/telegram")
        [ended] = await post.receiver.has(1, "/ends")

        assert created.event["data"]["id"] == telegram
        assert (ended.event["type"], ended.event["data"]["id"]) == ("rental.ended", whatsapp)
        assert len(post.receiver.got) == 2


async def test_what_fails_is_tried_again_under_the_same_id_with_a_time_of_its_own(
    store_url: str,
) -> None:
    async with post_office(store_url) as post:
        client = await post.bank.with_key()
        webhook = await post.create(client, events=["rental.created"])
        post.receiver.status = 500
        await rent(client)
        [row] = await at_rest(client, webhook, 1)
        assert (row["state"], row["tries"], row["status"]) == ("pending", 1, 500)
        assert row["next_try_at"] is not None

        post.receiver.status = 204
        first, second = await post.receiver.has(2)  # after some five seconds

        assert first.id == second.id
        assert first.body == second.body
        assert first.headers["webhook-signature"] != second.headers["webhook-signature"]
        verified(webhook["secret"], second)
        await until(lambda: _state(client, webhook, "delivered"))


async def _state(client: Client, webhook: dict[str, Any], state: str) -> bool:
    [row] = await deliveries(client, webhook)
    return bool(row["state"] == state)


async def test_one_that_answers_410_is_disabled_and_told(store_url: str) -> None:
    async with post_office(store_url) as post:
        client = await post.bank.with_key()
        webhook = await post.create(client, "/gone", events=["rental.created"])
        await post.create(client, "/other", events=["webhook.disabled"])
        post.receiver.answer = _gone

        await rent(client)
        [told] = await post.receiver.has(1, "/other")
        await rent(client)

        assert told.event["details"]["webhook_id"] == webhook["id"]
        assert told.event["details"]["reason"] == "gone"
        listed = (await client.get("/v1/webhooks")).json["data"]
        assert [(each["status"], each["disabled_reason"]) for each in listed] == [
            ("disabled", "gone"),
            ("enabled", None),
        ]
        assert len(post.receiver.at("/gone")) == 1
        counted = post.bank.running.gateway.metrics.render().decode()
        assert 'getatext_gateway_alarms_total{type="webhook.disabled"} 1.0' in counted
        assert 'getatext_gateway_webhook_tries_total{state="failed"} 1.0' in counted

        post.receiver.answer = None
        again = await post.create(client, "/gone", events=["rental.created"])
        assert (again["id"], again["secret"], again["status"]) == (webhook["id"], None, "enabled")
        assert (await _since(client, webhook, "2020-01-01"))["queued"] == 2
        got = await post.receiver.has(3, "/gone")
        again_ids = {one.id for one in got[1:]}  # in any order: up to four are sent at once
        assert len(again_ids) == 2
        assert got[0].id in again_ids


async def _gone(one: Delivered) -> web.Response:
    return web.Response(status=410 if one.path == "/gone" else 200)


async def _since(client: Client, webhook: dict[str, Any], since: str) -> Any:
    answer = await client.post(f"/v1/webhooks/{webhook['id']}/redeliver", {"since": since})
    assert answer.status == 200, answer.body
    return answer.json


async def test_a_slow_one_delays_no_other_and_has_four_at_once(store_url: str) -> None:
    async with post_office(store_url) as post:
        client = await post.bank.with_key()
        await post.create(client, "/slow", events=["rental.created"])
        await post.create(client, "/quick", events=["rental.created"])
        release = asyncio.Event()

        async def answer(one: Delivered) -> web.Response:
            if one.path == "/slow":
                await release.wait()
            return web.Response()

        post.receiver.answer = answer
        for _ in range(6):
            assert (await rent(client)).status == 201

        await post.receiver.has(6, "/quick")
        await post.receiver.has(4, "/slow")
        assert len(post.receiver.at("/slow")) == 4
        release.set()
        await post.receiver.has(6, "/slow")
        assert len({one.id for one in post.receiver.at("/slow")}) == 6


async def test_codes_in_the_form_that_tools_of_sms_activate_expect(store_url: str) -> None:
    async with post_office(store_url, getatext_timezone="UTC") as post:
        client = await post.bank.with_key()
        webhook = await post.create(client, events=["rental.code_received"], format="sms_activate")

        rental = (await rent(client)).json["id"]
        [one] = await post.receiver.has(1)

        told = (await client.get(f"/v1/rentals/{rental}")).json
        moment = told["code_received_at"][:19].replace("T", " ")
        assert one.body.decode() == (
            f'{{"activationId": {rental}, "messageId": {one.id.removeprefix("evt_")}, '
            f'"service": "wa", "text": "{told["code"]}", "code": "{told["code"]}", '
            f'"country": 187, "receivedAt": "{moment}"}}'
        )
        verified(webhook["secret"], one)


async def test_what_was_on_its_way_when_the_gateway_ended_comes_again(store_url: str) -> None:
    async with receiving() as receiver, Simulator(CODES).running() as sim:
        receiver.answer = _never
        async with open_bank(store_url, sim, gateway_webhook_allowed_networks=LOOPBACK) as bank:
            key = await bank.key()
            client, post = bank.holder(key), Post(bank, receiver)
            webhook = await post.create(client, events=["rental.created"])
            for _ in range(6):  # of which four are on their way
                assert (await rent(client)).status == 201
            await receiver.has(4)
        under_way = {one.id for one in receiver.got}
        receiver.answer = None

        async with open_bank(store_url, sim, gateway_webhook_allowed_networks=LOOPBACK) as bank:
            rows = await at_rest(bank.holder(key), webhook, 6)

        assert {row["state"] for row in rows} == {"delivered"}
        assert {row["event_id"] for row in rows} == {one.id for one in receiver.got}
        times = Counter(one.id for one in receiver.got)
        assert all(times[each] > 1 for each in under_way)


async def _never(one: Delivered) -> web.Response:
    await asyncio.Event().wait()
    return web.Response()


async def test_a_webhook_ends_with_its_key(store_url: str) -> None:
    async with post_office(store_url) as post:
        gateway, client = post.bank.running.gateway, await post.bank.with_key()
        admin = await post.bank.with_key(admin=True)
        webhook = await post.create(client, events=["rental.created", "rental.ended"])
        await post.create(admin, "/admin", events=["rental.created", "rental.ended"])
        rental = (await rent(client)).json["id"]
        await post.receiver.has(1, "/hook")
        [key] = [each for each in await gateway.keys.all() if not each.limits.admin]

        await gateway.keys.revoke(key.id, gateway.core.services.clock.now())
        await code_of(admin, rental)
        await admin.post(f"/v1/rentals/{rental}/complete")

        await post.receiver.has(2, "/admin")
        await until(lambda: _is_gone(gateway, webhook["id"]))
        assert len(post.receiver.at("/hook")) == 1


async def _is_gone(gateway: Gateway, webhook_id: str) -> bool:
    return await gateway.store.webhooks.find(webhook_id) is None


async def test_two_nodes_send_each_event_once(store_url: str) -> None:
    async with (
        post_office(store_url) as post,
        post_office(store_url, post.bank.sim) as other,
    ):
        key = await post.bank.key()
        one, two = post.bank.holder(key), other.bank.holder(key)
        webhook = await post.create(one, events=["rental.created"])

        for client in (one, two, one, two, two):
            assert (await rent(client)).status == 201

        await post.receiver.has(5)
        await at_rest(one, webhook, 5)
        assert sorted(one.id for one in post.receiver.got) == sorted(
            row["event_id"] for row in await deliveries(two, webhook)
        )


async def test_an_admin_sends_again_what_the_webhooks_own_key_may_see(store_url: str) -> None:
    async with post_office(store_url) as post:
        one, other = await post.bank.with_key(), await post.bank.with_key()
        admin = await post.bank.with_key(admin=True)
        webhook = await post.create(one, events=["rental.created"])
        assert (await rent(other)).status == 201
        rental = (await rent(one)).json["id"]
        await at_rest(one, webhook, 1)

        assert (await _since(admin, webhook, "2020-01-01"))["queued"] == 0

        [row] = await deliveries(one, webhook)
        [event] = (await one.get("/v1/events")).json["data"]
        assert (event["id"], event["data"]["id"]) == (row["event_id"], rental)


async def test_since_a_time_also_what_waits_for_its_next_try_is_sent(store_url: str) -> None:
    async with post_office(store_url) as post:
        client = await post.bank.with_key()
        webhook = await post.create(client, events=["rental.created"])
        post.receiver.answer = _later
        await rent(client)
        [row] = await at_rest(client, webhook, 1)
        assert (row["state"], row["status"]) == ("pending", 429)

        post.receiver.answer = None
        assert (await _since(client, webhook, "2020-01-01"))["queued"] == 1
        first, second = await post.receiver.has(2)

        assert first.id == second.id == row["event_id"]


async def _later(one: Delivered) -> web.Response:
    return web.Response(status=429, headers={"Retry-After": "3600"})


async def test_a_test_is_sent_once_and_is_no_event(store_url: str) -> None:
    async with post_office(store_url) as post:
        client = await post.bank.with_key()
        webhook = await post.create(client)
        post.receiver.status = 503

        answer = await client.post(f"/v1/webhooks/{webhook['id']}/test")

        assert answer.status == 200
        assert answer.json["delivered"] is False
        assert answer.json["status"] == 503
        assert answer.json["error"] == "It answered with HTTP status 503."
        [one] = post.receiver.got
        told = verified(webhook["secret"], one)
        assert (told["type"], told["data"], told["details"]) == ("webhook.test", None, None)
        assert told["id"] == one.id
        assert (await client.get("/v1/events")).json["data"] == []
        assert await deliveries(client, webhook) == []


async def test_text_of_any_script_comes_as_it_is(store_url: str) -> None:
    async with post_office(store_url) as post:
        client = await post.bank.with_key()
        webhook = await post.create(client, events=["rental.code_received"])
        rental = (await client.post("/v1/rentals", {**RENT, "reference": "Größe ☎"})).json["id"]

        [one] = await post.receiver.has(1)

        assert json.loads(one.body)["data"]["reference"] == "Größe ☎"
        assert verified(webhook["secret"], one)["data"]["id"] == rental


async def test_rentals_whose_codes_are_to_be_told_are_polled_as_for_a_stream(
    store_url: str,
) -> None:
    async with post_office(store_url) as post:
        client = await post.bank.with_key()
        before = (await rent(client)).json["id"]
        await post.bank.running.gateway.core.following.close()  # no slow rounds from here on
        await post.create(client, events=["rental.code_received"])
        after = (await rent(client)).json["id"]

        got = await post.receiver.has(2)

        assert {one.event["data"]["id"] for one in got} == {before, after}


async def test_rentals_whose_codes_nobody_is_told_are_not(store_url: str) -> None:
    async with post_office(store_url) as post:
        client = await post.bank.with_key()
        await post.bank.running.gateway.core.following.close()
        await post.create(client, events=["rental.created"])
        webhook = await post.create(client, "/codes", events=["rental.code_received"])
        await client.ask("DELETE", f"/v1/webhooks/{webhook['id']}")
        await until(lambda: not post.bank.running.gateway.core.dispatcher.listens)

        await rent(client)
        await post.receiver.has(1)

        assert post.bank.sim.journal.calls["rental-status"] == 0


async def test_a_code_is_told_while_the_price_list_does_not_come(store_url: str) -> None:
    async with Simulator(
        replace(CODES, rules=replace(CODES.rules, code_after=NEVER))
    ).running() as sim:
        async with post_office(store_url, sim) as post:
            client = await post.bank.with_key()
            rental = (await rent(client)).json["id"]
            key = client.key or ""
        sim.script(Fault("prices-info", FaultKind.HANG, times=None))
        # Started anew it knows no prices, and asks for them longer than the test waits.
        async with post_office(store_url, sim, getatext_read_seconds=300) as post:
            client = post.bank.holder(key)
            await post.create(client, events=["rental.code_received"])
            await until(lambda: post.bank.running.gateway.core.dispatcher.listens)
            sim.receive_code(rental, "012345")

            [one] = await post.receiver.has(1)

            assert one.event["data"]["code"] == "012345"
            sim.release()
