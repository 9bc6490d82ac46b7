"""What a purchase asks for besides its service: mapped, known to mean nothing, or refused."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.http.sms_activate.wishes import HARMLESS, WISHES
from gateway.settings import PURCHASE_WISHES, Settings
from tests.faces.support import QUIET, STUB, Tool, tool_of
from tests.support.gateway import Stand, run_simulated

ACTIONS = pytest.mark.parametrize("action", ["getNumber", "getNumberV2"])
AREAS = {"area_codes": "212,718", "lock_area_code": True}
TMOBILE = {"carrier": "tmobile", "keep_carrier": True}

# What the provider is sent besides the service.
MAPPED: list[tuple[dict[str, str], dict[str, Any]]] = [
    ({"areas": "212,718"}, AREAS),
    ({"areas": " 212, 718 "}, AREAS),
    ({"carriers": "tmo"}, TMOBILE),
    ({"carriers": "vz"}, {"carrier": "verizon", "keep_carrier": True}),
    ({"carriers": "att"}, {"carrier": "at&t", "keep_carrier": True}),
    ({"operator": "tmobile"}, TMOBILE),
    ({"operator": "TMobile"}, TMOBILE),
    ({"operator": "tmobile", "carriers": "tmo"}, TMOBILE),
    ({"operator": "any"}, {}),
    ({"operator": ""}, {}),
    ({"areas": "212,718", "carriers": "tmo", "maxPrice": "2"},
     AREAS | TMOBILE | {"max_price": 2.0}),
    ({"max_price": "2"}, {"max_price": 2.0}),
    *(({name: value}, {}) for name in ("ltr", "duration", "auto_renew", "forward", "verification")
      for value in ("0", "false", "")),
    ({"multiService": "0"}, {}),
    ({"activationType": "0"}, {}),
    ({"phoneException": ""}, {}),
    *(({name: "1"}, {}) for name in sorted(HARMLESS)),
]  # fmt: skip


@pytest.mark.parametrize(("wish", "sent"), MAPPED, ids=str)
@ACTIONS
async def test_a_wish_arrives(
    tool: Tool, action: str, wish: dict[str, str], sent: dict[str, Any]
) -> None:
    answer = await tool.send(action=action, service="wa", **wish)

    assert answer.body.startswith((b"ACCESS_NUMBER:", b'{"activationId"')), answer.body
    assert tool.sim.journal.received[-1].json == {"service": "whatsapp", **sent}


@pytest.mark.parametrize("number", ["2125550123", "12125550123"])
async def test_just_that_number_is_rented(tool: Tool, number: str) -> None:
    await tool.text("getNumber", service="wa", number=number, maxPrice="2")
    asked = [one for one in tool.sim.journal.received if one.call == "rent-specific-number"]

    assert [one.json for one in asked] == [
        {"number": "2125550123", "service": "whatsapp", "max_price": 2.0}
    ]
    assert not tool.sim.journal.calls["rent-a-number"]


REFUSED: list[tuple[dict[str, str], str]] = [
    ({"areas": "21"}, "NO_NUMBERS"),
    ({"areas": "all"}, "NO_NUMBERS"),
    ({"carriers": "tmo,vz"}, "NO_NUMBERS"),
    ({"carriers": "sprint"}, "NO_NUMBERS"),
    ({"operator": "tmobile,verizon"}, "NO_NUMBERS"),
    ({"operator": "megafon"}, "NO_NUMBERS"),
    ({"operator": "verizon", "carriers": "tmo"}, "NO_NUMBERS"),
    ({"number": "555"}, "NO_NUMBERS"),
    ({"number": "2125550123", "areas": "212"}, "NO_NUMBERS"),
    ({"number": "2125550123", "carriers": "tmo"}, "NO_NUMBERS"),
    ({"phoneException": "1212,1718"}, "NO_NUMBERS"),
    ({"ltr": "1"}, "NO_NUMBERS"),
    ({"duration": "1D"}, "NO_NUMBERS"),
    ({"auto_renew": "1"}, "NO_NUMBERS"),
    ({"forward": "1"}, "NO_NUMBERS"),
    ({"verification": "1"}, "NO_NUMBERS"),
    ({"multiService": "tg"}, "NO_NUMBERS"),
    ({"activationType": "1"}, "NO_NUMBERS"),
    ({"area": "212"}, "BAD_ACTION"),
    ({"maxprice": "0.10"}, "BAD_ACTION"),
    ({"surprise": "1"}, "BAD_ACTION"),
    ({"areas": "212", "carriers": "tmo", "maxPrice": "0.76"}, "WRONG_MAX_PRICE:0.77"),
    ({"areas": "212", "maxPrice": "0.60"}, "WRONG_MAX_PRICE:0.66"),
]


@pytest.mark.parametrize(("wish", "token"), REFUSED, ids=str)
@ACTIONS
async def test_what_cannot_be_had_is_refused_and_nothing_is_bought(
    tool: Tool, action: str, wish: dict[str, str], token: str
) -> None:
    assert await tool.text(action, service="wa", **wish) == token
    assert not tool.sim.books.rentals
    if not token.startswith("WRONG"):
        assert not tool.sim.journal.calls["rent-a-number"]
        assert not tool.sim.journal.calls["rent-specific-number"]


async def test_a_parameter_that_is_given_twice_buys_nothing(tool: Tool) -> None:
    query = f"{tool.path}?api_key={tool.key}&action=getNumber&service=wa&areas=212&areas="
    answer = await tool.raw("GET", query)

    assert answer.body == b"BAD_ACTION"
    assert not tool.sim.books.rentals


async def test_an_unknown_parameter_is_named_in_the_log_and_its_value_is_not(tool: Tool) -> None:
    with capture_logs() as lines:
        await tool.text("getNumber", service="wa", surprise="a value")
        await tool.text("getNumber", service="wa", sk_4f5a6b7c8d9e="1")

    told = [line for line in lines if "parameter" in line]
    assert [line["parameter"] for line in told] == [
        "surprise",
        "(a name that is not repeated here)",
    ]
    assert "a value" not in str(told)


async def test_an_operator_can_say_that_a_parameter_means_nothing() -> None:
    async with run_simulated(QUIET, gateway_harmless_parameters=["surprise"]) as stand:
        answer = await tool_of(stand).text("getNumber", service="wa", surprise="1")

    assert answer.startswith("ACCESS_NUMBER:")


def test_but_not_of_one_that_decides_what_is_bought() -> None:
    assert frozenset(WISHES) == PURCHASE_WISHES
    with pytest.raises(ValueError, match="areas decide what is bought"):
        Settings(gateway_harmless_parameters=["areas"])


async def test_other_actions_take_unknown_parameters(tool: Tool) -> None:
    assert (await tool.text("getBalance", surprise="1")).startswith("ACCESS_BALANCE:")


async def test_an_order_id_makes_get_number_repeatable(tool: Tool) -> None:
    first, again = [await tool.text("getNumber", service="wa", orderId="order-1") for _ in range(2)]

    assert first == again
    assert len(tool.sim.books.rentals) == 1


async def test_what_is_mapped_belongs_to_what_is_handed_out_again(stand: Stand) -> None:
    tool, gateway = tool_of(stand), stand.gateway
    bought = await tool.text("getNumber", service="wa", areas="212")
    (spend,) = await gateway.ledger.spends(1)
    await gateway.invoker.undelivered(spend.ledger_id)
    wishes: list[dict[str, str]] = [{"areas": "646"}, {}, {"carriers": "tmo"}]
    others = [await tool.text("getNumber", service="wa", **wish) for wish in wishes]
    again = await tool.text("getNumber", service="wa", areas="212")

    assert bought not in others
    assert again == bought


STUB_REFUSED = [
    {"maxPrice": "0.10"},
    {"areas": "212"},
    {"surprise": "1"},
    {"number": "2125550123", "carrier": "tmobile"},
]


@pytest.mark.parametrize("wish", STUB_REFUSED, ids=str)
async def test_the_providers_own_get_form_refuses_what_it_does_not_know(
    tool: Tool, wish: dict[str, str]
) -> None:
    tool.path = STUB
    answer = await tool.send(action="getNumber", service="whatsapp", **wish)

    assert answer.status == 400
    assert answer.json["errors"].startswith(next(iter(wish)))
    assert not tool.sim.books.rentals


async def test_the_providers_own_get_form_maps_its_wishes(tool: Tool) -> None:
    tool.path = STUB
    await tool.send(
        action="getNumber", service="whatsapp", carrier="tmobile", area_codes="212", _="1"
    )

    assert tool.sim.journal.received[-1].json == {
        "service": "whatsapp",
        "carrier": "tmobile",
        "area_codes": "212",
    }
