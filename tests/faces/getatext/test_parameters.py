"""A purchase on the provider's own faces has all the parameters it was sent with, or is refused."""

from typing import Any

import pytest

from adapters.simulator import DEMO_KEY
from tests.faces.support import JSON, QUIET, STUB, Tool, tool_of
from tests.support.contract import Answer
from tests.support.gateway import run_simulated

API = "/api/v1"
WA = {"service": "whatsapp"}
ONE = {"number": "2125550123", **WA}
LONG = {"rental_time": "1w"}
AREAS = {"area_codes": "212", "lock_area_code": True}
NOT_TAKEN = "this call does not take it; leave it out. Nothing was charged."
SOUGHT = (
    "out of stock",
    "available",
    "fund",
    "balance",
    "not found",
    "minute",
    "wait",
    "permission",
)


def sent(tool: Tool) -> list[Any]:
    """What the provider was asked to sell."""
    buying = ("rent-", "re-rent", "long-rentals")
    return [each.json for each in tool.sim.journal.received if each.call.startswith(buying)]


async def post(tool: Tool, call: str, **more: Any) -> Answer:
    return await tool.raw("POST", f"{API}/{call}", headers={"Auth": DEMO_KEY}, **more)


async def stub(tool: Tool, query: str, method: str = "GET", **more: Any) -> Answer:
    target = f"{STUB}?api_key=sk_demo&action=getNumber&service=whatsapp{query}"
    return await tool.raw(method, target, **more)


def refused(answer: Answer) -> str:
    """The text of a refusal as existing clients read it, with no word they take for another."""
    assert (answer.status, answer.content_type) == (400, JSON), answer.body
    text: str = answer.json["errors"]
    assert all(value is None for name, value in answer.json.items() if name != "errors")
    assert not any(word in text.lower() for word in SOUGHT)
    return text


TWICE = [
    ("rent-a-number", '{"service": "whatsapp", "max_price": 0.1, "max_price": 9}', "max_price"),
    ("rent-specific-number", '{"service": "whatsapp", "number": 1, "number": 2}', "number"),
    ("re-rent", '{"id": 1, "id": 2}', "id"),
    ("cancel-rental", '{"id": 1, "id": 1}', "id"),
    ("long-rentals", '{"rental_time": "1w", "rental_time": "1y"}', "rental_time"),
    ("long-rentals/1/update", '{"action": "cancel", "action": "renew"}', "action"),
    ("long-rentals/1/update", '{"action": "renew", "x": [{"a": 1, "a": 1}]}', "a"),
]


@pytest.mark.parametrize(("call", "body", "name"), TWICE)
async def test_a_name_that_stands_twice_in_a_body_is_refused(
    tool: Tool, call: str, body: str, name: str
) -> None:
    answer = await tool.raw("POST", f"{API}/{call}", data=body, headers={"Auth": DEMO_KEY})

    assert refused(answer).startswith(f"{name}: is given more than once.")
    assert not tool.sim.journal.received


UNTAKEN = [
    ("rent-a-number", WA, {"areas": "212"}),
    ("rent-a-number", WA, {"maxPrice": 0.1}),
    ("rent-a-number", WA, {"operator": "tmobile"}),
    ("rent-a-number", WA, {"request_id": "o-1"}),
    ("rent-a-number", WA, {"rental_time": "1w"}),
    ("rent-a-number", WA, {"insured": False}),
    ("rent-a-number", WA, {"unknown": {"x": 1}}),
    ("rent-a-number-premium", WA, {"areas": "212"}),
    ("rent-specific-number", ONE, {"areas": "212"}),
    ("re-rent", {"rental_id": 12345}, {"max_price": 0.1}),
    ("re-rent", {"id": 12345}, {"service": "whatsapp"}),
    ("re-rent", {"id": 12345}, {"carrier": "tmobile"}),
    ("long-rentals", LONG, {"service": "whatsapp"}),
    ("long-rentals", LONG, {"max_price": 5}),
    ("long-rentals", LONG, {"area_codes": "212"}),
    ("long-rentals/1/update", {"action": "renew"}, {"rental_time": "1y"}),
]


@pytest.mark.parametrize(("call", "body", "more"), UNTAKEN)
async def test_a_field_that_a_purchase_does_not_take_buys_nothing(
    tool: Tool, call: str, body: dict[str, Any], more: dict[str, Any]
) -> None:
    await tool.buy()
    await post(tool, "long-rentals", json=LONG)
    before = sent(tool)
    (name,) = more
    answer = await post(tool, call, json={**body, **more})

    assert refused(answer) == f"{name}: {NOT_TAKEN}"
    assert sent(tool) == before


@pytest.mark.parametrize(
    ("call", "body"),
    [
        ("rent-a-number", WA),
        ("rent-specific-number", ONE),
        ("re-rent", {"rental_id": 12345}),
        ("long-rentals", LONG),
        ("long-rentals/1/update", {"action": "renew"}),
    ],
)
@pytest.mark.parametrize("given", ["body", "query", "form"])
async def test_what_decides_nothing_is_tolerated(
    tool: Tool, call: str, body: dict[str, Any], given: str
) -> None:
    await tool.buy()
    await post(tool, "long-rentals", json=LONG)
    harmless = {"api_key": DEMO_KEY, "_": "1", "t": "2", "ts": "3", "rand": "4", "lang": "en"}
    nothing = {"max_price": "", "carrier": "", "area_codes": "", "coupon": ""}
    if given == "form":
        answer = await post(tool, call, data={**body, **harmless, **nothing})
    elif given == "query":
        answer = await post(tool, call, json=body, params={**harmless, **nothing})
    else:
        nulls: dict[str, Any] = {
            "number": body.get("number"),
            "auto_renew": None,
            "coupon": None,
            "tags": [],
        }
        answer = await post(tool, call, json={**body, **harmless, **nothing, **nulls})

    assert answer.status in (200, 201), answer.body


IN_QUERY = [
    ("rent-a-number", WA, "max_price=0.1", "max_price: belongs in the body"),
    ("rent-a-number", {**WA, "max_price": 1}, "max_price=0.1", "max_price: belongs in the body"),
    ("rent-a-number", {}, "service=whatsapp", "service: belongs in the body"),
    ("rent-a-number", WA, "areas=212", "areas: this call does not take it"),
    ("rent-specific-number", ONE, "number=6465550123", "number: belongs in the body"),
    ("re-rent", {"rental_id": 12345}, "max_price=0.1", "max_price: this call does not take it"),
    ("long-rentals", LONG, "rental_time=1y", "rental_time: belongs in the body"),
    ("long-rentals/1/update", {"action": "renew"}, "id=2", "id: belongs in the body"),
]


@pytest.mark.parametrize(("call", "body", "query", "text"), IN_QUERY)
async def test_a_parameter_in_a_query_that_is_not_read_buys_nothing(
    tool: Tool, call: str, body: dict[str, Any], query: str, text: str
) -> None:
    await tool.buy()
    await post(tool, "long-rentals", json=LONG)
    before = sent(tool)
    answer = await post(tool, f"{call}?{query}", json=body)

    if body:
        assert refused(answer).startswith(text)
    assert answer.status in (400, 404)
    assert sent(tool) == before


async def test_a_query_that_says_the_same_as_the_body_is_no_other_parameter(tool: Tool) -> None:
    answer = await post(tool, "rent-a-number?service=whatsapp", json=WA)

    assert answer.status == 201


@pytest.mark.parametrize("number", ["2125550123", "12125550123", "+12125550123", 2125550123])
@pytest.mark.parametrize("call", ["rent-a-number", "rent-specific-number", "rent-a-number-premium"])
async def test_a_number_that_is_asked_for_is_the_one_that_is_rented(
    tool: Tool, call: str, number: str | int
) -> None:
    answer = await post(tool, call, json={**WA, "number": number, "max_price": 1})

    assert (answer.status, answer.json["number"]) == (201, "2125550123")
    assert sent(tool) == [{**ONE, "max_price": 1.0}]
    assert tool.sim.journal.calls["rent-specific-number"] == 1


OTHERS = [{"carrier": "tmobile"}, AREAS, {"area_codes": ["212"]}, {"keep_carrier": 1},
          {"lock_area_code": "true"}]  # fmt: skip


@pytest.mark.parametrize("others", OTHERS)
@pytest.mark.parametrize("call", ["rent-a-number", "rent-specific-number"])
async def test_a_number_with_parameters_that_would_be_dropped_buys_nothing(
    tool: Tool, call: str, others: dict[str, Any]
) -> None:
    text = refused(await post(tool, call, json={**ONE, **others}))

    assert next(iter(others)) in text
    assert not sent(tool)


@pytest.mark.parametrize("others", [{"keep_carrier": True}, {"lock_area_code": 1}])
async def test_a_flag_without_what_it_is_about_buys_nothing(
    tool: Tool, others: dict[str, Any]
) -> None:
    text = refused(await post(tool, "rent-a-number", json={**WA, **others}))

    assert text.startswith(next(iter(others)))
    assert not sent(tool)


@pytest.mark.parametrize("number", [None, "", " "])
async def test_a_specific_number_must_be_named(tool: Tool, number: str | None) -> None:
    text = refused(await post(tool, "rent-specific-number", json={**WA, "number": number}))

    assert text.startswith("number: is required")
    assert not sent(tool)


async def test_a_rental_that_is_named_twice_differently_is_not_rented_again(tool: Tool) -> None:
    one, other = (await tool.buy())[0], (await tool.buy())[0]
    before = sent(tool)
    differing = await post(tool, "re-rent", json={"rental_id": one, "id": other})
    after = sent(tool)
    same = await post(tool, "re-rent", json={"rental_id": one, "id": str(one)})

    assert refused(differing).startswith("id: differs")
    assert after == before
    assert same.status == 201


async def test_a_long_rental_that_the_body_names_otherwise_is_not_renewed(tool: Tool) -> None:
    await post(tool, "long-rentals", json=LONG)
    before = sent(tool)
    answer = await post(tool, "long-rentals/1/update", json={"action": "renew", "id": 2})

    assert refused(answer).startswith("id: differs")
    assert sent(tool) == before


STUB_REFUSED = [
    "areas=212", "carriers=tmo", "operator=tmobile", "maxPrice=0.1", "ltr=1", "duration=1D",
    "country=0", "phoneException=1212", "orderId=1", "rental_id=12345", "id=12345", "whatever=1",
]  # fmt: skip


@pytest.mark.parametrize("parameter", STUB_REFUSED)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_get_form_names_a_parameter_that_it_does_not_take(
    tool: Tool, method: str, parameter: str
) -> None:
    name = parameter.partition("=")[0]
    answer = await stub(tool, f"&{parameter}", method)

    assert refused(answer) == f"{name}: {NOT_TAKEN}"
    assert tool.sim.journal.calls.total() == 0


async def test_the_get_form_says_no_key_again(tool: Tool) -> None:
    answer = await stub(tool, "&sk_live_0b5f9c8e4d3a=1")

    assert b"sk_live" not in answer.body
    assert refused(answer).endswith(NOT_TAKEN)


STUB_MAPPED = [
    ("max_price=1", {**WA, "max_price": 1.0}),
    ("carrier=T-Mobile", None),
    ("carrier=Sprint", None),
    ("carrier=TMobile&keep_carrier=1", {**WA, "carrier": "tmobile", "keep_carrier": True}),
    ("area_codes=212&lock_area_code=true", {**WA, **AREAS}),
    ("number=2125550123", ONE),
    ("number=2125550123&area_codes=212", None),
    ("_=1&t=2&ts=3&rand=4&json=1&lang=en&coupon=", WA),
]


@pytest.mark.parametrize(("query", "body"), STUB_MAPPED)
async def test_the_get_form_takes_every_field_of_a_rent(
    tool: Tool, query: str, body: dict[str, Any] | None
) -> None:
    answer = await stub(tool, f"&{query}")

    assert answer.status == (201 if body else 400), answer.body
    assert sent(tool) == ([body] if body else [])


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_get_form_reads_no_json_and_says_so(tool: Tool, method: str) -> None:
    answer = await stub(tool, "", method, json={"max_price": 0.1})
    nothing = await stub(tool, "", method, json={})

    assert refused(answer).startswith("body: ")
    assert nothing.status == 201
    assert len(sent(tool)) == 1


async def test_an_operators_harmless_names_are_harmless_here_too() -> None:
    async with run_simulated(QUIET, gateway_harmless_parameters=["source"]) as stand:
        tool = tool_of(stand)
        answers = [
            await stub(tool, "&source=bot"),
            await post(tool, "rent-a-number?source=bot", json={**WA, "source": {"name": "bot"}}),
        ]

    assert [answer.status for answer in answers] == [201, 201]
