"""Every documented body of the provider and every known oddity, through the whole gateway.

Rows are: name, source (page, client, live, guess), operation, the provider's reply, what must
come out: some fields of the value, or the code of the error.
"""

import json
from typing import Any

import pytest

from gateway.core.operations.catalog import CATALOG
from tests.support import samples as s
from tests.support.contract import Answer
from tests.support.gateway import ScriptedStand
from tests.support.samples import ASKS
from tests.support.scripted import Act, Said, reply

Row = tuple[str, str, str, Said, dict[str, Any] | str]

NUMBER = "+11234567890"
HTML = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


def ok(body: Any, status: int = 200) -> bytes:
    return reply(status, body)


def refused(words: str, status: int = 400) -> bytes:
    return reply(status, {"errors": words})


def without(body: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}


def prices(*rows: dict[str, Any]) -> bytes:
    return ok({"status": "success", "errors": None, "prices": [{**s.PRICE, **r} for r in rows]})


SAMPLES: list[Row] = [
    ("rent", "page", "rent_number", ok(s.RENTED, 201), {
        "id": 12345, "status": "active", "service_code": "whatsapp", "service_name": "Whatsapp",
        "number": NUMBER, "code": None, "price": "0.55", "currency": "USD", "balance": "113.32",
        "ends_at": "2025-07-06T19:43:37Z"}),
    ("status", "page", "get_rental", ok(s.STATUS), {
        "id": 12345, "status": "active", "number": NUMBER, "code": None, "price": "0.55",
        "balance": "113.32", "ends_at": "2025-07-06T19:43:37Z"}),
    ("cancel", "page", "cancel_rental", ok(s.CANCELLED), {
        "id": 12345, "status": "cancelled", "balance": "113.87"}),
    ("completed", "page", "complete_rental", ok(s.COMPLETED), {
        "id": 12345, "status": "completed", "price": "0.10", "balance": "9.90",
        "ends_at": "2025-08-12T04:19:30Z", "number": NUMBER}),
    ("prices", "page", "list_prices", ok(s.PRICES), {"data": [{
        "service_code": "whatsapp", "service_name": "Whatsapp", "price": "0.55",
        "currency": "USD", "stock": 120, "ttl_minutes": 5, "multiple_sms": True}]}),
    ("balance", "page", "get_balance", ok(s.BALANCE), {"balance": "10.55", "currency": "USD"}),
    ("long rentals", "page", "list_long_rentals", ok(s.LONG_LIST), {"data": [{
        "id": 1, "status": "active", "number": NUMBER, "price": "10.55", "currency": "USD",
        "period": "1w", "auto_renew": True, "rented_on": "2025-07-01", "ends_on": "2025-07-06"}]}),
    ("long rental made", "page", "create_long_rental", ok(s.LONG_MADE), {
        "id": 1, "status": "active", "period": "1w", "ends_on": "2025-07-06"}),
    ("messages", "page", "list_messages", ok(s.TEXTS), {"data": [{
        "text": "This is a example message", "sender": "8888", "number": NUMBER,
        "received_at": "2025-07-28T16:39:32Z"}]}),
    ("re-rent", "page", "rent_again", ok(s.RENTED, 201), {"id": 12345, "status": "active"}),
    ("renewed", "page", "renew_long_rental", ok(s.LONG_MADE), {"id": 1, "status": "active"}),
]  # fmt: skip

ODDITIES: list[Row] = [
    # 1: every way of "no error"
    ("errors null", "page", "get_balance", ok({**s.BALANCE, "errors": None}), {"balance": "10.55"}),
    ("errors empty", "page", "get_balance", ok({**s.BALANCE, "errors": ""}), {"balance": "10.55"}),
    ("no errors", "client", "get_balance", ok({"balance": "10.55"}), {"balance": "10.55"}),
    # 2: every way of an error
    ("errors only", "page", "rent_number", refused("Service is out of stock"), "out_of_stock"),
    ("keys null but errors", "page", "rent_number",
     reply(400, {**dict.fromkeys(s.RENTED), "errors": "Service is out of stock"}), "out_of_stock"),
    ("message", "client", "rent_number", reply(400, {"message": "out of stock"}), "out_of_stock"),
    ("error", "client", "rent_number", reply(400, {"error": "out of stock"}), "out_of_stock"),
    ("2xx with errors", "client", "rent_number", refused("Insufficient funds", 200),
     "insufficient_funds"),
    ("HTML of a proxy, read", "client", "get_rental", reply(502, HTML, "text/html"),
     "upstream_error"),
    ("HTML of a proxy, spend", "client", "rent_number", reply(502, HTML, "text/html"),
     "outcome_unknown"),
    ("HTML as a success", "guess", "get_balance", reply(200, HTML, "text/html"),
     "upstream_bad_response"),
    ("plain text", "client", "get_balance", reply(200, "OK", "text/plain"),
     "upstream_bad_response"),
    ("empty body", "client", "get_balance", reply(200, ""), "upstream_bad_response"),
    ("empty body, spend", "client", "rent_number", reply(201, ""), "outcome_unknown"),
    ("empty 500, spend", "client", "rent_again", reply(500, ""), "outcome_unknown"),
    ("JSON cut short", "guess", "get_rental", reply(200, json.dumps(s.STATUS)[:40]),
     "upstream_bad_response"),
    ("JSON cut short, spend", "guess", "rent_number", reply(201, json.dumps(s.RENTED)[:40]),
     "outcome_unknown"),
    # 3: nested and flattened
    ("long rental flattened", "page", "create_long_rental",
     ok({**s.LONG, "status": "success", "errors": "null"}), {"id": 1, "status": "active"}),
    ("rental flattened", "guess", "complete_rental",
     ok({**s.COMPLETED["rental"], "status": "success", "errors": None}),
     {"id": 12345, "status": "completed", "price": "0.10"}),
    ("rental nested", "guess", "get_rental", ok({"status": "success", "rental": s.STATUS}),
     {"id": 12345, "status": "active"}),
    # 4: names and forms of amounts
    ("price as a number", "client", "list_prices", prices({"price": 0.55}),
     {"data": [{"price": "0.55"}]}),
    ("one decimal", "page", "get_balance", ok({"balance": "0.1"}), {"balance": "0.10"}),
    ("whole amount", "guess", "get_balance", ok({"balance": 10}), {"balance": "10.00"}),
    ("three decimals stay exact", "guess", "get_balance", ok({"balance": "1.005"}),
     {"balance": "1.005"}),
    ("status with price", "client", "get_rental",
     ok({**without(s.STATUS, "cost", "balance"), "price": "0.55", "new_balance": "9.9"}),
     {"price": "0.55", "balance": "9.90"}),
    # 5: the words of status
    *[("status " + word, "client", "get_rental", ok({**s.STATUS, "status": word}),
       {"status": told})
      for word, told in (("active", "active"), ("ACTIVE", "active"), ("cancelled", "cancelled"),
                         ("canceled", "cancelled"), ("completed", "completed"),
                         ("Expired", "expired"), ("timeout", "expired"), ("closed", "expired"),
                         ("frozen", "unknown"))],
    *[("long status " + word, "page", "list_long_rentals",
       ok({**s.LONG_LIST, "long_rentals": [{**s.LONG, "status": word}]}),
       {"data": [{"status": told}]})
      for word, told in (("Active", "active"), ("Cancelled", "cancelled"),
                         ("Expired", "expired"), ("Frozen", "unknown"))],
    # 6 and 7: codes
    ("a code while active", "page", "get_rental", ok({**s.STATUS, "code": "012345"}),
     {"status": "code_received", "code": "012345"}),
    ("a code after the end", "client", "get_rental",
     ok({**s.STATUS, "status": "completed", "code": "012345"}),
     {"status": "completed", "code": "012345"}),
    ("a code as an integer", "guess", "get_rental", ok({**s.STATUS, "code": 654321}),
     {"code": "654321"}),
    ("the text null as code", "client", "get_rental", ok({**s.STATUS, "code": "null"}),
     {"code": None, "status": "active"}),
    ("an empty code", "client", "get_rental", ok({**s.STATUS, "code": ""}),
     {"code": None, "status": "active"}),
    # 8: the price list
    ("multiple_sms boolean", "client", "list_prices", prices({"multiple_sms": False}),
     {"data": [{"multiple_sms": False}]}),
    ("multiple_sms text", "page", "list_prices", prices({"multiple_sms": "false"}),
     {"data": [{"multiple_sms": False}]}),
    ("no stock", "client", "list_prices", ok({"prices": [without(s.PRICE, "stock")]}),
     {"data": [{"stock": None}]}),
    ("stock of none", "page", "list_prices", prices({"stock": 0}), {"data": [{"stock": 0}]}),
    ("bare rows", "client", "list_prices", ok([s.PRICE]), {"data": [{"price": "0.55"}]}),
    ("one bare object", "client", "list_prices", ok(s.PRICE), {"data": [{"price": "0.55"}]}),
    ("no rows", "guess", "list_prices", ok({**s.PRICES, "prices": []}), {"data": []}),
    ("a slash", "live", "list_prices", prices({"api_name": "instagram/threads"}),
     {"data": [{"service_code": "instagram/threads"}]}),
    ("a row that cannot be read", "guess", "list_prices",
     prices({"price": "soon"}, {"api_name": "odd"}), {"data": [{"service_code": "odd"}]}),
    # 9: numbers
    ("eleven digits", "client", "get_rental", ok({**s.STATUS, "number": "11234567890"}),
     {"number": NUMBER}),
    ("a number as an integer", "guess", "get_rental", ok({**s.STATUS, "number": 1234567890}),
     {"number": NUMBER}),
    ("no number", "guess", "get_rental", ok(without(s.STATUS, "number")), {"number": None}),
    # 10: times
    ("winter time", "page", "get_rental", ok({**s.STATUS, "end_time": "2025-01-06 15:43:37"}),
     {"ends_at": "2025-01-06T20:43:37Z"}),
    ("with an offset", "guess", "get_rental",
     ok({**s.STATUS, "end_time": "2025-07-06T15:43:37-04:00"}),
     {"ends_at": "2025-07-06T19:43:37Z"}),
    ("no time", "guess", "get_rental", ok({**s.STATUS, "end_time": "soon"}), {"ends_at": None}),
    # a purchase is never lost for one odd field
    ("rented, all odd but the id", "guess", "rent_number",
     ok({"id": "12345", "number": [], "price": {}, "end_time": 7, "new_balance": "?"}, 201),
     {"id": 12345, "number": None, "price": None, "ends_at": None, "balance": None}),
    ("rented with 200", "guess", "rent_number", ok(s.RENTED), {"id": 12345}),
    ("rented without an id", "guess", "rent_number", ok(without(s.RENTED, "id"), 201),
     "outcome_unknown"),
    ("rented with an id beyond 2^63", "guess", "rent_number", ok({**s.RENTED, "id": 2**63}, 201),
     "outcome_unknown"),
    ("about another rental", "guess", "get_rental", ok({**s.STATUS, "id": 1}),
     "upstream_bad_response"),
    ("a redirect", "page", "get_balance", reply(302, "", Location="https://www.example.com/"),
     "upstream_bad_response"),
    ("a redirect of a spend", "page", "rent_number",
     reply(307, "", Location="https://www.example.com/"), "outcome_unknown"),
    ("too large a body", "guess", "get_balance", ok({"balance": "1", "x": "y" * 5_000_000}),
     "upstream_bad_response"),
    ("compressed though not asked", "guess", "get_balance",
     reply(200, b"\x1f\x8b", Content_Encoding="gzip"), "upstream_bad_response"),
    ("a deep nest", "guess", "get_balance", reply(200, "[" * 100_000), "upstream_bad_response"),
    ("no HTTP", "guess", "get_balance", b"nonsense\r\n\r\n", "upstream_bad_response"),
    ("no HTTP, spend", "guess", "rent_number", b"nonsense\r\n\r\n", "outcome_unknown"),
    ("a line cut", "guess", "get_rental", Act.DROP, "upstream_unavailable"),
    ("a line cut, spend", "guess", "rent_number", Act.DROP, "outcome_unknown"),
    ("half a body", "guess", "rent_number", ok(s.RENTED, 201)[:-20], "outcome_unknown"),
]  # fmt: skip

REFUSALS: list[Row] = [
    (f"{op}: {words} ({status})", source, op, refused(words, status), code)
    for op, words, status, source, code in (
        ("rent_number", "Service is under maintenance", 503, "page", "upstream_maintenance"),
        ("get_balance", "Auth is not presented on the request", 403, "page", "unauthorized"),
        ("get_balance", "Wrong Api Key or User is restricted", 403, "page", "unauthorized"),
        ("rent_number", "Wrong Api Key or User is restricted", 403, "page", "unauthorized"),
        ("rent_number", "Service is out of stock", 400, "client", "out_of_stock"),
        ("rent_number", "No numbers available", 400, "client", "out_of_stock"),
        ("rent_number", "You have insufficient funds", 400, "client", "insufficient_funds"),
        ("rent_number", "Low balance", 400, "client", "insufficient_funds"),
        ("rent_number", "Not enough funds", 400, "client", "insufficient_funds"),
        ("rent_number", "Price is above your maximum price", 400, "client", "price_too_high"),
        (
            "rent_number",
            "You have reached the maximum number of active rentals",
            400,
            "client",
            "too_many_active_rentals",
        ),
        ("rent_number", "Service not found", 404, "page", "service_not_found"),
        ("rent_number", "This service does not exist", 404, "page", "service_not_found"),
        ("get_rental", "Rental not found", 404, "live", "rental_not_found"),
        (
            "get_rental",
            "You do not have permission to access this rental",
            200,
            "live",
            "rental_not_found",
        ),
        ("rent_again", "Rental not found", 404, "live", "rental_not_found"),
        ("list_messages", "Rental not found", 404, "guess", "long_rental_not_found"),
        ("complete_rental", "Rental is not active", 400, "guess", "rental_ended"),
        ("renew_long_rental", "You have insufficient funds", 400, "guess", "insufficient_funds"),
        ("get_balance", "Too many requests", 429, "page", "rate_limited"),
        ("rent_number", "Too many requests", 429, "page", "rate_limited"),
        ("rent_number", "The moon is not full", 400, "guess", "upstream_refused"),
        ("get_rental", "The moon is not full", 400, "guess", "upstream_refused"),
        ("get_balance", "The moon fell down", 500, "guess", "upstream_error"),
    )
]
BARE: list[Row] = [
    ("404 without words", "live", "get_rental", reply(404, ""), "rental_not_found"),
    ("404 of a long rental", "guess", "list_messages", reply(404, ""), "long_rental_not_found"),
    ("429 as a page", "page", "rent_number", reply(429, HTML, "text/html"), "rate_limited"),
    ("503 of a proxy, spend", "guess", "rent_number",
     reply(503, "<h1>Service Unavailable</h1>", "text/html"), "outcome_unknown"),
    ("503 of a proxy, in JSON", "guess", "rent_number",
     reply(503, {"message": "no server is available"}), "outcome_unknown"),
]  # fmt: skip
ROWS = SAMPLES + ODDITIES + REFUSALS + BARE


async def ask(stand: ScriptedStand, name: str) -> Answer:
    operation = ASKS[name]
    return await stand.client.ask(operation.method, operation.path, json=operation.json)


def holds(body: Any, expected: Any) -> bool:
    """Whether everything expected is there, however much else is."""
    if isinstance(expected, dict):
        return all(name in body and holds(body[name], want) for name, want in expected.items())
    if isinstance(expected, list):
        return len(body) == len(expected) and all(map(holds, body, expected))
    return bool(body == expected)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[1]}: {row[0]}")
async def test_a_body_becomes_a_clean_value_or_the_right_error(
    scripted: ScriptedStand, row: Row
) -> None:
    _, _, name, said, expected = row
    scripted.provider.always = said  # a read is asked again
    answer = await ask(scripted, name)

    if isinstance(expected, str):
        assert (answer.json.get("code"), answer.status >= 400) == (expected, True), answer.json
    else:
        assert answer.status in (200, 201), answer.json
        assert holds(answer.json, expected), answer.json


def test_there_is_a_documented_body_for_every_operation() -> None:
    # Answered from the records, by way of get_rental, or by get_rental and rent_number.
    ours = {"list_rentals", "wait_for_code", "list_events", "get_usage", "replace_rental"}
    ours |= {operation.name for operation in CATALOG if operation.toolset in ("webhooks", "keys")}
    assert set(ASKS) == {operation.name for operation in CATALOG} - ours


@pytest.mark.parametrize("name", ASKS)
async def test_every_operation_is_one_call_to_the_provider(
    scripted: ScriptedStand, name: str
) -> None:
    operation = ASKS[name]
    scripted.provider.script.append(reply(operation.status, operation.body))
    answer = await ask(scripted, name)

    assert answer.status in (200, 201), answer.json
    assert len(scripted.provider.asked) == 1
    assert scripted.provider.asked[0].headers["auth"] == "sk_demo"


async def test_words_nobody_has_seen_are_passed_on(scripted: ScriptedStand) -> None:
    scripted.provider.script.append(refused("The moon is not full"))
    answer = await ask(scripted, "rent_number")

    assert answer.json["upstream"] == {"status": 400, "message": "The moon is not full"}
    assert (answer.status, answer.json["charged"]) == (409, "no")


async def test_the_provider_cannot_make_us_repeat_the_callers_key(scripted: ScriptedStand) -> None:
    scripted.provider.script.append(refused("The key sk_demo is odd"))
    answer = await ask(scripted, "get_balance")

    assert b"sk_demo" not in answer.body


async def test_the_providers_wait_is_passed_on(scripted: ScriptedStand) -> None:
    scripted.provider.script.append(reply(429, {"errors": "Too many"}, Retry_After="7"))
    answer = await ask(scripted, "get_balance")

    assert (answer.status, answer.json["retry_after"]) == (429, 7)
    assert answer.headers["Retry-After"] == "7"
