"""getNumber and getNumberV2 against the simulator."""

import json
import re
from dataclasses import replace
from decimal import Decimal

import pytest

from adapters.simulator import AccountConfig, Fault, FaultKind
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
    ({"service": "wa", "max_price": "0.1"}, "WRONG_MAX_PRICE:0.55"),
    ({"service": "wa", "maxPrice": "5", "max_price": "0.1"}, "WRONG_MAX_PRICE:0.55"),
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


async def test_a_provider_that_refuses_the_price_has_no_numbers_at_it(tool: Tool) -> None:
    """The kept price list says 0.55: quoting it as the price that would do would be wrong."""
    await tool.json("getPrices")
    tool.sim.change(services={"whatsapp": {"price": "0.99"}})

    assert await tool.text("getNumber", service="wa", maxPrice="0.60") == "NO_NUMBERS"


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
