"""How requests must look, and what is said of those that do not."""

import asyncio
import gzip
import zlib
from dataclasses import replace
from typing import Any

import pytest

from adapters.simulator import AccountConfig
from gateway.core.model.redact import REDACTED
from gateway.http.wire import inputs
from tests.support.contract import PROBLEM_JSON, Answer
from tests.support.gateway import USUAL, Client, Stand, run_simulated
from tests.support.samples import ASKS

JSON = {"Content-Type": "application/json"}
RENT = "/v1/rentals"


def problem(answer: Answer) -> tuple[int, str]:
    assert answer.content_type == PROBLEM_JSON
    return answer.status, answer.json["code"]


async def raw(client: Client, *lines: str, body: bytes = b"", until: bytes | None = None) -> bytes:
    """A request written by hand; gives everything that comes back."""
    host, port = client.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write("".join(f"{line}\r\n" for line in (*lines, "")).encode("latin-1") + body)
    await writer.drain()
    try:
        async with asyncio.timeout(60):
            return await (reader.readuntil(until) if until else reader.read())
    finally:
        writer.close()
        await writer.wait_closed()


WRONG_ADDRESSES = [
    ("GET", "/v1/nothing", 404, None),
    ("GET", "/v1/", 404, None),
    ("GET", "/v1/prices//", 404, None),
    ("POST", "/v1/rentals//", 404, None),
    ("POST", "/v1/rentals/1/cancel//", 404, None),
    ("GET", "/v1//prices", 404, None),
    ("GET", "/v1//prices/", 404, None),
    ("GET", "/v1/nothing/", 404, None),
    ("GET", "/healthz/", 404, None),
    ("GET", "/v1/Prices", 404, None),
    ("GET", "/nothing", 404, None),
    ("POST", "/", 405, "GET, HEAD"),
    ("POST", "/docs", 405, "GET, HEAD"),
    ("GET", "/docs/nothing", 404, None),
    ("DELETE", "/v1/rentals/1", 405, "GET, HEAD"),
    ("PATCH", "/v1/prices", 405, "GET, HEAD"),
    ("GET", "/v1/rentals/1/cancel", 405, "POST"),
    ("GET", "/v1/rentals/1/complete", 405, "POST"),
    ("GET", "/v1/rentals/1/cancel/", 405, "POST"),
    ("DELETE", "/v1/rentals/", 405, "GET, HEAD, POST"),
    ("POST", "/openapi.json/", 405, "GET, HEAD"),
    ("PUT", "/v1/long-rentals", 405, "GET, HEAD, POST"),
    ("OPTIONS", RENT, 405, "GET, HEAD, POST"),
    ("POST", "/healthz", 405, "GET, HEAD"),
]


@pytest.mark.parametrize(("method", "path", "status", "allow"), WRONG_ADDRESSES)
async def test_wrong_addresses_and_methods_are_problems(
    client: Client, method: str, path: str, status: int, allow: str | None
) -> None:
    answer = await client.ask(method, path, allow_redirects=False)

    assert problem(answer) == (status, {404: "not_found", 405: "method_not_allowed"}[status])
    assert answer.headers.get("Allow") == allow
    assert "Location" not in answer.headers


BODIES: list[tuple[str, bytes, dict[str, str], int, str, str]] = [
    # name, body, headers, status, code, words of the detail
    ("no JSON", b"service_code=whatsapp", JSON, 400, "invalid_request", "body: is not valid JSON"),
    ("cut JSON", b'{"service_code": "wh', JSON, 400, "invalid_request", "body: "),
    ("two objects", b"{}{}", JSON, 400, "invalid_request", "body: "),
    ("no UTF-8", b'{"service_code": "\xff"}', JSON, 400, "invalid_request", "body: "),
    ("half a pair", b'{"service_code": "\\ud800"}', JSON, 400, "invalid_request", "body: "),
    ("NaN", b'{"max_price": NaN}', JSON, 400, "invalid_request", "body: "),
    ("deep", b"[" * 30_000 + b"]" * 30_000, JSON, 400, "invalid_request", "body: "),
    ("huge number", b'{"max_price": ' + b"9" * 60_000 + b"}", JSON, 400, "invalid_request", ""),
    ("endless number", b'{"service_code": "w", "max_price": 1e999}', JSON, 400,
     "invalid_request", ""),
    ("a list", b"[]", JSON, 400, "invalid_request", "body: must be a JSON object"),
    ("null", b"null", JSON, 400, "invalid_request", "body: must be a JSON object"),
    ("text", b'"whatsapp"', JSON, 400, "invalid_request", "body: must be a JSON object"),
    ("nothing", b"", JSON, 400, "invalid_request", "service_code: is required"),
    ("white", b" \r\n ", JSON, 400, "invalid_request", "service_code: is required"),
    ("a form", b"service_code=whatsapp", {"Content-Type": "application/x-www-form-urlencoded"},
     415, "unsupported_media_type", "application/json"),
    ("no type", b'{"service_code": "whatsapp"}', {"Content-Type": ""}, 415,
     "unsupported_media_type", "application/json"),
    ("text type", b'{"service_code": "whatsapp"}', {"Content-Type": "text/plain"}, 415,
     "unsupported_media_type", "application/json"),
    ("gzip", gzip.compress(b"{}"), {**JSON, "Content-Encoding": "gzip"}, 415,
     "unsupported_media_type", "compressed"),
    ("deflate", zlib.compress(b"{}"), {**JSON, "Content-Encoding": "deflate"}, 415,
     "unsupported_media_type", "compressed"),
    ("too large", b'{"service_code": "' + b"w" * 65_536 + b'"}', JSON, 413, "payload_too_large",
     "too large"),
]  # fmt: skip


@pytest.mark.parametrize("row", BODIES, ids=lambda row: row[0])
async def test_bodies_that_cannot_be_read_are_problems(
    stand: Stand, row: tuple[str, bytes, dict[str, str], int, str, str]
) -> None:
    _, body, headers, status, code, words = row
    answer = await stand.client.ask("POST", RENT, data=body, headers=headers)

    assert problem(answer) == (status, code)
    assert words in answer.json["detail"]
    assert stand.sim.books.rentals == {}


JSON_TYPES = ["application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.api+json"]


@pytest.mark.parametrize("content_type", JSON_TYPES)
async def test_every_name_of_json_is_taken(client: Client, content_type: str) -> None:
    body = b'{"service_code": "whatsapp"}'
    answer = await client.ask("POST", RENT, data=body, headers={"Content-Type": content_type})

    assert answer.status == 201


async def test_a_body_that_comes_in_chunks_without_a_length_is_limited_too(client: Client) -> None:
    async def chunks() -> Any:
        for _ in range(80):
            yield b" " * 1024

    assert problem(await client.ask("POST", RENT, data=chunks(), headers=JSON))[0] == 413


@pytest.mark.parametrize("sent", [b"", b'{"service_code": '])
async def test_a_body_that_does_not_arrive_is_a_request_timeout(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(inputs, "BODY_SECONDS", 0.05)
    answer = await raw(
        stand.client,
        "POST /v1/rentals HTTP/1.1",
        "Host: here",
        "X-API-Key: sk_demo",
        "Content-Type: application/json",
        "Content-Length: 100",
        body=sent,
        until=b"}",
    )

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"request_timeout"' in answer
    assert b'"charged":"no"' in answer
    assert stand.sim.journal.calls.total() == 0


ONE = {"service_code": "whatsapp", "number": "+12125550123"}
WRONG_INPUTS: list[tuple[str, str, str, Any, str]] = [
    ("unknown field", "POST", RENT, {"service_code": "w", "colour": 1}, "colour: is not an input"),
    ("the provider's name", "POST", RENT, {"service_code": "w", "service": "w"},
     "service: is not an input"),
    ("number as text", "POST", RENT, {"service_code": 5}, "service_code: "),
    ("negative price", "POST", RENT, {"service_code": "w", "max_price": -1}, "max_price: "),
    ("flag as a number", "POST", RENT, {"service_code": "w", "keep_carrier": 1}, "keep_carrier: "),
    ("carrier", "POST", RENT, {"service_code": "w", "carrier": "o2"}, "carrier: "),
    ("area codes", "POST", RENT, {"service_code": "w", "area_codes": "12"}, "area_codes: "),
    ("number", "POST", RENT, {"service_code": "w", "number": "911"}, "number: "),
    ("number and carrier", "POST", RENT, {**ONE, "carrier": "tmobile"},
     "number: cannot be had with carrier: leave one or the other out"),
    ("number and areas", "POST", RENT, {**ONE, "area_codes": "212", "lock_area_code": True},
     "number: cannot be had with area_codes, lock_area_code: leave "),
    ("number and a carrier kept", "POST", RENT, {**ONE, "carrier": "at&t", "keep_carrier": True},
     "number: cannot be had with carrier, keep_carrier: leave "),
    ("keep no carrier", "POST", RENT, {"service_code": "w", "keep_carrier": "true"},
     "keep_carrier: needs a carrier to keep: name one in carrier"),
    ("keep any carrier", "POST", RENT, {**ONE, "carrier": "any", "keep_carrier": True},
     "keep_carrier: needs a carrier to keep: name one in carrier"),
    ("lock no area", "POST", RENT, {"service_code": "w", "area_codes": "", "lock_area_code": True},
     "lock_area_code: needs area codes to lock: list them in area_codes"),
    ("period", "POST", "/v1/long-rentals", {"period": "3w"}, "period: "),
    ("no period", "POST", "/v1/long-rentals", {}, "period: is required"),
    ("no flag", "POST", "/v1/long-rentals/1/auto-renew", {}, "auto_renew: is required"),
    ("id in words", "GET", "/v1/rentals/first", None, "rental_id: "),
    ("id of zero", "GET", "/v1/rentals/0", None, "rental_id: "),
    ("id beyond 2^63", "GET", f"/v1/rentals/{2**63}", None, "rental_id: "),
    ("id with a slash", "GET", "/v1/rentals/1%2F2", None, "rental_id: "),
    ("id in foreign digits", "GET", "/v1/rentals/%D9%A3", None, "rental_id: "),
    ("long id in words", "POST", "/v1/long-rentals/x/renew", None, "long_rental_id: "),
    ("path and body differ", "POST", "/v1/rentals/1/cancel", {"rental_id": 2},
     "rental_id: the path and the other inputs differ"),
    ("path and query differ", "GET", "/v1/rentals/1?rental_id=2", None, "rental_id: the path"),
    ("path and a huge id", "POST", "/v1/rentals/1/cancel", {"rental_id": 10**4000},
     "rental_id: the path"),
    ("twice", "GET", "/v1/prices?limit=1&limit=2", None, "limit: is given more than once"),
    ("unknown in the query", "GET", "/v1/prices?page=2", None, "page: is not an input"),
    ("key in the query", "GET", "/v1/balance?api_key=x", None, "api_key: is not an input"),
    ("query of a POST", "POST", RENT + "?service_code=w", {}, "query: "),
    ("order", "GET", "/v1/prices?sort=colour", None, "sort: "),
    ("limit", "GET", "/v1/prices?limit=-1", None, "limit: "),
    ("limit", "GET", "/v1/prices?limit=1001", None, "limit: "),
    ("limit in words", "GET", "/v1/prices?limit=all", None, "limit: "),
    ("flag", "GET", "/v1/prices?in_stock=maybe", None, "in_stock: "),
    ("price", "GET", "/v1/prices?max_price=cheap", None, "max_price: "),
    ("cursor", "GET", "/v1/prices?cursor=nonsense", None, "cursor: "),
]  # fmt: skip


@pytest.mark.parametrize("row", WRONG_INPUTS, ids=lambda row: row[0])
async def test_wrong_inputs_are_named(stand: Stand, row: tuple[str, str, str, Any, str]) -> None:
    _, method, path, given, words = row
    answer = await stand.client.ask(method, path, json=given)

    assert problem(answer) == (400, "invalid_request")
    assert answer.json["detail"].startswith(words), answer.json["detail"]
    assert stand.sim.books.spent == 0


TWICE: list[tuple[str, str, str]] = [
    (RENT, '{"service_code": "whatsapp", "max_price": 0.1, "max_price": 9}', "max_price"),
    (RENT, '{"service_code": "whatsapp", "service_code": "whatsapp"}', "service_code"),
    (RENT, '{"service_code": "whatsapp", "max_price": 1, "max\\u005fprice": 9}', "max_price"),
    (RENT, '{"service_code": [{"a": {"carrier": 1, "carrier": 1}}]}', "carrier"),
    (RENT, '{"service_code": "whatsapp", "\\ud83d\\ude00": 1, "\\ud83d\\ude00": 1}', REDACTED),
    (f"{RENT}/1/cancel", '{"rental_id": 1, "rental_id": 1}', "rental_id"),
    ("/v1/long-rentals/1/auto-renew", '{"auto_renew": false, "auto_renew": true}', "auto_renew"),
]


@pytest.mark.parametrize(("path", "body", "name"), TWICE)
async def test_a_name_that_stands_twice_in_a_body_is_refused(
    stand: Stand, path: str, body: str, name: str
) -> None:
    answer = await stand.client.ask("POST", path, data=body, headers=JSON)

    assert problem(answer) == (400, "invalid_request")
    assert answer.json["detail"].startswith(f"{name}: is given more than once.")
    assert stand.sim.books.spent == 0
    assert not stand.sim.journal.received


ODD: list[tuple[str, bytes]] = [
    ("a deep nest", b"[" * 30_000 + b"]" * 30_000),
    ("a nest of objects", b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    ("no number", b'{"service_code": "whatsapp", "max_price": NaN}'),
    ("no number of JSON", b'{"service_code": "whatsapp", "max_price": -Infinity}'),
    ("a huge number", b'{"max_price": ' + b"9" * 20_000 + b"}"),
    ("half a surrogate", b'{"service_code": "\\ud83d"}'),
    ("other bytes", '{"service_code": "whatsapp"}'.encode("utf-16")),
    ("a control character", b'{"service_code": "what\x01sapp"}'),
]


@pytest.mark.parametrize("body", [row[1] for row in ODD], ids=[row[0] for row in ODD])
async def test_an_odd_body_is_no_json(stand: Stand, body: bytes) -> None:
    answer = await stand.client.ask("POST", RENT, data=body, headers=JSON)

    assert problem(answer) == (400, "invalid_request")
    assert answer.json["detail"].startswith("body: is not valid JSON.")


KEY = "sk_live_0b5f9c8e4d3a"
KEYS_ASTRAY: list[tuple[str, str, str, Any, dict[str, str]]] = [
    ("a field's value", "POST", RENT, {"service_code": "w", "api_key": KEY}, {}),
    ("a field's name", "POST", RENT, {"service_code": "w", KEY: 1}, {}),
    ("several names", "POST", RENT, {f"{KEY}{number}": 1 for number in range(50)}, {}),
    ("a name of the query", "GET", f"/v1/prices?{KEY}=1", None, {}),
    ("a name given twice", "GET", f"/v1/prices?{KEY}=1&{KEY}=2", None, {}),
    ("a service", "POST", RENT, {"service_code": KEY}, {}),
    ("a request's name", "POST", RENT, {"service_code": "w", "request_id": f"1-{KEY}"}, {}),
    ("the header of one", "POST", RENT, {"service_code": "w"}, {"Idempotency-Key": KEY}),
]  # fmt: skip


@pytest.mark.parametrize("row", KEYS_ASTRAY, ids=lambda row: row[0])
async def test_a_key_that_stands_where_none_belongs_is_not_said_again(row: Any) -> None:
    _, method, path, given, headers = row
    config = replace(USUAL, accounts=(AccountConfig(KEY),))
    async with run_simulated(config) as stand:
        named = headers | {"X-Request-Id": KEY}
        answer = await stand.client.ask(method, path, json=given, headers=named, key=KEY)

    assert problem(answer) == (400, "invalid_request")
    assert KEY.encode() not in answer.body
    assert KEY not in str(answer.headers)
    assert len(answer.body) < 2000
    assert stand.sim.books.spent == 0


async def test_a_key_that_stands_twice_in_a_body_is_not_said_again(stand: Stand) -> None:
    body = f'{{"service_code": "whatsapp", "{KEY}": 1, "{KEY}": 2}}'
    answer = await stand.client.ask("POST", RENT, data=body, headers=JSON)

    assert problem(answer) == (400, "invalid_request")
    assert answer.json["detail"].startswith(f"{REDACTED}: is given more than once.")


SAME_AS_ABSENT: list[tuple[str, dict[str, Any]]] = [
    ("/v1/rentals", {"service_code": "whatsapp", "max_price": "", "carrier": "", "number": ""}),
    # Low-code forms send every optional input.
    ("/v1/rentals", {**ONE, "carrier": "any", "area_codes": "", "keep_carrier": False,
                     "lock_area_code": "false", "max_price": ""}),
    ("/v1/rentals", {"service_code": "whatsapp", "number": "", "keep_carrier": False,
                     "lock_area_code": False}),
    ("/v1/long-rentals", {"period": "1w", "auto_renew": ""}),
    ("/v1/rentals/12345/complete", {"rental_id": ""}),
    ("/v1/rentals/12345/complete", {"rental_id": 12345}),
    ("/v1/rentals/12345/complete", {"rental_id": "12345"}),
]  # fmt: skip


@pytest.mark.parametrize(("path", "given"), SAME_AS_ABSENT)
async def test_the_empty_text_means_absent(
    client: Client, path: str, given: dict[str, Any]
) -> None:
    if "12345" in path:
        await client.post(RENT, {"service_code": "whatsapp"})

    assert (await client.post(path, given)).status in (200, 201)


async def test_the_empty_text_in_a_query_means_absent(client: Client) -> None:
    everything = await client.get("/v1/prices")
    empty = await client.get("/v1/prices?query=&max_price=&sort=&limit=&cursor=&in_stock=")

    assert empty.json["data"] == everything.json["data"]


TRACE_IDS = [
    ("abc-123", True), ("A.b_c:d-9", True), ("x" * 64, True), ("x" * 65, False), ("a b", False),
    ("a;b", False), ("\u00e9", False), ("", False),
]  # fmt: skip


@pytest.mark.parametrize(("given", "kept"), TRACE_IDS)
async def test_a_readable_request_id_is_kept_and_any_other_replaced(
    client: Client, given: str, kept: bool
) -> None:
    good = await client.ask("GET", "/v1/balance", headers={"X-Request-Id": given})
    bad = await client.ask("GET", "/v1/nothing", headers={"X-Request-Id": given})

    assert (good.headers["X-Request-Id"] == given) is kept
    assert (bad.json["trace_id"] == given) is kept


async def test_every_request_has_its_own_id(client: Client) -> None:
    answers = [await client.get("/v1/balance") for _ in range(5)]

    assert len({answer.headers["X-Request-Id"] for answer in answers}) == 5


READS = [name for name, ask in ASKS.items() if ask.method == "GET"]
READ_TOO = {"/v1/long-rentals", "/v1/rentals"}
POST_ONLY = sorted({a.path for a in ASKS.values() if a.method == "POST"} - READ_TOO)


@pytest.mark.parametrize("name", READS)
async def test_head_of_a_read_is_its_headers_without_a_body(client: Client, name: str) -> None:
    await client.post(RENT, {"service_code": "whatsapp"})
    await client.post("/v1/long-rentals", {"period": "1w"})
    head = await client.ask("HEAD", ASKS[name].path)
    got = await client.ask("GET", ASKS[name].path)

    assert (head.status, got.status) == (200, 200)
    assert head.content_type == got.content_type
    assert head.headers["Content-Length"] == got.headers["Content-Length"]
    assert head.body == b""


@pytest.mark.parametrize("path", POST_ONLY)
async def test_head_never_acts(stand: Stand, path: str) -> None:
    await stand.client.post(RENT, {"service_code": "whatsapp"})
    await stand.client.post("/v1/long-rentals", {"period": "1w"})
    before = (stand.sim.books.spent, dict(stand.sim.books.rentals))
    asked = stand.sim.journal.calls.total()
    answer = await stand.client.ask("HEAD", path)

    assert (answer.status, answer.body) == (405, b"")
    assert (stand.sim.books.spent, stand.sim.books.rentals) == before
    assert stand.sim.journal.calls.total() == asked


async def test_head_of_the_long_rentals_buys_none(stand: Stand) -> None:
    answer = await stand.client.ask("HEAD", "/v1/long-rentals", json={"period": "1w"})

    assert answer.status == 200
    assert stand.sim.books.long_rentals == {}


ODD_TARGETS = [
    "/./v1/balance", "/x/../v1/balance", "//v1/balance", "/%761/balance", "/v1%2Fbalance",
    "http://elsewhere/v1/balance", "/v1/balance#x", "/v1/balance;x", "/v1/%", "/v1/%zz", "*",
    "/%00",
]  # fmt: skip


@pytest.mark.parametrize("target", ODD_TARGETS)
async def test_no_odd_target_gets_round_the_key(client: Client, target: str) -> None:
    answer = await raw(client, f"GET {target} HTTP/1.1", "Host: x", "Connection: close")

    assert answer.split(b" ")[1] in (b"400", b"401", b"404", b"405"), answer


def test_the_limits_of_a_body_are_as_promised() -> None:
    assert (inputs.MAX_BODY, inputs.BODY_SECONDS) == (65_536, 10.0)
