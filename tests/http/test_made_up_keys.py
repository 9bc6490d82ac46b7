"""Keys of the provider's that it has not accepted: they are verified once, and get nothing."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientTimeout

from adapters.simulator import DEMO_KEY
from gateway.http.serving.app import ADMISSION
from gateway.wiring import open_gateway
from tests.mcp.transport.test_http import INITIALIZE
from tests.support.contract import Answer
from tests.support.gateway import (
    UNPACED,
    Client,
    ScriptedStand,
    have_accepted,
    listening,
    new_database,
    open_client,
    run_gateway,
    run_scripted,
    settings,
)
from tests.support.scripted import Act, Asked, Held, Said, Scripted, reply
from tests.support.talkative import Question, Talkative, whole
from tests.support.waiting import until

MADE_UP, GOOD = "sk_made_up_4f1e8a7d", "sk_good_93b2c6e0"
BALANCE = reply(200, {"status": "success", "balance": "12.50", "errors": "null"})
REFUSED = reply(403, {"errors": f"Wrong Api Key {MADE_UP} or User is restricted"})
RENT = {"service_code": "whatsapp"}
OURS: list[tuple[str, str, Any]] = [
    ("GET", "/v1/balance", None),
    ("GET", "/v1/prices", None),
    ("GET", "/v1/rentals", None),
    ("GET", "/v1/events", None),
    ("GET", "/v1/events/stream", None),
    ("GET", "/v1/nothing", None),
    ("GET", "/v1/rentals/12345/code?wait_seconds=20", None),
    ("POST", "/v1/rentals", {**RENT, "request_id": "order-1"}),
    ("POST", "/mcp", INITIALIZE),
]
PROVIDERS: list[tuple[str, str, Any]] = [
    ("GET", "/api/v1/balance", None),
    ("POST", "/api/v1/rent-a-number", {"service": "whatsapp"}),
    ("GET", f"/stubs/handler_api?api_key={MADE_UP}&action=getNumber&service=whatsapp", None),
]
OLD: list[tuple[str, str, Any]] = [
    ("GET", f"/stubs/handler_api.php?api_key={MADE_UP}&action=getNumber&service=wa", None),
    ("GET", f"/stubs/handler_api.php?api_key={MADE_UP}&action=getStatus&id=12345", None),
    ("GET", f"/daisysms/stubs/handler_api.php?api_key={MADE_UP}&action=getNumber&service=wa", None),
]


@asynccontextmanager
async def gateway_before(provider: Scripted, **changes: Any) -> AsyncIterator[ScriptedStand]:
    """As `run_scripted`, with /mcp as it is wired."""
    async with open_gateway(settings(provider.url, **changes)) as gateway:
        app = gateway.app()
        async with listening(app) as url, open_client(url, MADE_UP) as client:
            client.checked = False
            yield ScriptedStand(gateway, app, url, client, provider)


async def asked_everywhere(client: Client) -> list[Answer]:
    headers = {"Accept": "application/json, text/event-stream", "Auth": MADE_UP}
    return await asyncio.gather(
        *(
            client.ask(method, path, json=body, headers=headers)
            for method, path, body in OURS + PROVIDERS + OLD
        )
    )


def stored(stand: ScriptedStand) -> bytes:
    """Every byte of the database."""
    url = stand.gateway.settings.gateway_database_url or ""
    folder = Path(url.removeprefix("sqlite:///")).parent
    return b"".join(file.read_bytes() for file in folder.iterdir() if file.is_file())


def assert_nothing_is_kept(stand: ScriptedStand) -> None:
    """Of no key that is not accepted, and of no number of them."""
    core, name = stand.gateway.core, stand.gateway.hasher.name(MADE_UP)
    assert name.encode() not in stored(stand)
    assert MADE_UP.encode() not in stored(stand)
    assert not core.callers._known
    assert not core.callers._met
    assert not core.verification._running
    assert not core.upstreams._made._made
    assert not core.invoker._contexts
    assert not core.services.poller._schedules
    assert not core.notifier._account_changes
    assert set(core.limiter._windows) <= {("unverified", "key_check")}
    assert stand.app[ADMISSION].open == 0


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_is_refused_on_every_face_in_its_words_and_leaves_nothing(
    status: int,
) -> None:
    async with Scripted().running() as provider, gateway_before(provider) as stand:
        provider.script.append(reply(status, {"errors": f"The key {MADE_UP} is wrong"}))
        answers = await asked_everywhere(stand.client)
        assert_nothing_is_kept(stand)
        again = await asked_everywhere(stand.client)

    assert [one.status for one in again] == [one.status for one in answers]
    ours, rest = answers[: len(OURS)], answers[len(OURS) :]
    assert [(one.status, one.json["code"]) for one in ours] == [(401, "unauthorized")] * len(OURS)
    assert all(one.headers["WWW-Authenticate"].startswith("Bearer") for one in ours)
    assert [one.status for one in rest[: len(PROVIDERS)]] == [403] * len(PROVIDERS)
    assert all(one.json["errors"].startswith("Wrong Api Key") for one in rest[: len(PROVIDERS)])
    assert [one.body for one in rest[len(PROVIDERS) :]] == [b"BAD_KEY"] * len(OLD)
    assert MADE_UP.encode() not in b"".join(one.body for one in answers)
    assert [(one.method, one.path) for one in provider.asked] == [("GET", "/api/v1/balance")]


AWAY: dict[str, Said] = {
    "an error": reply(500, {"errors": "boom"}),
    "a page": reply(502, "<html>Bad gateway</html>", "text/html"),
    "maintenance": reply(503, {"errors": "Service is under maintenance"}),
    "garbage": b"\x00\xff garbage\r\n\r\n",
    "no balance": reply(200, {"status": "success"}),
    "half a body": reply(200, b'{"balance": "12').replace(b"Length: 15", b"Length: 90"),
    "a hang-up": Act.DROP,
    "silence": Act.HANG,
}


@pytest.mark.parametrize("said", AWAY.values(), ids=AWAY)
async def test_a_key_that_cannot_be_checked_gets_503_and_is_checked_again(said: Said) -> None:
    async with (
        Scripted(always=said).running() as provider,
        gateway_before(provider, getatext_read_seconds=0.2) as stand,
    ):
        answers = await asked_everywhere(stand.client)
        assert_nothing_is_kept(stand)
        provider.always = BALANCE
        await until(lambda: accepted(stand.client))

    ours, rest = answers[: len(OURS)], answers[len(OURS) :]
    told = [(one.status, one.json["code"]) for one in ours]
    assert told == [(503, "upstream_unavailable")] * len(OURS)
    assert all("could not be checked" in one.json["detail"] for one in ours)
    assert [one.status for one in rest[: len(PROVIDERS)]] == [503] * len(PROVIDERS)
    assert all("could not be checked" in one.json["errors"] for one in rest[: len(PROVIDERS)])
    assert all(int(one.headers["Retry-After"]) > 0 for one in answers[: -len(OLD)])
    assert [one.body for one in rest[len(PROVIDERS) :]] == [b"ERROR_SQL"] * len(OLD)


async def accepted(client: Client) -> bool:
    answer = await client.get("/v1/rentals")
    return answer.status == 200


async def test_a_limit_of_the_provider_is_no_refusal_of_the_key() -> None:
    async with run_scripted(accepted=()) as stand:
        stand.provider.always = reply(429, {"errors": "Too many"}, Retry_After="1")
        limited = await stand.client.get("/v1/rentals")
        stand.provider.always = BALANCE
        await until(lambda: accepted(stand.client))

    assert (limited.status, limited.json["code"]) == (429, "rate_limited")
    assert int(limited.headers["Retry-After"]) >= 1


async def test_a_pause_that_one_new_key_has_to_make_is_not_that_of_the_others() -> None:
    def say(asked: Asked) -> Said:
        if asked.headers["auth"] == GOOD:
            return BALANCE
        return reply(429, {"errors": "Too many"}, Retry_After="200")

    async with run_scripted(accepted=()) as stand:
        stand.provider.always = say
        limited = [
            await stand.client.ask("GET", "/v1/rentals", key=key) for key in ("sk_busy", "sk_busy")
        ]
        good = replace(stand.client, key=GOOD)
        await until(lambda: accepted(good))
        by_key = Counter(one.headers["auth"] for one in stand.provider.asked)

    assert [(one.status, one.json["code"]) for one in limited] == [(429, "rate_limited")] * 2
    assert all(100 < int(one.headers["Retry-After"]) <= 200 for one in limited)
    assert by_key == {"sk_busy": 1, GOOD: 1}


async def test_an_accepted_key_is_remembered_by_its_hash_over_a_restart() -> None:
    url = new_database()
    async with run_scripted(accepted=(), gateway_database_url=url) as stand:
        stand.provider.script.append(BALANCE)
        answers = [await stand.client.ask("GET", "/v1/rentals", key=GOOD) for _ in range(3)]
        calls, dump = list(stand.provider.asked), stored(stand)
    async with run_scripted(accepted=(), gateway_database_url=url) as stand:
        again = await stand.client.ask("GET", "/v1/rentals", key=GOOD)
        asked = stand.provider.asked

    assert [one.status for one in [*answers, again]] == [200] * 4
    assert [(one.path, one.headers["auth"]) for one in calls] == [("/api/v1/balance", GOOD)]
    assert not asked
    assert GOOD.encode() not in dump


async def test_a_key_is_accepted_in_memory_where_the_store_cannot_be_written() -> None:
    async with run_scripted(accepted=()) as stand:
        stand.provider.script.append(BALANCE)
        ledger: Any = stand.gateway.ledger
        connection = ledger._database._connection
        connection.execute("PRAGMA query_only = ON")
        answers = [await stand.client.ask("GET", "/v1/rentals", key=GOOD) for _ in range(2)]
        connection.execute("PRAGMA query_only = OFF")
        name = stand.gateway.hasher.name(GOOD)
        remembered = await stand.gateway.store.accounts.is_accepted(name)

    assert [one.status for one in answers] == [200, 200]
    assert len(stand.provider.asked) == 1
    assert not remembered


async def test_the_servers_own_key_is_not_checked() -> None:
    async with run_scripted(accepted=(), getatext_api_key=GOOD) as stand:
        answer = await stand.client.ask("GET", "/v1/rentals", key=GOOD)

    assert answer.status == 200
    assert not stand.provider.asked


@pytest.mark.parametrize(("said", "status"), [(BALANCE, 200), (REFUSED, 401)])
async def test_a_hundred_who_bring_one_new_key_cost_one_call(said: bytes, status: int) -> None:
    async with run_scripted(accepted=()) as stand:
        stand.provider.always = Held(said)
        calls = [asyncio.create_task(stand.client.get("/v1/rentals")) for _ in range(100)]
        first = stand.client.session.get(
            f"{stand.url}/v1/rentals",
            headers={"X-API-Key": DEMO_KEY},
            timeout=ClientTimeout(total=0.5),
        )
        with pytest.raises(TimeoutError):  # who hangs up takes nobody with them
            await first
        await stand.provider.arrived.wait()
        stand.provider.release()
        answers = await asyncio.gather(*calls)

    assert Counter(one.status for one in answers) == {status: 100}
    assert len(stand.provider.asked) == 1


async def test_who_asked_first_may_hang_up() -> None:
    async with run_scripted(accepted=()) as stand:
        stand.provider.always = Held(BALANCE)
        first = asyncio.create_task(stand.client.get("/v1/rentals"))
        await stand.provider.arrived.wait()
        first.cancel()
        second = asyncio.create_task(stand.client.get("/v1/rentals"))
        verification = stand.gateway.core.verification
        await asyncio.wait([first])
        stand.provider.release()
        answer = await second
        await until(lambda: not verification._running)

    assert answer.status == 200
    assert len(stand.provider.asked) == 1


async def test_new_keys_are_paced_together_and_known_ones_are_not_behind_them() -> None:
    """One check in a quarter of an hour: so 200 keys cost the provider one call."""
    made_up = [f"sk_made_up_{number}" for number in range(200)]

    def say(asked: Asked) -> Said:
        return BALANCE if asked.headers["auth"] == DEMO_KEY else REFUSED

    rates = {**UNPACED, "key_check": 0.001}
    async with run_scripted(getatext_rates=rates) as stand:
        stand.provider.always = say
        tried = [
            asyncio.create_task(stand.client.ask("GET", "/v1/rentals", key=key)) for key in made_up
        ]
        known = [await stand.client.get("/v1/balance") for _ in range(20)]
        answers = await asyncio.gather(*tried)
        windows = set(stand.gateway.core.limiter._windows)

    assert [one.status for one in known] == [200] * 20
    assert Counter(one.status for one in answers) == {401: 1, 429: 199}
    assert all(int(one.headers["Retry-After"]) > 0 for one in answers if one.status == 429)
    by_key = Counter(one.headers["auth"] for one in stand.provider.asked)
    assert by_key.pop(DEMO_KEY) == 20
    assert by_key.total() == 1
    assert {name for name, _ in windows} == {"unverified", stand.gateway.hasher.name(DEMO_KEY)}


async def test_checks_that_hang_take_no_connections_from_known_keys() -> None:
    """At most 40 at once are under way, however fast they may begin."""
    gone = asyncio.Event()

    async def answers(question: Question) -> None:
        if question.key != DEMO_KEY:
            await gone.wait()
        await question.line.say(whole({"status": "success", "balance": "1.00", "errors": "null"}))

    async with (
        Talkative(answers).running() as provider,
        run_gateway(provider.url, getatext_read_seconds=60) as running,
    ):
        tried = [
            asyncio.create_task(running.client.ask("GET", "/v1/rentals", key=f"sk_{number}"))
            for number in range(200)
        ]
        await provider.until_asked(40)
        known = [await running.client.get("/v1/balance") for _ in range(20)]
        keys = Counter(question.key for question in provider.asked)
        await until(lambda: sum(task.done() for task in tried) == 160)
        gone.set()
        statuses = Counter(one.status for one in await asyncio.gather(*tried))

    assert [one.status for one in known] == [200] * 20
    assert keys.pop(DEMO_KEY) == 20
    assert len(keys) == 40
    assert statuses == {200: 40, 429: 160}


async def test_what_is_refused_is_remembered_for_a_minute_and_only_so_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with run_scripted(accepted=()) as stand:
        verification = stand.gateway.core.verification
        stand.provider.always = REFUSED
        for number in range(30):
            await stand.client.ask("GET", "/v1/rentals", key=f"sk_{number % 3}")

    assert len(stand.provider.asked) == 3
    assert len(verification._refused) == 3
    assert verification._refused.maxsize == 10_000
    assert verification._refused.ttl == 60


async def test_a_known_key_needs_no_check_while_the_provider_is_away() -> None:
    async with run_scripted(accepted=()) as stand:
        await have_accepted(stand.gateway, GOOD)
        stand.provider.always = Act.DROP
        listed = await stand.client.ask("GET", "/v1/rentals", key=GOOD)

    assert (listed.status, json.loads(listed.body)["data"]) == (200, [])
    assert not stand.provider.asked
