"""What is logged and counted of requests and purchases, of a gateway before the simulator."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.simulator import Fault, FaultKind, Rules, Simulator, SimulatorConfig
from gateway.core.model.callers import Limits
from gateway.wiring import Gateway, open_gateway
from tests.support.gateway import Client, listening, new_database, open_client, settings
from tests.support.keys import make_key
from tests.support.money import CHARGING, OWN, RENT, terms
from tests.support.waiting import until
from tests.telemetry.conftest import Records

QUICK = replace(CHARGING, rules=Rules(code_after=0.0, cancel_locked=0.0))
POOR = '{"errors": "Low balance"}'
ID = {"X-Request-Id": "our-own-id"}
PROXIED = {"X-Forwarded-For": "6.6.6.6, 203.0.113.7"}


@dataclass(frozen=True, slots=True)
class Shop:
    """A gateway with all its faces, and somebody with a key called "the shop"."""

    gateway: Gateway
    sim: Simulator
    client: Client

    def sample(self, line: str) -> float | None:
        found = re.search(rf"^getatext_gateway_{re.escape(line)} (\S+)$", self.rendered, re.M)
        return float(found[1]) if found else None

    @property
    def rendered(self) -> str:
        return self.gateway.metrics.render().decode()


@asynccontextmanager
async def open_shop(config: SimulatorConfig = QUICK, **changes: Any) -> AsyncIterator[Shop]:
    async with Simulator(config).running() as sim:
        given = settings(sim.url, **(terms(new_database()) | changes))
        async with open_gateway(given) as gateway:
            key = await make_key(gateway, "the shop", Limits())
            async with listening(gateway.app()) as url, open_client(url, key) as client:
                yield Shop(gateway, sim, client)


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with open_shop(gateway_access_log=True, gateway_trusted_proxies=["127.0.0.1"]) as opened:
        yield opened


async def test_a_line_names_the_client_the_key_the_face_the_operation_and_the_rental(
    shop: Shop, records: Records
) -> None:
    bought = (await shop.client.post("/v1/rentals", RENT, headers=ID | PROXIED)).json["id"]
    await shop.client.get(f"/v1/rentals/{bought}/code", wait_seconds="20")
    rent, wait = records("request")

    assert rent == {
        "method": "POST",
        "path": "/v1/rentals",
        "status": 201,
        "client": "203.0.113.7",
        "key_name": "the shop",
        "face": "rest",
        "operation": "rent_number",
        "rental_id": bought,
        "trace_id": "our-own-id",
    }
    assert (wait["operation"], wait["rental_id"], wait["path"]) == (
        "wait_for_code",
        bought,
        "/v1/rentals/{rental_id}/code",
    )
    assert wait["client"] == "127.0.0.1"  # the only address is the proxy's own


async def test_a_stream_and_a_wait_have_their_lines_when_the_client_leaves(
    records: Records,
) -> None:
    async with open_shop(CHARGING, gateway_access_log=True) as shop:
        client, key = shop.client, {"X-API-Key": shop.client.key or ""}
        bought = (await client.post("/v1/rentals", RENT)).json["id"]
        async with client.session.get(f"{client.url}/v1/events/stream", headers=key) as stream:
            await stream.content.readline()
        path = f"/v1/rentals/{bought}/code"
        waiting = asyncio.create_task(client.get(path, wait_seconds="25"))
        await until(lambda: "rental-status" in shop.sim.journal.calls)
        waiting.cancel()
        await until(lambda: shop.sample('http_requests_total{face="rest",status="499"}') == 1)
        await until(lambda: shop.sample('http_requests_total{face="events",status="200"}') == 1)
    lines = {line["face"]: line for line in records("request")}

    assert (lines["events"]["key_name"], lines["events"]["client"]) == ("the shop", "127.0.0.1")
    assert (lines["rest"]["status"], lines["rest"]["rental_id"]) == (499, bought)


async def test_the_line_of_a_providers_key_has_the_short_id_of_its_account(
    shop: Shop, records: Records
) -> None:
    await shop.client.ask("GET", "/v1/balance", key=OWN)
    (line,) = records("request")

    assert line["account"] == shop.gateway.hasher.name(OWN)[:8]
    assert "key_name" not in line


async def test_all_faces_tell_the_operation(shop: Shop, records: Records) -> None:
    client, key = shop.client, shop.client.key
    php = f"/stubs/handler_api.php?api_key={key}&country=187&service=wa"
    bought = (await client.ask("GET", f"{php}&action=getNumber", key=None)).body.split(b":")[1]
    await client.ask("GET", f"{php}&action=getStatus&id={bought.decode()}", key=None)
    await client.ask("GET", f"/stubs/handler_api?api_key={key}&action=getBalance", key=None)
    await client.ask("POST", "/api/v1/rent-a-number", json={"service": "whatsapp"})
    await client.ask("POST", "/webhooks/getatext/nobody", key=None)
    await client.ask("GET", "/healthz", key=None)
    await over_mcp(client, "tools/call", {"name": "get_balance", "arguments": {}})
    await until(lambda: len(records("request")) == 8)  # a session's answer ends after it is read
    lines = records("request")

    assert [(line["face"], line.get("operation"), line.get("key_name")) for line in lines] == [
        ("sms_activate", "rent_number", "the shop"),
        ("sms_activate", "get_rental", "the shop"),
        ("getatext_get", "get_balance", "the shop"),
        ("getatext", "rent_number", "the shop"),
        ("webhook", None, None),
        ("pages", None, None),
        ("mcp", None, "the shop"),  # how its session begins
        ("mcp", "get_balance", "the shop"),
    ]


async def over_mcp(client: Client, method: str, params: Any) -> None:
    """One request within a session of its own."""
    accept = {"Accept": "application/json, text/event-stream"}
    opening = {"protocolVersion": "2025-11-25", "capabilities": {},
               "clientInfo": {"name": "a test", "version": "1"}}  # fmt: skip
    asked = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": opening}
    begun = await client.post("/mcp", asked, headers=accept)
    session = accept | {"Mcp-Session-Id": begun.headers["Mcp-Session-Id"]}
    asked |= {"id": 2, "method": method, "params": params}
    assert (await client.post("/mcp", asked, headers=session)).status == 200


UNKNOWN = [  # as asked, as logged
    ("/wp-login.php", "/wp-login.php"),
    ("/v1/rental/12345/code", "/v1/rental/*/code"),
    ("/api/v2/balance", "/api/v2/balance"),
    ("/v1/+14105550123", "/v1/*"),
    ("/stubs/sk_live_abcdef", "/stubs/*"),
    ("/v1/d41c0e77a9", "/v1/*"),
    ("/v1/correcthorsebatterystaple", "/v1/*"),
    ("/a%0Ab%20c/%C3%A4", "/*/*"),
    ("/" + "a/" * 50, "/a/a/a/a/a/a/a/a"),
    ("/x?api_key=nothing", "/x"),
]


async def test_an_unknown_path_is_logged_as_asked_without_what_may_be_a_secret(
    shop: Shop, records: Records
) -> None:
    for path, _ in UNKNOWN:
        await shop.client.ask("GET", path)
    await shop.client.ask("GET", "/v1/mellon", key="mellon")

    paths = [line["path"] for line in records("request")]
    assert paths == [*(logged for _, logged in UNKNOWN), "/v1/*"]


async def test_a_path_that_is_the_end_of_a_key_is_no_secret(shop: Shop, records: Records) -> None:
    await shop.client.ask("GET", "/x", key="mellonx")

    assert [line["path"] for line in records("request")] == ["/x"]


async def test_each_purchase_has_one_line_without_its_number_and_code(
    shop: Shop, records: Records, capsys: pytest.CaptureFixture[str]
) -> None:
    named = {"Idempotency-Key": "order-1"}
    answers = [await shop.client.post("/v1/rentals", RENT, headers=named) for _ in range(2)]
    rental = answers[0].json
    await shop.client.post("/v1/rentals", {"service_code": "rare"})
    shop.sim.script(Fault("rent-a-number", FaultKind.DROP_AFTER))
    await shop.client.post("/v1/rentals", RENT)
    lines = records("purchase")
    ids = [line.pop("ledger_id") for line in lines]

    usual = {"key_name": "the shop", "operation": "rent_number"}
    whatsapp = usual | {"service": "whatsapp"}
    assert lines == [
        whatsapp | {"outcome": "bought", "charged": "0.55", "rental_id": rental["id"]},
        usual | {"outcome": "released", "service": "rare"},
        whatsapp
        | {"outcome": "unknown", "settle_with": f"getatext-gateway ledger resolve {ids[2]}"},
    ]
    assert ids[0] == rental["ledger_id"]
    assert ids[2] == (await shop.gateway.ledger.unknown())[0].ledger_id


async def test_no_line_holds_a_number_or_a_code(
    shop: Shop, records: Records, capsys: pytest.CaptureFixture[str]
) -> None:
    bought = (await shop.client.post("/v1/rentals", RENT)).json
    path = f"/v1/rentals/{bought['id']}"
    code = (await shop.client.get(f"{path}/code", wait_seconds="20")).json["code"]
    await shop.client.get("/v1/rentals", number=bought["number"])
    for secret in (bought["number"], code):
        await shop.client.ask("GET", f"{path}/{secret}")
    written = capsys.readouterr().err

    assert "purchase" in written
    assert bought["number"].removeprefix("+") not in written
    assert code not in re.sub(r'"(timestamp|ledger_id|trace_id)": "[^"]*"', "", written)


async def test_metrics_of_money_purchases_and_codes_equal_what_was_bought() -> None:
    async with open_shop() as shop:
        assert shop.sample("unknown_purchases") == 0
        first, second = [(await shop.client.post("/v1/rentals", RENT)).json for _ in range(2)]
        for rental in (first, second, first):
            await shop.client.get(f"/v1/rentals/{rental['id']}/code", wait_seconds="20")
        shop.sim.script(Fault("rent-a-number", FaultKind.STATUS, status=400, body=POOR))
        await shop.client.post("/v1/rentals", RENT)
        usage = (await shop.client.get("/v1/usage")).json["total"]

        assert shop.sample("charged_dollars_total") == float(Decimal(usage["charged"])) == 1.1
        outcomes = {
            outcome: shop.sample(f'purchases_total{{outcome="{outcome}"}}')
            for outcome in ("bought", "refused", "released", "unknown")
        }
        assert outcomes == {"bought": 2, "refused": 1, "released": 0, "unknown": 0}
        assert shop.sample("codes_total") == 2
        assert shop.sample('time_to_code_seconds_bucket{le="1200.0"}') == 2


async def test_refunds_replacements_and_what_stands_open_are_told() -> None:
    async with open_shop(CHARGING) as shop:
        rental = (await shop.client.post("/v1/rentals", RENT)).json
        replaced = await shop.client.post(f"/v1/rentals/{rental['id']}/replace")
        await until(lambda: shop.sample("refunded_dollars_total") == 0.55)
        shop.sim.script(Fault("rent-a-number", FaultKind.DROP_AFTER))
        await shop.client.post("/v1/rentals", RENT)
        counts = await shop.gateway.ledger.counts(datetime.now(UTC))
        shop.gateway.metrics.ledger_counted(counts, 7.0)

        assert replaced.status == 201
        assert shop.sample("replacements_total") == 1
        assert shop.sample("charged_dollars_total") == 1.1
        assert shop.sample("unknown_purchases") == 1
        assert shop.sample("active_rentals") == 1
        assert shop.sample("cancel_wishes") == 0
        assert shop.sample("oldest_cancel_wish_seconds") == 7


async def test_requests_are_counted_by_face_and_status_and_timed_by_operation(shop: Shop) -> None:
    await shop.client.get("/v1/balance")
    await shop.client.get("/v1/nothing")
    await shop.client.ask("GET", "/healthz", key=None)

    assert shop.sample('http_requests_total{face="rest",status="200"}') == 1
    assert shop.sample('http_requests_total{face="rest",status="404"}') == 1
    assert shop.sample('http_requests_total{face="pages",status="200"}') == 1
    timed = 'http_request_duration_seconds_count{operation="get_balance"}'
    assert shop.sample(timed) == 1
    assert shop.rendered.count("http_request_duration_seconds_count") == 1


async def test_why_the_provider_is_away_is_logged_once_a_minute_for_each_cause(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("gateway.telemetry.metrics.monotonic", lambda: now)
    async with open_shop(getatext_base_url="http://127.0.0.1:1") as shop:
        answer = await shop.client.get("/v1/balance")
        await shop.client.get("/v1/balance")
        now += 61
        ready = await shop.client.ask("GET", "/readyz", key=None)
        shop.gateway.metrics.provider_unreached("its name cannot be resolved", "X")
    refused, again, other = records("no answer of the provider")

    assert "it refuses connections" in answer.json["detail"]
    assert ready.json["provider"] == "unreachable"
    assert (refused["cause"], refused["unsaid"]) == ("it refuses connections", 0)
    assert again["cause"] == refused["cause"]
    assert again["unsaid"] >= 1
    assert other == {"cause": "its name cannot be resolved", "errors": "X", "unsaid": 0}


async def test_what_it_runs_with_is_told_without_secrets_and_without_a_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setattr(Path, "home", no_home)
    url = f"sqlite:///{tmp_path}/gateway.db"
    given = settings("http://me:secret@127.0.0.1:1/x?token=secret", gateway_database_url=url)
    async with open_gateway(given, follow=False) as gateway:
        told = gateway.surroundings

    assert told["provider"] == "http://…:…@127.0.0.1:1/x?…"
    assert told["data"] == str(tmp_path)
