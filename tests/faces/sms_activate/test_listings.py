"""Balance, prices, stock, services and countries against the simulator."""

from dataclasses import replace
from decimal import Decimal

import pytest

from adapters.simulator import AccountConfig, Fault, FaultKind
from tests.faces.support import QUIET, Tool, tool_of
from tests.support.gateway import run_simulated

REST = {"ttl": 600, "repeatable": False}
WA = {
    "cost": 0.55,
    "count": 120,
    "physicalCount": 120,
    "name": "Whatsapp",
    "ttl": 300,
    "repeatable": True,
}
ALL = {
    "wa": WA,
    "tg": {"cost": 0.55, "count": 0, "physicalCount": 0, "name": "Telegram", **REST},
    "go": {"cost": 1.1, "count": 7, "physicalCount": 7, "name": "Gmail", **REST},
    "acorn_bank": {"cost": 0.55, "count": 100, "physicalCount": 100, "name": "Acorn Bank", **REST},
}
NAMES = {"wa": "whatsapp", "tg": "telegram", "go": "gmail", "acorn_bank": "acorn_bank"}


@pytest.mark.parametrize(
    ("held", "shown"),
    [("113.32", "113.32"), ("113", "113.00"), ("0", "0.00"), ("7.1", "7.10")],
)
@pytest.mark.parametrize("action", ["getBalance", "getBalanceAndCashBack"])
async def test_a_balance_has_two_decimals(action: str, held: str, shown: str) -> None:
    config = replace(QUIET, accounts=(AccountConfig(balance=Decimal(held)),))
    async with run_simulated(config) as stand:
        assert await tool_of(stand).text(action) == f"ACCESS_BALANCE:{shown}"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, {"187": ALL}),
        ({"country": "187"}, {"187": ALL}),
        ({"country": "12"}, {"12": ALL}),
        ({"country": "usa"}, {"usa": ALL}),
        ({"country": "", "service": ""}, {"187": ALL}),
        ({"service": "wa"}, {"187": {"wa": WA}}),
        ({"service": "wa", "country": "12"}, {"12": {"wa": WA}}),
        ({"service": "whatsapp"}, {"187": {"whatsapp": WA}}),
        ({"service": "wa_0"}, {"187": {"wa_0": WA}}),
        ({"service": "zz9"}, {}),
        ({"country": "0"}, {}),
        ({"country": "nowhere"}, {}),
    ],
)
async def test_prices_stand_under_the_country_that_was_asked(
    tool: Tool, asked: dict[str, str], expected: object
) -> None:
    assert await tool.json("getPrices", **asked) == expected


async def test_prices_for_verification_are_turned_round(tool: Tool) -> None:
    assert await tool.json("getPricesVerification", service="wa") == {
        "wa": {
            "187": {
                "count": 120,
                "price": "0.55",
                "name": "Whatsapp",
                "cost": 0.55,
                "ttl": 300,
                "repeatable": True,
            }
        }
    }
    assert await tool.json("getPricesVerification", service="zz9") == {}
    assert set(await tool.json("getPricesVerification")) == set(ALL)


async def test_stock_has_both_spellings_of_codes_and_names(tool: Tool) -> None:
    counts = {"wa": 120, "tg": 0, "go": 7, "acorn_bank": 100}
    both = {**counts, **{NAMES[code]: found for code, found in counts.items()}}
    found = await tool.json("getNumbersStatus", country=187)

    assert found == {**both, **{f"{name}_0": stock for name, stock in both.items()}}
    assert await tool.json("getNumbersStatus", country=0) == {}


async def test_the_only_country_is_the_usa(tool: Tool) -> None:
    answer = await tool.send(action="getCountries")

    assert answer.body.decode() == (
        '{"187":{"id":187,"rus":"США","eng":"USA","chn":"美国","visible":1,"retry":0,"rent":0,'
        '"multiService":0}}'
    )


async def test_services_have_codes_or_their_own_names(tool: Tool) -> None:
    assert await tool.json("getServicesList", lang="en") == {
        "status": "success",
        "services": [
            {"code": "wa", "name": "Whatsapp"},
            {"code": "tg", "name": "Telegram"},
            {"code": "go", "name": "Gmail"},
            {"code": "acorn_bank", "name": "Acorn Bank"},
        ],
    }


async def test_the_top_country_is_the_usa(tool: Tool) -> None:
    row = {"country": 187, "count": 120, "price": 0.55, "retail_price": 0.55}

    assert await tool.json("getTopCountriesByService", service="wa", freePrice="true") == {"0": row}
    assert await tool.text("getTopCountriesByService", service="zz9") == "BAD_SERVICE"


async def test_without_a_service_the_top_country_is_told_of_each(tool: Tool) -> None:
    found = await tool.json("getTopCountriesByService")

    assert set(found) == set(ALL)
    assert found["go"] == {"0": {"country": 187, "count": 7, "price": 1.1, "retail_price": 1.1}}


@pytest.mark.parametrize(
    ("asked", "operators"),
    [({}, {"187": ["any"]}), ({"country": "12"}, {"12": ["any"]}), ({"country": "0"}, {})],
)
async def test_there_is_one_operator(tool: Tool, asked: dict[str, str], operators: object) -> None:
    assert await tool.json("getOperators", **asked) == {
        "status": "success",
        "countryOperators": operators,
    }


async def test_a_balance_that_cannot_be_read_asks_to_try_again(tool: Tool) -> None:
    tool.sim.script(Fault("*", FaultKind.HTML, times=None, status=502))

    assert await tool.text("getBalance") == "ERROR_SQL"
    assert await tool.text("getPrices") == "ERROR_SQL"
    assert (await tool.json("getCountries"))["187"]["eng"] == "USA"
