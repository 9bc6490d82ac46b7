"""The provider's webhook: unsigned, so its code is provisional until a status call confirms it."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import ClientTimeout

from adapters import forwarding
from adapters.simulator import (
    DEMO_KEY,
    AccountConfig,
    Fault,
    FaultKind,
    Tier,
    WebhookRules,
    WebhookStyle,
)
from gateway.core.codes import poll_schedule
from gateway.core.codes.provider_webhooks import webhook_secret
from gateway.core.jobs import webhook_forwarding
from tests.codes.support import premium, provider, rent, status_calls, wait
from tests.support.contract import Answer
from tests.support.gateway import Client, Stand, run_simulated
from tests.support.scripted import NOTHING_SCRIPTED, Act, Scripted, reply
from tests.support.waiting import until

BOB = "sk_bob"
OWN = "own-secret"
STATUS = "rental-status-premium"


async def secret_of(stand: Stand, key: str = DEMO_KEY) -> str:
    caller = await stand.gateway.callers.identify(key)
    return webhook_secret(stand.gateway.hasher, caller.account.id)


async def send(
    client: Client,
    secret: str,
    body: bytes | Mapping[str, Any],
    content_type: str = "application/json",
    query: str = "",
    **headers: str,
) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.ask(
        "POST",
        f"/webhooks/getatext/{secret}{query}",
        data=raw,
        headers={"Content-Type": content_type, **named},
        key=None,
    )


async def checked(stand: Stand) -> None:
    """Returns when every webhook received has been checked."""
    webhooks = stand.gateway.core.webhooks
    await until(lambda: not webhooks._checks)


async def test_a_wrong_secret_finds_nothing() -> None:
    async with premium(getatext_api_key=DEMO_KEY, getatext_webhook_secret=OWN) as stand:
        right = await secret_of(stand)
        wrong = ["x", f"{right}x", right[:-1], f"{right.partition('.')[0]}.", "%00", "%C3%A4" * 9]
        answers = [await send(stand.client, each, {"id": 1, "code": 1}) for each in wrong]
        taken = [await send(stand.client, each, {"id": 1, "code": 1}) for each in (OWN, right)]
        await checked(stand)

    assert [each.status for each in answers] == [404] * len(wrong)
    assert [each.status for each in taken] == [200, 200]


async def test_the_secret_of_another_account_touches_nothing_of_this_one() -> None:
    accounts = tuple(AccountConfig(key, Decimal("100.00"), Tier.PREMIUM) for key in (DEMO_KEY, BOB))
    config = replace(provider(), accounts=accounts)
    async with run_simulated(
        config, getatext_tier="premium", gateway_status_cache_seconds=1
    ) as stand:
        rental = await rent(stand.client)
        bobs = await secret_of(stand, BOB)
        waiting = asyncio.create_task(wait(stand.client, rental, 1))
        answer = await send(stand.client, bobs, {"id": rental, "code": 666666})
        await checked(stand)
        told = await waiting

    assert answer.status == 200
    assert (told["status"], told["code"]) == ("pending", None)


FORMS = [
    ("page", b'{"id": %d, "code": 12345, "number": "1234567890", "service_name": "Whatsapp",'
     b' "received_at": "2025-07-28T12:39:32-04:00"}', "application/json"),
    ("newer", b'{"id": %d, "code": "12345", "status": "active", "cost": "0.55", "number": null,'
     b' "service_name": "Whatsapp", "received_at": "2025-07-28T12:39:32-04:00"}',
     "application/json; charset=utf-8"),
    ("form", b"id=%d&code=12345&number=1234567890", "application/x-www-form-urlencoded"),
    ("no content type", b'{"id": "%d", "code": "12345"}', ""),
    ("JSON said to be a form, as curl -d does", b'{"id": %d, "code": 12345}',
     "application/x-www-form-urlencoded"),
    ("a form said to be text", b"id=%d&code=12345", "text/plain"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "content_type"), [row[1:] for row in FORMS], ids=lambda _: "")
async def test_every_form_wakes_who_waits_and_the_leading_zero_survives(
    body: bytes, content_type: str
) -> None:
    # A rental is polled once a second: the webhook is to be quicker.
    async with premium(getatext_rates={"rent": 10_000.0, "rental_status": 4}) as stand:
        rental = await rent(stand.client)
        secret = await secret_of(stand)
        waiting = asyncio.create_task(wait(stand.client, rental, 10))
        await until(lambda: status_calls(stand) == 1)
        stand.sim.receive_code(rental, "012345")
        answer = await send(stand.client, secret, body % rental, content_type)
        told = await waiting

    assert (answer.status, answer.json) == (200, {"status": "ok"})
    assert (told["code"], told["provisional"]) == ("012345", False)


@pytest.mark.parametrize("body", [b"", b"null", b"[1]", b"{", b'{"code": 5}', b'{"id": -1}'])
async def test_what_cannot_be_read_is_taken_and_forgotten(body: bytes) -> None:
    async with premium() as stand:
        answer = await send(stand.client, await secret_of(stand), body)

    assert answer.status == 200
    assert status_calls(stand) == 0


async def test_duplicates_are_harmless_and_ask_nothing_more() -> None:
    async with premium() as stand:
        rental = await rent(stand.client)
        secret = await secret_of(stand)
        stand.sim.receive_code(rental, "012345")
        for _ in range(5):
            await send(stand.client, secret, {"id": rental, "code": 12345})
            await checked(stand)
        told = await wait(stand.client, rental, 0)

    assert told["code"] == "012345"
    assert status_calls(stand) == 1


async def test_a_code_is_provisional_while_the_status_fails_and_corrected_later() -> None:
    async with premium() as stand:
        rental = await rent(stand.client)
        secret = await secret_of(stand)
        waiting = asyncio.create_task(wait(stand.client, rental, 15))
        await until(lambda: status_calls(stand) == 1)
        stand.sim.script(Fault(STATUS, FaultKind.STATUS, times=None, status=500))
        stand.sim.receive_code(rental, "012345")
        await send(stand.client, secret, {"id": rental, "code": 12345})
        first = await waiting
        # Who has the code without its zero is told of the same again, not of another.
        again = await wait(stand.client, rental, 0, after_code="12345")
        stand.sim.provider.faults.clear()
        async with asyncio.timeout(60):
            while (later := await wait(stand.client, rental, 5))["provisional"]:
                pass

    assert (first["status"], first["code"], first["provisional"]) == ("received", "12345", True)
    assert (again["status"], again["code"]) == ("pending", None)
    assert (later["code"], later["provisional"]) == ("012345", False)


async def test_an_older_code_sent_again_is_not_the_next_one() -> None:
    async with premium() as stand:
        rental = await rent(stand.client)
        secret = await secret_of(stand)
        for code in ("1111", "2222"):
            stand.sim.receive_code(rental, code)
            await send(stand.client, secret, {"id": rental, "code": int(code)})
            await checked(stand)
        waiting = asyncio.create_task(wait(stand.client, rental, 3, after_code="2222"))
        calls = status_calls(stand)
        await until(lambda: status_calls(stand) > calls)
        stand.sim.script(Fault(STATUS, FaultKind.STATUS, times=None, status=500))
        await send(stand.client, secret, {"id": rental, "code": 1111})
        await checked(stand)
        told = await waiting

    assert (told["status"], told["code"]) == ("pending", None)


async def test_a_webhooks_time_is_not_in_the_future() -> None:
    async with premium() as stand:
        rental = await rent(stand.client)
        later = datetime.now(UTC) + timedelta(days=1)
        sent = {"id": rental, "code": 1111, "received_at": later.isoformat()}
        await send(stand.client, await secret_of(stand), sent)
        await checked(stand)
        [code] = (await stand.client.get(f"/v1/rentals/{rental}")).json["codes"]

    assert datetime.fromisoformat(code["received_at"]) <= datetime.now(UTC)


async def test_nobody_sets_a_code_that_the_provider_does_not_know() -> None:
    async with premium() as stand:
        rental = await rent(stand.client)
        waiting = asyncio.create_task(wait(stand.client, rental, 5))
        await send(stand.client, await secret_of(stand), {"id": rental, "code": 666666})
        await checked(stand)
        read = await stand.client.get(f"/v1/rentals/{rental}")
        nothing = await wait(stand.client, rental, 1)
        stand.sim.receive_code(rental, "000001")
        told = await waiting

    assert read.json["code"] is None
    assert (nothing["status"], nothing["code"]) == ("pending", None)
    assert told["code"] == "000001"


SOURCES = [  # whence the request comes, by its X-Forwarded-For, and whether it is let in
    (None, False), ("203.0.113.7", True), ("198.51.100.1", False),
    ("203.0.113.7, 198.51.100.1", False), ("198.51.100.1, 203.0.113.7", True),
    ("203.0.113.7, 127.0.0.9", True), ("nonsense", False), ("203.0.113.7, nonsense", False),
]  # fmt: skip


@pytest.mark.parametrize(("forwarded", "let_in"), SOURCES)
async def test_only_listed_sources_may_send_and_only_trusted_proxies_name_them(
    forwarded: str | None, let_in: bool
) -> None:
    async with premium(
        getatext_webhook_sources=["203.0.113.0/24"], gateway_trusted_proxies=["127.0.0.0/8"]
    ) as stand:
        headers = {"X_Forwarded_For": forwarded} if forwarded else {}
        secret = await secret_of(stand)
        answer = await send(stand.client, secret, {"id": 1}, **headers)
        await checked(stand)

    assert answer.status == (200 if let_in else 404)


async def test_what_nobody_trusted_says_of_the_source_is_not_believed() -> None:
    async with premium(getatext_webhook_sources=["203.0.113.0/24"]) as stand:
        secret = await secret_of(stand)
        answer = await send(stand.client, secret, {"id": 1}, X_Forwarded_For="203.0.113.7")

    assert answer.status == 404


async def test_a_webhook_for_a_rental_nobody_knows_yet_is_kept() -> None:
    """The webhook overtakes the rent's own answer, and then the status cannot be had."""
    async with premium() as stand:
        first = stand.sim.config.first_rental_id
        secret = await secret_of(stand)
        await send(stand.client, secret, {"id": first, "code": 12345})
        await checked(stand)
        rental = await rent(stand.client)
        stand.sim.script(Fault(STATUS, FaultKind.STATUS, times=None, status=500))
        told = await wait(stand.client, rental, 1)

    assert rental == first
    assert (told["code"], told["provisional"]) == ("12345", True)


async def test_with_the_webhook_on_a_code_is_there_without_another_poll(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(poll_schedule, "_INTERVALS", ())
    monkeypatch.setattr(
        poll_schedule, "_LONGEST_INTERVAL", 3600.0
    )  # no poll of its own would find it
    async with announcing() as stand:
        rentals = [await rent(stand.client) for _ in range(15)]
        for rental in rentals:
            waiting = asyncio.create_task(wait(stand.client, rental))
            asked = status_calls(stand)
            await until(lambda: status_calls(stand) > asked)  # noqa: B023 - awaited here
            stand.sim.receive_code(rental, "012345")
            assert (await waiting)["code"] == "012345"

    assert stand.sim.violations == 0


@asynccontextmanager
async def announcing(style: WebhookStyle = WebhookStyle.PAGE) -> AsyncIterator[Stand]:
    """A provider that announces codes to the gateway."""
    config = replace(provider(), webhook=WebhookRules(style))
    async with run_simulated(
        config,
        getatext_tier="premium",
        gateway_status_cache_seconds=1,
        getatext_api_key=DEMO_KEY,
        getatext_webhook_secret=OWN,
    ) as stand:
        url = f"{stand.url}/webhooks/getatext/{OWN}"
        stand.sim.change(accounts={DEMO_KEY: {"webhook_url": url}})
        yield stand


async def test_a_target_that_hangs_does_not_hold_up_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(forwarding, "_TIMEOUT", ClientTimeout(total=3600))
    async with Scripted().running() as hanging, Scripted().running() as other:
        hanging.always, other.always = Act.HANG, reply(204, b"")
        targets = [f"{hanging.url}/in", f"{other.url}/in"]
        async with premium(getatext_webhook_forward=targets) as stand:
            secret = await secret_of(stand)
            for number in range(30):
                await send(stand.client, secret, {"id": 1000 + number})
            await until(lambda: len(other.asked) == 30)

    assert len(hanging.asked) >= 20


async def test_a_webhook_is_passed_on_as_it_came_until_every_target_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(webhook_forwarding, "_LOOK_EVERY", 0.1)
    body = b'{ "id" : 1,\n "code":12345, "x":"\xc3\xa4\\u00e4" }'
    async with Scripted().running() as one, Scripted().running() as two:
        one.script.append(NOTHING_SCRIPTED)  # fails first
        one.always = two.always = reply(204, b"")
        targets = [f"{one.url}/in?of=us", f"{two.url}/hook"]
        async with premium(getatext_webhook_forward=targets) as stand:
            await send(
                stand.client, await secret_of(stand), body, "application/json;x=1", "?a=%20b&c"
            )
            await until(lambda: len(one.asked) == 2 and len(two.asked) == 1)
            await checked(stand)

    assert {each.path for each in one.asked} == {"/in?of=us&a=%20b&c"}
    assert two.asked[0].path == "/hook?a=%20b&c"
    for asked in (*one.asked, *two.asked):
        assert asked.body == body
        assert asked.headers["content-type"] == "application/json;x=1"
