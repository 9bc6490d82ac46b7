"""A purchase's parameters: mapped, known to be harmless, or refused before anything is sent."""

from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
import structlog

from adapters.simulator import Fault, FaultKind
from gateway.core.model.callers import Limits
from gateway.core.model.redact import REDACTED
from gateway.http.dropins import unknown_parameters
from tests.faces.support import PHP, QUIET, Tool, tool_of
from tests.support.gateway import run_simulated
from tests.support.keys import make_key

WA = {"service": "whatsapp"}
LOCKED = {"area_codes": "212,718", "lock_area_code": True}
TMOBILE = {"carrier": "tmobile", "keep_carrier": True}
ONE = {"number": "2125550123"}
BOTH = [pytest.param(action, id=action) for action in ("getNumber", "getNumberV2")]


def rents(tool: Tool) -> list[Any]:
    """What the provider was asked to rent."""
    return [each.json for each in tool.sim.journal.received if each.call.startswith("rent-")]


MAPPED = [
    ({"areas": "212,718"}, LOCKED),
    ({"areas": " 212, 718 ,,"}, LOCKED),
    ({"areas": "212,718,212"}, LOCKED),
    ({"areas": "718"}, {"area_codes": "718", "lock_area_code": True}),
    ({"carriers": "tmo"}, TMOBILE),
    ({"carriers": "TMO,tmobile"}, TMOBILE),
    ({"carriers": "vz"}, {"carrier": "verizon", "keep_carrier": True}),
    ({"carriers": "att"}, {"carrier": "at&t", "keep_carrier": True}),
    ({"operator": "tmobile"}, TMOBILE),
    ({"operator": "AT&T"}, {"carrier": "at&t", "keep_carrier": True}),
    ({"operator": "verizon", "carriers": "vz"}, {"carrier": "verizon", "keep_carrier": True}),
    ({"operator": "any", "carriers": "tmo"}, TMOBILE),
    ({"operator": "any"}, {}),
    ({"operator": ""}, {}),
    ({"areas": "212,718", "carriers": "tmo"}, {**LOCKED, **TMOBILE}),
    ({"areas": "212,718", "maxPrice": "0.66"}, {**LOCKED, "max_price": 0.66}),
    ({"number": "2125550123"}, ONE),
    ({"number": "12125550123"}, ONE),
    ({"number": "+12125550123"}, ONE),
    ({"number": "2125550123", "operator": "any", "maxPrice": "1"}, {**ONE, "max_price": 1.0}),
    ({"maxPrice": "0.9", "max_price": "0.7"}, {"max_price": 0.7}),
]


@pytest.mark.parametrize(("asked", "sent"), MAPPED, ids=urlencode)
@pytest.mark.parametrize("action", BOTH)
async def test_a_parameter_that_the_provider_knows_is_sent_to_it(
    tool: Tool, action: str, asked: dict[str, str], sent: dict[str, object]
) -> None:
    answer = await tool.send(action=action, service="wa", **asked)

    assert answer.body.startswith((b"ACCESS_NUMBER:", b'{"activationId":'))
    assert rents(tool) == [{**WA, **sent}]
    called = "rent-specific-number" if "number" in sent else "rent-a-number"
    assert tool.sim.journal.calls[called] == 1


IMPOSSIBLE = [
    {"areas": "21"},
    {"areas": "2125"},
    {"areas": "112"},
    {"areas": "212 718"},
    {"areas": "212;718"},
    {"areas": "2\u0661\u0662"},
    {"areas": ","},
    {"areas": ",".join(str(area) for area in range(200, 320))},
    {"carriers": "tmo,vz"},
    {"carriers": "tmo,vz,att"},
    {"carriers": "tmo,any"},
    {"carriers": "sprint"},
    {"operator": "tmobile,verizon"},
    {"operator": "mts"},
    {"operator": "tmobile", "carriers": "vz"},
    {"number": "911"},
    {"number": "125550123"},
    {"number": "22125550123"},
    {"number": "112125550123"},
    {"number": "212-555-0123"},
    {"number": "2125550123", "areas": "212"},
    {"number": "2125550123", "carriers": "tmo"},
    {"number": "2125550123", "operator": "tmobile"},
    {"phoneException": "1212,1718"},
    {"ltr": "1"},
    {"ltr": "true"},
    {"duration": "1D"},
    {"auto_renew": "1"},
    {"forward": "1"},
    {"verification": "1"},
    {"multiService": "wa,tg"},
    {"activationType": "1"},
    {"activationType": "2"},
]


@pytest.mark.parametrize("asked", IMPOSSIBLE, ids=lambda each: urlencode(each)[:40])
@pytest.mark.parametrize("action", BOTH)
async def test_a_parameter_that_cannot_be_met_has_no_numbers(
    tool: Tool, action: str, asked: dict[str, str]
) -> None:
    assert await tool.text(action, service="wa", **asked) == "NO_NUMBERS"
    assert not rents(tool)


SWITCHES = (
    "phoneException", "ltr", "duration", "auto_renew", "forward", "verification", "multiService",
    "activationType",
)  # fmt: skip


@pytest.mark.parametrize("off", ["0", "false", "False", ""])
@pytest.mark.parametrize("name", SWITCHES)
async def test_what_is_switched_off_has_no_effect(tool: Tool, name: str, off: str) -> None:
    await tool.buy(**{name: off})

    assert rents(tool) == [WA]


HARMLESS = (
    "ref", "ref_id", "owner", "softId", "freePrice", "minPrice", "providerIds",
    "exceptProviderIds", "fixedPrice", "useCashBack", "language", "lang", "json", "text", "userId",
    "v", "version", "_", "t", "ts", "rand",
)  # fmt: skip


@pytest.mark.parametrize("name", HARMLESS)
@pytest.mark.parametrize("action", BOTH)
async def test_what_is_known_to_be_harmless_buys(tool: Tool, action: str, name: str) -> None:
    answer = await tool.send(action=action, service="wa", **{name: "17"})

    assert answer.body.startswith((b"ACCESS_NUMBER:", b'{"activationId":'))
    assert rents(tool) == [WA]


UNKNOWN = ["whatever", "carrier", "area_codes", "Areas", "maxprice", "rentTime", "request_id"]


@pytest.mark.parametrize("name", UNKNOWN)
@pytest.mark.parametrize("action", BOTH)
async def test_a_parameter_nobody_knows_is_a_wrong_action_and_sends_nothing(
    tool: Tool, action: str, name: str
) -> None:
    assert await tool.text(action, service="wa", **{name: "1"}) == "BAD_ACTION"
    assert tool.sim.journal.calls.total() == 0


async def test_without_a_value_it_is_not_given(tool: Tool) -> None:
    await tool.buy(whatever="")


@pytest.mark.parametrize("action", ["getBalance", "getPrices", "getNumbersStatus"])
async def test_other_actions_tolerate_it(tool: Tool, action: str) -> None:
    assert (await tool.send(action=action, whatever="1", areas="21")).body != b"BAD_ACTION"


@pytest.mark.parametrize(
    ("name", "told"), [("whatever", "whatever"), ("sk_live_0b5f9c8e4d3a", REDACTED)]
)
async def test_one_line_of_the_log_names_it_and_never_its_value(
    tool: Tool, monkeypatch: pytest.MonkeyPatch, name: str, told: str
) -> None:
    monkeypatch.setattr(unknown_parameters, "log", structlog.get_logger("gateway.dropins"))
    with structlog.testing.capture_logs() as lines:
        await tool.text("getNumber", service="wa", **{name: "its-value"})

    assert [line["parameters"] for line in lines if "parameters" in line] == [told]
    assert "its-value" not in str(lines)
    assert "sk_live" not in str(lines)


async def test_an_operator_may_know_a_harmless_one() -> None:
    async with run_simulated(QUIET, gateway_harmless_parameters=["whatever "]) as stand:
        tool = tool_of(stand)
        await tool.buy(whatever="1")

        assert rents(tool) == [WA]
        assert await tool.text("getNumber", service="wa", other="1") == "BAD_ACTION"


TWICE = [
    "areas=212&areas=718",
    "areas=212&areas=212",
    "areas=212&areas=",
    "areas=&areas=212",
    "areas=&areas=",
    "areas%20=212&areas=212",
    "ref=&ref=",
    "whatever=&whatever=",
]


@pytest.mark.parametrize("more", TWICE)
@pytest.mark.parametrize("action", BOTH)
async def test_a_parameter_given_twice_is_a_wrong_action(
    tool: Tool, action: str, more: str
) -> None:
    answer = await tool.raw("GET", f"{PHP}?api_key=sk_demo&action={action}&service=wa&{more}")

    assert answer.body == b"BAD_ACTION"
    assert tool.sim.journal.calls.total() == 0


@pytest.mark.parametrize("form", [{"areas": ""}, {"areas": "718"}])
async def test_a_form_that_says_otherwise_than_the_query_is_one_too(
    tool: Tool, form: dict[str, str]
) -> None:
    target = f"{PHP}?api_key=sk_demo&action=getNumber&service=wa&areas=212"

    assert (await tool.raw("POST", target, data=form)).body == b"BAD_ACTION"
    assert tool.sim.journal.calls.total() == 0


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", ""])
async def test_a_body_that_nobody_reads_holds_no_parameter_unseen(
    tool: Tool, method: str, kind: str
) -> None:
    target, headers = f"{PHP}?api_key=sk_demo&action=getNumber&service=wa", {"Content-Type": kind}
    refused = await tool.raw(method, target, data=b'{"areas": "212"}', headers=headers)
    calls = tool.sim.journal.calls.total()
    nothing = await tool.raw(method, target, data=b" {} ", headers=headers)

    assert (refused.body, calls) == (b"BAD_ACTION", 0)
    assert nothing.body.startswith(b"ACCESS_NUMBER:")


async def test_parameters_in_a_form_are_read_as_those_in_a_query(tool: Tool) -> None:
    form = {"service": "wa", "areas ": "212,718", "carriers": "tmo"}
    answer = await tool.raw("POST", f"{PHP}?api_key=sk_demo&action=getNumber", data=form)

    assert answer.body.startswith(b"ACCESS_NUMBER:")
    assert rents(tool) == [{**WA, **LOCKED, **TMOBILE}]


QUOTES = [
    ({"operator": "any"}, "0.55", "WRONG_MAX_PRICE:0.55"),
    ({"operator": "tmobile"}, "0.66", "WRONG_MAX_PRICE:0.66"),
    # What only DaisySMS's tools send is answered in its word, which has no price.
    ({"areas": "212"}, "0.66", "MAX_PRICE_EXCEEDED"),
    ({"carriers": "tmo"}, "0.66", "MAX_PRICE_EXCEEDED"),
    ({"areas": "212", "operator": "tmobile"}, "0.77", "MAX_PRICE_EXCEEDED"),
    ({"number": "2125550123"}, "0.55", "MAX_PRICE_EXCEEDED"),
]


@pytest.mark.parametrize(("asked", "lowest", "refusal"), QUOTES, ids=str)
@pytest.mark.parametrize("highest", ["0.54", "cheap"])
async def test_the_price_that_would_do_has_the_surcharges_in_it(
    tool: Tool, asked: dict[str, str], lowest: str, refusal: str, highest: str
) -> None:
    params = {"service": "wa", **asked}
    told = await tool.text("getNumber", **params, maxPrice=highest)
    below = str(Decimal(lowest) - Decimal("0.01"))
    too_low = await tool.text("getNumber", **params, maxPrice=below)
    would_do = await tool.text("getNumber", **params, maxPrice=lowest)

    assert told == too_low == refusal
    assert would_do.startswith("ACCESS_NUMBER:")


async def test_a_price_above_the_keys_own_is_not_said_to_do() -> None:
    async with run_simulated(QUIET, getatext_api_key="sk_demo") as stand:
        limits = Limits(max_price=Decimal("0.60"))
        tool = tool_of(stand, await make_key(stand.gateway, "tool", limits))
        params = {"service": "wa", "areas": "212"}

        assert await tool.text("getNumber", **params, maxPrice="0.56") == "NO_NUMBERS"
        assert not rents(tool)


@pytest.mark.parametrize("action", BOTH)
async def test_the_callers_own_order_id_buys_once(tool: Tool, action: str) -> None:
    order = {"action": action, "service": "wa", "orderId": "o-1"}
    first, again = [await tool.send(**order, areas="212") for _ in range(2)]
    other = await tool.send(**order, areas="718")

    assert first.body == again.body
    assert other.body == b"ORDER_ALREADY_EXISTS"
    assert tool.bought == 1


@pytest.mark.parametrize("other", [{}, {"areas": "718"}, {"areas": "212", "carriers": "tmo"}])
async def test_a_lost_purchase_is_another_one_than_one_with_other_parameters(
    tool: Tool, other: dict[str, str]
) -> None:
    tool.sim.script(Fault("rent-a-number", FaultKind.DROP_AFTER))
    lost, same = [await tool.text("getNumber", service="wa", areas="212") for _ in range(2)]
    different = await tool.text("getNumber", service="wa", **other)

    assert lost == same == "ERROR_SQL"
    assert different.startswith("ACCESS_NUMBER:")
    assert tool.bought == 2
