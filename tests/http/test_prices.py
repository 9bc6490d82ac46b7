"""The price list over HTTP: kept bytes, their encodings, their age, and pages of them."""

import asyncio
import gzip
import json
from decimal import Decimal
from typing import Any

import brotli
import pytest

from adapters.simulator import (
    AccountConfig,
    Fault,
    FaultKind,
    Limits,
    Service,
    SimulatorConfig,
)
from gateway.core.prices import cache
from tests.support.contract import Answer
from tests.support.gateway import (
    Client,
    ScriptedStand,
    Stand,
    have_accepted,
    run_scripted,
    run_simulated,
)
from tests.support.samples import PRICES
from tests.support.scripted import Act, reply

ENCODINGS = [
    # what is accepted, what is sent
    ("gzip", "gzip"), ("br", "br"), ("gzip, deflate, br", "br"), ("br;q=0, gzip", "gzip"),
    ("gzip;q=0.5, br;q=0.0", "gzip"), ("identity", None), ("", None), ("deflate", None),
    ("gzip;q=0", None), ("GZIP", "gzip"), ("br ; q=0.3", "br"),
]  # fmt: skip
UNPACK = {"gzip": gzip.decompress, "br": brotli.decompress}


async def ask(client: Client, path: str = "/v1/prices", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.ask("GET", path, headers=named)


@pytest.mark.parametrize(("accepted", "sent"), ENCODINGS)
async def test_a_list_comes_in_the_best_encoding_the_caller_takes(
    stand: Stand, accepted: str, sent: str | None
) -> None:
    stand.client.checked = False  # a compressed body
    plain = await ask(stand.client)
    answer = await ask(stand.client, Accept_Encoding=accepted)
    body = UNPACK[sent](answer.body) if sent else answer.body

    assert answer.headers.get("Content-Encoding") == sent
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.headers["ETag"] == plain.headers["ETag"]
    assert json.loads(body) == plain.json
    assert not sent or len(answer.body) < len(plain.body) / 2


async def test_a_short_list_is_not_compressed(client: Client) -> None:
    answer = await ask(client, "/v1/prices?limit=1", Accept_Encoding="gzip, br")

    assert "Content-Encoding" not in answer.headers


async def test_the_headers_say_how_old_a_list_is_and_who_may_keep_it(client: Client) -> None:
    answer = await ask(client)

    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert 0 <= int(answer.headers["Age"]) < 20
    assert answer.headers["ETag"].startswith('W/"')


MATCHES = [
    ("{}", 304), ("*", 304), ('"other", {}', 304), ("{},{}", 304), ('"other"', 200), ("", 200),
]  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("known", "status"), MATCHES)
async def test_a_caller_who_has_these_bytes_is_told_so(
    client: Client, method: str, known: str, status: int
) -> None:
    etag = (await ask(client)).headers["ETag"]
    headers = {"If-None-Match": known.replace("{}", etag)}
    answer = await client.ask(method, "/v1/prices", headers=headers)

    assert answer.status == status
    assert answer.headers["ETag"] == etag
    assert {"Age", "Vary", "Cache-Control", "X-Request-Id"} <= answer.headers.keys()
    assert (answer.body == b"") is (status == 304 or method == "HEAD")


async def test_a_strong_tag_of_the_same_bytes_matches_too(client: Client) -> None:
    etag = (await ask(client)).headers["ETag"]

    assert (await ask(client, If_None_Match=etag.removeprefix("W/"))).status == 304


async def test_another_page_has_another_tag(client: Client) -> None:
    tags = [(await ask(client, f"/v1/prices{q}")).headers["ETag"] for q in ("", "?limit=1")]

    assert tags[0] != tags[1]


async def test_kept_headers_do_not_leak_from_one_request_into_another(client: Client) -> None:
    first = await ask(client, X_Request_Id="first")
    etag = first.headers["ETag"]
    await ask(client, X_Request_Id="second", If_None_Match=etag)
    third = await ask(client)

    assert third.headers["X-Request-Id"] not in ("first", "second")
    assert third.headers["Content-Length"] == first.headers["Content-Length"]
    assert third.headers["Content-Type"] == "application/json"


async def test_many_requests_cost_the_provider_one(stand: Stand) -> None:
    for query in ("", "?limit=3", "?sort=price", "?query=a", ""):
        assert (await ask(stand.client, f"/v1/prices{query}")).status == 200

    assert stand.sim.journal.calls["prices-info"] == 1


async def test_a_list_that_is_no_longer_fresh_says_so_and_serves_while_the_provider_fails() -> None:
    async with run_scripted(gateway_prices_fresh_seconds=1e-6) as stand:
        stand.provider.script.append(reply(200, PRICES))
        stand.provider.always = Act.DROP
        first = await ask(stand.client)
        stale = [await ask(stand.client) for _ in range(3)]

    assert first.json["stale"] is False
    assert all(one.json["stale"] and one.json["data"] == first.json["data"] for one in stale)
    assert {one.json["fetched_at"] for one in stale} == {first.json["fetched_at"]}


async def test_an_idle_gateway_answers_the_prices_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_PATIENCE", 60.0)
    async with run_simulated(gateway_prices_fresh_seconds=1e-6) as stand:
        before = await ask(stand.client, "/v1/prices?service_code=whatsapp")
        stand.sim.change(services={"whatsapp": {"price": "0.90"}})
        etag = before.headers["ETag"]
        now = await ask(stand.client, "/v1/prices?service_code=whatsapp", If_None_Match=etag)

    assert before.json["data"][0]["price"] == "0.55"
    assert (now.status, now.json["data"][0]["price"], now.json["stale"]) == (200, "0.90", False)


async def test_a_stale_list_serves_while_the_provider_is_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with run_simulated(gateway_prices_fresh_seconds=1e-6) as stand:
        first = await ask(stand.client)
        monkeypatch.setattr(cache, "_PATIENCE", 0.1)
        stand.sim.script(Fault("prices-info", FaultKind.SLOW, seconds=600))
        stale = await asyncio.gather(*(ask(stand.client) for _ in range(5)))
        asked = stand.sim.journal.calls["prices-info"]
        monkeypatch.setattr(cache, "_PATIENCE", 60.0)
        stand.sim.release()
        after = await ask(stand.client)

    assert all(one.json["stale"] and one.json["data"] == first.json["data"] for one in stale)
    assert asked == 2
    assert after.json["stale"] is False


async def test_accounts_have_lists_of_their_own(scripted: ScriptedStand) -> None:
    dearer = {"prices": [{**PRICES["prices"][0], "price": "0.99"}]}
    scripted.provider.script.extend([reply(200, PRICES), reply(200, dearer)])
    await have_accepted(scripted.gateway, "sk_alice", "sk_bob")
    alice, bob, again = [
        await scripted.client.ask("GET", "/v1/prices", key=key)
        for key in ("sk_alice", "sk_bob", "sk_alice")
    ]

    assert [a.json["data"][0]["price"] for a in (alice, bob, again)] == ["0.55", "0.99", "0.55"]
    assert [one.headers["auth"] for one in scripted.provider.asked] == ["sk_alice", "sk_bob"]


async def pages(client: Client, query: str) -> tuple[list[Any], int]:
    """All pages put together, and how many there were."""
    rows: list[Any] = []
    answer = await client.get(f"/v1/prices?{query}")
    count = 1
    while True:
        rows += answer.json["data"]
        if (cursor := answer.json["next_cursor"]) is None:
            return rows, count
        answer = await client.get(f"/v1/prices?{query}&cursor={cursor}")
        count += 1


@pytest.mark.parametrize("sort", ["name", "price", "stock"])
async def test_pages_put_together_are_the_whole(stand: Stand, sort: str) -> None:
    whole = (await stand.client.get(f"/v1/prices?limit=1000&sort={sort}")).json["data"]
    rows, count = await pages(stand.client, f"limit=3&sort={sort}")

    assert rows == whole
    assert len(whole) == len(stand.sim.provider.catalogue)
    assert count == -(-len(whole) // 3)


async def test_filters_hold_on_every_page(client: Client) -> None:
    rows, _ = await pages(client, "limit=2&sort=price&in_stock=true&max_price=1.5")

    assert rows
    assert all(row["stock"] != 0 and float(row["price"]) <= 1.5 for row in rows)
    assert [float(row["price"]) for row in rows] == sorted(float(row["price"]) for row in rows)


async def test_a_service_is_found_by_its_code_with_a_slash() -> None:
    service = Service("Instagram", "instagram/threads", Decimal("0.60"), 10)
    config = SimulatorConfig(
        limits=Limits(on=False), services=(service,), accounts=(AccountConfig(),)
    )
    async with run_simulated(config) as stand:
        plain = await stand.client.get("/v1/prices?service_code=instagram/threads")
        quoted = await stand.client.get("/v1/prices?service_code=instagram%2Fthreads")

    assert [row["service_code"] for row in plain.json["data"]] == ["instagram/threads"]
    assert quoted.body == plain.body
