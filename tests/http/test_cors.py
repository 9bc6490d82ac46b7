"""What a page of another origin may ask for and read, and where it may not."""

from collections.abc import Mapping
from typing import Any

import pytest

from gateway.http.rest.face import RestFace
from gateway.http.wire import inputs
from gateway.settings import Settings
from tests.http.test_requests import raw
from tests.mcp.support import run_mcp
from tests.support.contract import Answer
from tests.support.gateway import Client, ScriptedStand, Stand, open_client, run_simulated
from tests.support.scripted import reply

PAGE, OTHER = "https://app.example", "https://other.example"
EXPOSED = "ETag, Location, Retry-After, Idempotency-Replayed, X-Request-Id, Age"
ANY = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": EXPOSED}
PREFLIGHT = {
    "Access-Control-Allow-Methods": "DELETE, GET, HEAD, POST",
    "Access-Control-Allow-Headers": (
        "Authorization, Auth, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, "
        "X-API-Key"
    ),
    "Access-Control-Max-Age": "7200",
}
LISTED: dict[str, Any] = {"gateway_cors_origins": [PAGE, "http://localhost:5173"]}
PATHS = ["/v1/rentals", "/v1/prices", "/v1/rentals/1/code", "/v1/nothing", "/v1/events/stream",
         "/openapi.json", "/openapi.yaml"]  # fmt: skip
NOT_FOR_PAGES = ["/healthz", "/readyz", "/metrics", "/webhooks/getatext/x", "/api/v1/balance",
                 "/stubs/handler_api", "/stubs/handler_api.php",
                 "/daisysms/stubs/handler_api.php", "/", "/none", "/v1"]  # fmt: skip


def cors(answer: Answer) -> dict[str, str]:
    """The headers that only browsers heed."""
    return {n: v for n, v in answer.headers.items() if n.startswith("Access-Control-")}


def asked_by(origin: str, **more: str) -> dict[str, str]:
    return {"Origin": origin, **more}


async def preflight(client: Client, path: str, origin: str = PAGE) -> Answer:
    headers = asked_by(origin)
    headers["Access-Control-Request-Method"] = "POST"
    headers["Access-Control-Request-Headers"] = "content-type,x-api-key"
    return await client.ask("OPTIONS", path, headers=headers, key=None)


@pytest.fixture
def client(stand: Stand) -> Client:
    stand.client.checked = False  # the document says nothing of OPTIONS
    return stand.client


@pytest.mark.parametrize("path", PATHS)
async def test_a_preflight_is_answered_before_any_key_is_asked_for(
    stand: Stand, client: Client, path: str
) -> None:
    answer = await preflight(client, path)

    assert (answer.status, answer.body) == (204, b"")
    assert cors(answer) == ANY | PREFLIGHT
    assert "Vary" not in answer.headers
    assert stand.sim.journal.calls.total() == 0


@pytest.mark.parametrize("path", NOT_FOR_PAGES)
async def test_other_addresses_are_for_no_page(client: Client, path: str) -> None:
    first = await preflight(client, path)
    answer = await client.ask("GET", path, headers=asked_by(PAGE))

    assert first.status != 204
    assert cors(first) == cors(answer) == {}


async def test_mcp_is_for_no_page() -> None:
    async with run_mcp() as stand, open_client(stand.url) as client:
        first = await preflight(client, "/mcp")
        answer = await client.ask("POST", "/mcp", headers=asked_by(PAGE), json={})

    assert first.status != 204
    assert cors(first) == cors(answer) == {}


async def test_options_that_is_no_preflight_is_a_method_like_others(client: Client) -> None:
    answer = await client.ask("OPTIONS", "/v1/rentals", headers=asked_by(PAGE))

    assert (answer.status, cors(answer)) == (405, ANY)


async def test_whatever_is_answered_can_be_read(client: Client) -> None:
    page = asked_by(PAGE)
    rent = {"service_code": "whatsapp"}
    once = {**page, "Idempotency-Key": "once"}
    prices = await client.ask("GET", "/v1/prices", headers=page)
    known = {**page, "If-None-Match": prices.headers["ETag"]}
    answers = [
        prices,
        await client.ask("GET", "/v1/prices", headers=known),
        await client.ask("HEAD", "/v1/prices", headers=page),
        await client.ask("GET", "/v1/balance", headers=page),
        await client.ask("HEAD", "/v1/balance", headers=page),
        await client.ask("GET", "/v1/balance", headers={**page, "Connection": "close"}),
        await client.ask("POST", "/v1/rentals", headers=once, json=rent),
        await client.ask("POST", "/v1/rentals", headers=once, json=rent),
        await client.ask("GET", "/openapi.json", headers=page),
        await client.ask("HEAD", "/openapi.yaml", headers=page),
    ]

    assert [each.status for each in answers] == [200, 304, 200, 200, 200, 200, 201, 201, 200, 200]
    assert [cors(each) for each in answers] == [ANY] * len(answers)
    assert answers[7].headers["Idempotency-Replayed"] == "true"


ERRORS: list[tuple[int, str, str, dict[str, Any]]] = [
    (400, "POST", "/v1/rentals", {"json": {}}),
    (401, "GET", "/v1/balance", {"key": None}),
    (404, "GET", "/v1/nothing", {}),
    (405, "DELETE", "/v1/rentals", {}),
    (405, "POST", "/openapi.json", {}),
    (413, "POST", "/v1/rentals", {"data": b" " * (inputs.MAX_BODY + 1)}),
    (415, "POST", "/v1/rentals", {"data": b"{}", "headers": {"Content-Type": "text/plain"}}),
]


@pytest.mark.parametrize(("status", "method", "path", "more"), ERRORS)
async def test_refusals_can_be_read(
    client: Client, status: int, method: str, path: str, more: Mapping[str, Any]
) -> None:
    headers = asked_by(PAGE, **{"Content-Type": "application/json"}) | more.get("headers", {})
    if "json" in more:
        del headers["Content-Type"]
    answer = await client.ask(method, path, **{**more, "headers": headers})

    assert (answer.status, cors(answer)) == (status, ANY)


@pytest.mark.parametrize(
    ("status", "words"), [(429, "Too many requests"), (503, "Service is under maintenance")]
)
async def test_errors_of_the_provider_can_be_read(
    scripted: ScriptedStand, status: int, words: str
) -> None:
    scripted.provider.always = lambda _: reply(status, {"errors": words})
    answer = await scripted.client.ask("GET", "/v1/balance", headers=asked_by(PAGE))

    assert (answer.status, cors(answer)) == (status, ANY)


async def test_a_fault_of_the_gateway_can_be_read(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(RestFace, "guard", fail)
    async with run_simulated() as stand:
        answer = await stand.client.ask("GET", "/v1/balance", headers=asked_by(PAGE))

    assert (answer.status, cors(answer)) == (500, ANY)


SLOW = ["Content-Type: application/json", "Content-Length: 100"]
UNFRAMED = ["Transfer-Encoding: gzip, chunked"]


@pytest.mark.parametrize(("headers", "status"), [(SLOW, b"408"), (UNFRAMED, b"400")])
async def test_what_the_edge_refuses_can_be_read(
    client: Client, headers: list[str], status: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "BODY_SECONDS", 0.05)
    usual = ["Host: x", f"Origin: {PAGE}", f"X-API-Key: {client.key}"]
    answer = await raw(client, "POST /v1/rentals HTTP/1.1", *usual, *headers, until=b"\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 " + status)
    for name, value in ANY.items():
        assert f"{name}: {value}\r\n".encode() in answer


async def test_a_stream_of_events_can_be_read_and_is_named(client: Client) -> None:
    headers = asked_by(PAGE, **{"X-API-Key": client.key or "", "X-Request-Id": "mine"})
    async with client.session.get(client.url + "/v1/events/stream", headers=headers) as response:
        told = response.headers

    assert response.status == 200
    assert {name: told[name] for name in ANY} == ANY
    assert told["X-Request-Id"] == "mine"


async def test_without_an_origin_nothing_is_added(client: Client) -> None:
    answers = [await client.get("/v1/balance"), await client.get("/v1/nothing")]

    assert [cors(each) for each in answers] == [{}, {}]


def varies(answer: Answer) -> bool:
    return "Origin" in ", ".join(answer.headers.getall("Vary", [])).split(", ")


@pytest.mark.parametrize("path", ["/v1/balance", "/v1/prices", "/v1/nothing", "/openapi.json"])
async def test_listed_origins_are_named_and_others_are_not(path: str) -> None:
    async with run_simulated(**LISTED) as stand:
        ask = stand.client.ask
        listed = await ask("GET", path, headers=asked_by(PAGE))
        head = await ask("HEAD", path, headers=asked_by("http://localhost:5173"))
        unlisted = await ask("GET", path, headers=asked_by(OTHER))
        nobody = await ask("GET", path)

    assert cors(listed) == {**ANY, "Access-Control-Allow-Origin": PAGE}
    assert cors(head) == {**ANY, "Access-Control-Allow-Origin": "http://localhost:5173"}
    assert cors(unlisted) == cors(nobody) == {}
    assert [varies(each) for each in (listed, head, unlisted, nobody)] == [True] * 4


async def test_a_preflight_of_an_origin_that_is_not_listed_allows_nothing() -> None:
    async with run_simulated(**LISTED) as stand:
        stand.client.checked = False
        listed = await preflight(stand.client, "/v1/rentals")
        unlisted = await preflight(stand.client, "/v1/rentals", OTHER)
        opaque = await preflight(stand.client, "/v1/rentals", "null")

    assert [each.status for each in (listed, unlisted, opaque)] == [204] * 3
    assert listed.headers["Access-Control-Allow-Origin"] == PAGE
    assert "Access-Control-Allow-Origin" not in {**cors(unlisted), **cors(opaque)}
    assert varies(listed)
    assert varies(unlisted)


async def test_no_origins_turn_it_off() -> None:
    async with run_simulated(gateway_cors_origins=[]) as stand:
        stand.client.checked = False
        first = await preflight(stand.client, "/v1/rentals")
        answer = await stand.client.ask("GET", "/v1/balance", headers=asked_by(PAGE))

    assert (first.status, answer.status) == (401, 200)
    assert cors(first) == cors(answer) == {}
    assert not varies(answer)


GIVEN = [
    ("*", "*"),
    ("https://App.Example:443", "https://app.example"),
    ("http://127.0.0.1:5173", "http://127.0.0.1:5173"),
    ("http://[::1]:80", "http://[::1]"),
    ("https://b\u00fccher.example", "https://xn--bcher-kva.example"),
    ("chrome-extension://abcdef", "chrome-extension://abcdef"),
]


@pytest.mark.parametrize(("given", "meant"), GIVEN)
def test_origins_are_kept_as_browsers_send_them(given: str, meant: str) -> None:
    assert Settings(gateway_cors_origins=[given]).gateway_cors_origins == [meant]
