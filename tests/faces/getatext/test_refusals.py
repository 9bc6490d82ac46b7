"""What an existing client reads where the provider says no, or nothing."""

import json
from typing import Any

import pytest

from adapters.simulator import DEMO_KEY, Fault, FaultKind
from tests.faces.support import JSON, NOBODY, STUB, Tool
from tests.support.contract import Answer

API = "/api/v1"
RENT = f"{API}/rent-a-number"


async def post(tool: Tool, call: str, body: Any = None, key: str | None = DEMO_KEY) -> Answer:
    headers = {"Auth": key} if key else {}
    return await tool.raw("POST", f"{API}/{call}", json=body, headers=headers)


def errors(answer: Answer) -> tuple[int, str]:
    assert answer.content_type == JSON
    assert all(value is None for name, value in answer.json.items() if name != "errors")
    return answer.status, answer.json["errors"]


def said(status: int, words: str) -> Fault:
    body = json.dumps({"errors": words})
    return Fault("*", FaultKind.STATUS, status=status, body=body)


# What the provider says to a rent: what the tool must get.
RENTS = [
    (said(400, "Service is out of stock"), 400, "Service is out of stock"),
    (said(400, "whatsapp: OUT OF STOCK!"), 400, "whatsapp: OUT OF STOCK!"),
    (said(400, "Not available now"), 400, "Service is out of stock"),
    (said(400, "Low balance"), 400, "You have insufficient funds"),
    (said(200, "Insufficient funds"), 400, "Insufficient funds"),
    (said(400, "Price too high"), 400, "Price is above your maximum price"),
    (
        said(400, "You have the maximum number of active rentals"),
        400,
        "You have the maximum number of active rentals",
    ),
    (said(404, "Service does not exist"), 404, "Service not found"),
    (said(503, "Service is under maintenance"), 503, "Service is under maintenance"),
    (said(403, "Auth is not presented on the request"), 403, "Wrong Api Key or User is restricted"),
    (said(400, "Words nobody has seen"), 400, "Words nobody has seen"),
    (Fault("*", FaultKind.RATE_LIMITED), 429, "Too many requests"),
]


@pytest.mark.parametrize(("fault", "status", "text"), RENTS)
async def test_a_refused_rent_has_words_that_clients_know(
    tool: Tool, fault: Fault, status: int, text: str
) -> None:
    tool.sim.script(fault)

    assert errors(await post(tool, "rent-a-number", {"service": "whatsapp"})) == (status, text)


@pytest.mark.parametrize(
    "kind", [FaultKind.DROP_AFTER, FaultKind.CUT_JSON, FaultKind.HTML, FaultKind.TRUNCATED]
)
async def test_an_answer_lost_is_no_invitation_to_try_again(tool: Tool, kind: FaultKind) -> None:
    tool.sim.script(Fault("*", kind))

    status, text = errors(await post(tool, "rent-a-number", {"service": "whatsapp"}))

    assert status == 409
    assert "do not repeat" in text
    for word in ("stock", "fund", "balance", "available", "price", "not found", "wait", "minute"):
        assert word not in text.lower()


async def test_too_early_to_cancel_says_wait_and_minutes(tool: Tool) -> None:
    tool.sim.change(cancel_locked=300)
    rental_id, _ = await tool.buy()
    status, text = errors(await post(tool, "cancel-rental", {"id": rental_id}))

    assert (status, text) == (400, "You need to wait 5 minutes before cancelling")

    tool.sim.script(said(400, "Cancelling is locked"))
    status, text = errors(await post(tool, "cancel-rental", {"id": rental_id}))

    assert status == 400
    assert "wait" in text
    assert "minutes" in text


@pytest.mark.parametrize("body", [None, {}, [], {"id": None}, {"id": ""}, {"id": "x"},
                                  {"id": True}, {"id": 1.5}, {"id": -1}, {"id": 10**30},
                                  {"id": [1]}, {"id": 999}])  # fmt: skip
@pytest.mark.parametrize("call", ["rental-status", "cancel-rental"])
async def test_a_rental_that_is_not_there_is_not_found(tool: Tool, call: str, body: Any) -> None:
    assert errors(await post(tool, call, body)) == (404, "Rental not found")


@pytest.mark.parametrize("wrong", ["999", "x", "0", "-1", "9" * 40])
async def test_nothing_that_is_not_there_can_be_done(tool: Tool, wrong: str) -> None:
    assert errors(await post(tool, f"rental-status/{wrong}/completed")) == (
        404,
        "Rental not found",
    )
    update = await post(tool, f"long-rentals/{wrong}/update", {"action": "renew"})
    assert errors(update) == (404, "Long rental not found")


@pytest.mark.parametrize("body", [{}, {"service": None}, {"service": ""}, {"service": 5},
                                  {"service": "nothing"}, []])  # fmt: skip
async def test_a_service_that_is_not_there_is_not_found(tool: Tool, body: Any) -> None:
    assert errors(await post(tool, "rent-a-number", body)) == (404, "Service not found")


@pytest.mark.parametrize(
    "field",
    [
        {"max_price": "cheap"},
        {"max_price": 0},
        {"max_price": [1]},
        {"max_price": {}},
        {"carrier": "t-mob"},
        {"area_codes": "12"},
        {"keep_carrier": "maybe"},
    ],
)
async def test_a_field_that_makes_no_sense_buys_nothing(tool: Tool, field: Any) -> None:
    status, text = errors(await post(tool, "rent-a-number", {"service": "whatsapp", **field}))

    assert status == 400
    assert text.startswith(next(iter(field)))
    assert tool.bought == 0


async def test_the_fields_of_a_rent_arrive_as_existing_clients_send_them(tool: Tool) -> None:
    body = {
        "service": " whatsapp ",
        "max_price": "1.50",
        "carrier": "AT&T",
        "keep_carrier": 1,
        "area_codes": ["212", 646],
        "lock_area_code": "true",
        "number": None,
    }
    await post(tool, "rent-a-number", body)

    assert tool.sim.journal.received[-1].json == {
        "service": "whatsapp",
        "max_price": 1.5,
        "carrier": "at&t",
        "keep_carrier": True,
        "area_codes": "212,646",
        "lock_area_code": True,
    }


async def test_done_may_be_said_twice(tool: Tool) -> None:
    rental_id, _ = await tool.buy()
    tool.sim.receive_code(rental_id, "012345")
    first = await post(tool, f"rental-status/{rental_id}/completed")
    again = await post(tool, f"rental-status/{rental_id}/completed", [])

    assert (first.status, again.status) == (200, 200)
    assert again.json == first.json


async def test_a_code_is_text_and_the_rental_is_active_until_it_is_done(tool: Tool) -> None:
    rental_id, _ = await tool.buy()
    tool.sim.receive_code(rental_id, "012345")
    status = (await post(tool, "rental-status", {"id": str(rental_id)})).json

    assert (status["id"], status["status"], status["code"]) == (rental_id, "active", "012345")
    assert status["number"] == tool.sim.books.rentals[rental_id].number


@pytest.mark.parametrize("call", ["prices-info", "balance", "long-rentals"])
async def test_a_get_may_say_that_it_carries_json(tool: Tool, call: str) -> None:
    headers = {"Auth": DEMO_KEY, "Content-Type": "application/json"}
    for data in (b"", b"{}", b"no json"):
        answer = await tool.raw("GET", f"{API}/{call}", headers=headers, data=data)

        assert (answer.status, answer.json["errors"]) == (200, None)


async def test_a_body_in_any_dress_is_read(tool: Tool) -> None:
    for kind in ("text/plain", "application/json; charset=utf-8", ""):
        answer = await tool.raw(
            "POST",
            RENT,
            data=b'{"service":"whatsapp"}',
            headers={"Auth": DEMO_KEY, "Content-Type": kind},
        )
        assert answer.status == 201
    answer = await tool.raw("POST", RENT, data={"service": "whatsapp"}, headers={"Auth": DEMO_KEY})
    assert answer.status == 201


@pytest.mark.parametrize(
    "body", [b"{", b"[1]", b"5", b"\xff", b'{"service":NaN}', b"[" * 60_000, b"x" * 70_000]
)
async def test_a_body_that_cannot_be_read_is_refused(tool: Tool, body: bytes) -> None:
    answer = await tool.raw("POST", RENT, data=body, headers={"Auth": DEMO_KEY})

    assert errors(answer)[0] in (400, 413)
    assert tool.bought == 0


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
async def test_a_wrong_method_buys_nothing(tool: Tool, method: str) -> None:
    answer = await tool.raw(method, RENT, headers={"Auth": DEMO_KEY})

    assert answer.status == 405
    assert answer.headers["Allow"] == "POST"
    assert tool.bought == 0


@pytest.mark.parametrize("call", ["rent-a-number", "rent-a-number-premium", "re-rent"])
async def test_what_nobody_may_have_meant_buys_nothing(tool: Tool, call: str) -> None:
    rental_id, _ = await tool.buy()
    before = tool.sim.journal.calls.total()
    auth, body = {"Auth": DEMO_KEY}, {"service": "whatsapp", "rental_id": rental_id}
    form = {**auth, "Content-Type": "application/x-www-form-urlencoded"}
    target, twice = f"{API}/{call}", f"service=whatsapp&service=whatsapp&rental_id={rental_id}"
    answers = [
        await tool.raw("POST", target, json=body, headers={**auth, "Purpose": "prefetch"}),
        await tool.raw("POST", f"{target}?{twice}", json=body, headers=auth),
        await tool.raw("POST", target, data=twice, headers=form),
        await tool.raw("POST", f"{target}?service=telegram", data="service=whatsapp", headers=form),
    ]

    assert [errors(answer) for answer in answers] == [
        (400, "A prefetch changes nothing. Nothing was charged."),
        *[(400, "A parameter is given more than once. Nothing was charged.")] * 3,
    ]
    assert tool.sim.journal.calls.total() == before


async def test_an_unknown_address_is_json_too(tool: Tool) -> None:
    assert errors(await post(tool, "auctions")) == (404, "Not found")
    headers = {"Auth": DEMO_KEY}
    assert errors(await tool.raw("GET", "//api/v1/auctions", headers=headers)) == (404, "Not found")


async def test_a_base_url_that_ends_with_a_slash_is_no_mistake(tool: Tool) -> None:
    headers = {"Auth": DEMO_KEY}
    balance = await tool.raw("GET", "//api/v1/balance", headers=headers)
    rented = await tool.raw("POST", f"/{RENT}", json={"service": "whatsapp"}, headers=headers)

    assert (balance.status, balance.json["balance"]) == (200, "100.00")
    assert rented.status == 201


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (None, "Auth is not presented on the request"),
        (NOBODY, "Wrong Api Key or User is restricted"),
        ("gtw_made_up", "Wrong Api Key or User is restricted"),
    ],
)
async def test_a_key_that_will_not_do_is_told_so(tool: Tool, key: str | None, text: str) -> None:
    assert errors(await post(tool, "rent-a-number", {"service": "whatsapp"}, key)) == (403, text)
    query = f"&api_key={key}" if key else ""
    stub = await tool.raw("GET", f"{STUB}?action=getNumber&service=whatsapp{query}")
    assert errors(stub) == (403, text)
    assert tool.bought == 0 or key == NOBODY


STUBS = [
    ("action=getNumber&service=nothing", 404, "Service not found"),
    ("action=getNumber&service=telegram", 400, "Service is out of stock"),
    ("action=getRentalStatus", 404, "Rental not found"),
    ("action=cancelRental&rental_id=x", 404, "Rental not found"),
    ("action=getNumber&service=whatsapp&service=whatsapp", 400,
     "A parameter is given more than once. Nothing was charged."),
]  # fmt: skip


@pytest.mark.parametrize(("query", "status", "text"), STUBS)
async def test_the_get_form_refuses_as_the_calls_do(
    tool: Tool, query: str, status: int, text: str
) -> None:
    for path in (STUB, f"{STUB}/", f"/{STUB}"):
        answer = await tool.raw("GET", f"{path}?api_key=sk_demo&{query}")
        assert errors(answer) == (status, text)


@pytest.mark.parametrize("action", ["", "setStatus", "getnumber"])
async def test_the_get_form_knows_five_actions(tool: Tool, action: str) -> None:
    status, text = errors(await tool.raw("GET", f"{STUB}?api_key=sk_demo&action={action}"))

    assert status == 400
    assert text.startswith("action: must be one of getPrices")


@pytest.mark.parametrize("action", ["getNumber&service=whatsapp", "cancelRental&rental_id=12345"])
async def test_head_and_prefetch_do_nothing_in_the_get_form(tool: Tool, action: str) -> None:
    await tool.buy()
    before = tool.sim.journal.calls.total()
    target = f"{STUB}?api_key=sk_demo&action={action}"
    head = await tool.raw("HEAD", target)
    prefetch = await tool.raw("GET", target, headers={"Sec-Purpose": "prefetch"})

    assert head.status == 405
    assert errors(prefetch)[0] == 400
    assert tool.sim.journal.calls.total() == before
