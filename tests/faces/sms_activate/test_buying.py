"""getNumber and getNumberV2 against the simulator."""

import json
import re
from dataclasses import replace
from decimal import Decimal

import pytest

from adapters.simulator import AccountConfig, Fault, FaultKind
from gateway.core.prices import cache
from tests.faces.support import QUIET, Tool, tool_of
from tests.support.gateway import run_simulated


async def test_a_number_is_an_id_and_digits_with_the_country_code(tool: Tool) -> None:
    answer = await tool.text("getNumber", service="wa")

    assert re.fullmatch(r"ACCESS_NUMBER:12345:1[2-9]\d{9}", answer)


async def test_a_number_v2_has_the_types_that_clients_expect(tool: Tool) -> None:
    bought = await tool.json("getNumberV2", service="wa", country=187)
    time = bought.pop("activationTime")
    phone = bought.pop("phoneNumber")

    assert bought == {
        "activationId": 12345,
        "activationCost": 0.55,
        "currency": 840,
        "countryCode": "187",
        "canGetAnotherSms": "1",
        "activationOperator": "any",
    }
    assert re.fullmatch(r"1[2-9]\d{9}", phone)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", time)
    assert isinstance(bought["activationId"], int)
    assert isinstance(bought["activationCost"], float)


@pytest.mark.parametrize("country", ["187", "12", "", "any", "us", "USA", None])
@pytest.mark.parametrize("action", ["getNumber", "getNumberV2"])
async def test_the_usa_has_many_names(tool: Tool, action: str, country: str | None) -> None:
    asked = {} if country is None else {"country": country}
    answer = await tool.send(action=action, service="wa", **asked)

    assert answer.body.startswith((b"ACCESS_NUMBER:", b'{"activationId":'))
    if action == "getNumberV2":
        assert answer.json["countryCode"] == (country if country in ("187", "12") else "187")


REFUSED = [
    ({}, "BAD_SERVICE"),
    ({"service": ""}, "BAD_SERVICE"),
    ({"service": "zz9"}, "BAD_SERVICE"),
    ({"service": "mm"}, "BAD_SERVICE"),  # a code whose services are not in the price list
    ({"service": "tg"}, "NO_NUMBERS"),
    ({"service": "wa", "country": "0"}, "NO_NUMBERS"),
    ({"service": "wa", "country": "russia"}, "NO_NUMBERS"),
    ({"service": "zz9", "country": "0"}, "NO_NUMBERS"),
    ({"service": "wa", "maxPrice": "0.54"}, "WRONG_MAX_PRICE:0.55"),
    ({"service": "wa", "max_price": "0.1"}, "MAX_PRICE_EXCEEDED"),
    ({"service": "wa", "maxPrice": "5", "max_price": "0.1"}, "MAX_PRICE_EXCEEDED"),
    ({"service": "go", "maxPrice": "1"}, "WRONG_MAX_PRICE:1.10"),
    ({"service": "wa", "maxPrice": "0"}, "WRONG_MAX_PRICE:0.55"),
    ({"service": "wa", "maxPrice": "-1"}, "WRONG_MAX_PRICE:0.55"),
    ({"service": "wa", "maxPrice": "cheap"}, "WRONG_MAX_PRICE:0.55"),
    ({"service": "wa", "maxPrice": "NaN"}, "WRONG_MAX_PRICE:0.55"),
    ({"service": "wa", "maxPrice": "1e-9"}, "WRONG_MAX_PRICE:0.55"),
    ({"service": "wa", "maxPrice": "0,60"}, "WRONG_MAX_PRICE:0.55"),
    ({"service": "wa", "maxPrice": "9" * 50}, "WRONG_MAX_PRICE:0.55"),
]


@pytest.mark.parametrize(("asked", "token"), REFUSED)
@pytest.mark.parametrize("action", ["getNumber", "getNumberV2"])
async def test_a_refusal_is_its_token(
    tool: Tool, action: str, asked: dict[str, str], token: str
) -> None:
    assert await tool.text(action, **asked) == token
    assert not tool.sim.books.rentals


@pytest.mark.parametrize("asked", ["0.55", "0.550000000", "0.56", "99999999", "1e999999999"])
async def test_a_price_that_would_do_does(tool: Tool, asked: str) -> None:
    assert (await tool.text("getNumber", service="wa", maxPrice=asked)).startswith("ACCESS_NUMBER")


async def test_the_highest_price_goes_to_the_provider(tool: Tool) -> None:
    await tool.buy(maxPrice="0.6")
    sent = tool.sim.journal.received[-1].json

    assert sent == {"service": "whatsapp", "max_price": 0.6}


@pytest.mark.parametrize(
    ("asked", "bought"),
    [
        ("wa", "whatsapp"),
        ("wa_0", "whatsapp"),
        ("WA_1", "whatsapp"),
        ("whatsapp", "whatsapp"),
        ("Whatsapp", "whatsapp"),
        ("go", "gmail"),
        ("acorn_bank", "acorn_bank"),
        ("acorn_bank_0", "acorn_bank"),
    ],
)
async def test_a_service_is_a_code_or_the_providers_name(
    tool: Tool, asked: str, bought: str
) -> None:
    rental_id, _ = await tool.buy(asked)

    assert tool.sim.books.rentals[rental_id].service == bought


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer waits for the price list as long as a busy machine may need."""
    monkeypatch.setattr(cache, "_PATIENCE", 60.0)


PRICES_DOWN = Fault("prices-info", FaultKind.STATUS, times=None, status=500)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(
    ("more", "needed"), [({}, "0.90"), ({"operator": "tmobile"}, "1.08")], ids=str
)
async def test_a_price_that_rose_is_quoted_at_once(
    tool: Tool, more: dict[str, str], needed: str
) -> None:
    await tool.json("getPrices")
    tool.sim.change(services={"whatsapp": {"price": "0.90"}})
    answers = [await tool.text("getNumber", service="wa", maxPrice=0.8, **more) for _ in range(2)]
    prices = await tool.json("getPrices", service="wa")
    stock = await tool.json("getNumbersStatus")
    bought = await tool.text("getNumber", service="wa", maxPrice=needed, **more)

    assert answers == [f"WRONG_MAX_PRICE:{needed}"] * 2
    assert prices["187"]["wa"]["cost"] == 0.9
    assert stock["wa"] == 120
    assert bought.startswith("ACCESS_NUMBER:")


@pytest.mark.usefixtures("patient")
async def test_an_order_repeated_gets_the_first_quote(tool: Tool) -> None:
    await tool.json("getPrices")
    tool.sim.change(services={"whatsapp": {"price": "0.90"}})
    order = {"service": "wa", "maxPrice": "0.55", "orderId": "order-1"}
    first, again = [await tool.text("getNumber", **order) for _ in range(2)]

    assert first == again == "WRONG_MAX_PRICE:0.90"
    assert tool.bought == 1


@pytest.mark.usefixtures("patient")
async def test_a_contradicted_price_that_cannot_be_read_anew_is_not_quoted(tool: Tool) -> None:
    await tool.json("getPrices")
    tool.sim.change(services={"gmail": {"price": "1.90"}, "youtube": {"price": "0.10"}})
    tool.sim.script(PRICES_DOWN)
    refused = await tool.text("getNumber", service="go", maxPrice="1.50")
    whole = await tool.json("getPrices")
    named = [await tool.json(action, service="go") for action in PRICED]
    not_a_price = await tool.text("getNumber", service="go", maxPrice="cheap")
    rental_id, _ = await tool.buy("go", maxPrice="1.90")

    assert refused == not_a_price == "NO_NUMBERS"
    assert set(whole["187"]) == {"wa", "tg", "acorn_bank"}
    assert named == [{}, {}, {}]
    assert tool.sim.books.rentals[rental_id].service == "gmail"


PRICED = ("getPrices", "getPricesVerification", "getTopCountriesByService")


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(
    ("more", "count"), [({}, 0), ({"areas": "999"}, 120)], ids=["plain", "with a wish"]
)
async def test_a_service_that_just_sold_out_has_none(
    tool: Tool, more: dict[str, str], count: int
) -> None:
    """A wish that cannot be met says nothing of the other numbers."""
    await tool.json("getPrices")
    if not more:
        tool.sim.change(services={"whatsapp": {"stock": 0}})
    tool.sim.script(PRICES_DOWN)
    refused = await tool.text("getNumber", service="wa", **more)
    stock = await tool.json("getNumbersStatus")

    assert refused == "NO_NUMBERS"
    assert (stock["wa"], stock["go"]) == (count, 7)


async def test_an_empty_account_has_no_balance() -> None:
    poor = replace(QUIET, accounts=(AccountConfig(balance=Decimal("0.10")),))
    async with run_simulated(poor) as stand:
        assert await tool_of(stand).text("getNumber", service="wa") == "NO_BALANCE"


async def test_too_many_rentals_are_a_limit_of_channels() -> None:
    one = replace(QUIET, accounts=(AccountConfig(max_active=1),))
    async with run_simulated(one) as stand:
        tool = tool_of(stand)
        await tool.buy()

        assert await tool.text("getNumber", service="wa") == "CHANNELS_LIMIT"


def _said(status: int, words: str) -> Fault:
    body = json.dumps({"errors": words})
    return Fault("rent-a-number", FaultKind.STATUS, status=status, body=body)


TROUBLES = [
    Fault("rent-a-number", FaultKind.STATUS, status=500, body="<html>oops</html>"),
    Fault("rent-a-number", FaultKind.HTML, status=502),
    Fault("rent-a-number", FaultKind.HTML, status=200),
    _said(503, "Service is under maintenance"),
    _said(400, "Something new"),
    Fault("rent-a-number", FaultKind.RATE_LIMITED),
    Fault("rent-a-number", FaultKind.DROP_BEFORE),
    Fault("rent-a-number", FaultKind.DROP_AFTER),
    Fault("rent-a-number", FaultKind.CUT_JSON),
]


@pytest.mark.parametrize("fault", TROUBLES, ids=lambda fault: f"{fault.kind}-{fault.status}")
@pytest.mark.parametrize("action", ["getNumber", "getNumberV2"])
async def test_trouble_upstream_asks_to_try_again(tool: Tool, action: str, fault: Fault) -> None:
    tool.sim.script(fault)

    assert await tool.text(action, service="wa") == "ERROR_SQL"


async def test_a_price_list_that_fails_blocks_no_purchase(tool: Tool) -> None:
    tool.sim.script(Fault("prices-info", FaultKind.STATUS, times=None, status=500))
    rental_id, _ = await tool.buy("wa")
    await tool.buy("acorn_bank")

    assert tool.sim.books.rentals[rental_id].service == "whatsapp"
    assert await tool.text("getNumber", service="zz9") == "BAD_SERVICE"


async def test_a_number_lost_in_the_answer_is_read_again(tool: Tool) -> None:
    body = '{"id":12345,"status":"success","errors":null,"price":"0.55"}'
    tool.sim.script(
        Fault("rent-a-number", FaultKind.STATUS, status=201, body=body, after_work=True)
    )
    rental_id, number = await tool.buy()

    assert number == "1" + tool.sim.books.rentals[rental_id].number


@pytest.mark.parametrize("action", ["getNumber", "getNumberV2"])
async def test_a_number_lost_in_the_answer_that_cannot_be_read_is_not_bought_twice(
    tool: Tool, action: str
) -> None:
    body = '{"id":12345,"status":"success","errors":null,"price":"0.55"}'
    tool.sim.script(
        Fault("rent-a-number", FaultKind.STATUS, status=201, body=body, after_work=True),
        Fault("rental-status", FaultKind.STATUS, times=3, status=500),
    )
    first = await tool.text(action, service="wa")
    rental_id, _ = await tool.buy()

    assert first == "ERROR_SQL"
    assert rental_id == 12345
    assert tool.sim.journal.calls["rent-a-number"] == 1
