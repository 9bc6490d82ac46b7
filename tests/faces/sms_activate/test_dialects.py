"""DaisySMS's words on its own path, and on the shared one for what only its tools send."""

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest

from adapters.simulator import AccountConfig, Fault, FaultKind
from gateway.core.model.callers import Limits
from tests.faces.support import DAISY, PHP, QUIET, Tool, tool_of
from tests.support.gateway import Stand, run_scripted, run_simulated
from tests.support.keys import make_key
from tests.support.scripted import reply

ROW = '"name":"Whatsapp","cost":0.55,"count":120,"price":0.55,"ttl":300,"repeatable":true'
OWN = [
    {"max_price": "1"},
    {"areas": "212"},
    {"carriers": "tmo"},
    {"number": "2125550123"},
    {"ltr": "0"},
    {"auto_renew": "0"},
    {"areas": ""},
    {"max_price": "1", "maxPrice": "1"},
]


@pytest.fixture
def daisy(stand: Stand) -> Tool:
    return tool_of(stand, path=DAISY)


LISTED = [
    ("getBalance", "ACCESS_BALANCE:100.00"),
    ("getPrices&service=wa", f'{{"187":{{"wa":{{{ROW}}}}}}}'),
    ("getPricesVerification&service=wa", f'{{"wa":{{"187":{{{ROW}}}}}}}'),
    ("getNumber&service=wa&max_price=0.54", "MAX_PRICE_EXCEEDED"),
    ("getNumber&service=wa&maxPrice=0.54", "MAX_PRICE_EXCEEDED"),
    ("getNumber&service=wa&max_price=cheap", "MAX_PRICE_EXCEEDED"),
    ("getNumberV2&service=wa&max_price=0.54", "MAX_PRICE_EXCEEDED"),
    ("getNumber&service=tg", "NO_NUMBERS"),
    ("getNumber&service=zz9", "BAD_SERVICE"),
    ("getNumber&service=wa&ltr=1", "NO_NUMBERS"),
    ("getNumber&service=wa&auto_renew=1", "NO_NUMBERS"),
    ("getNumber&service=wa&nobody_knows=1", "BAD_ACTION"),
    ("getNumber&service=wa&max_price=1&max_price=1", "BAD_ACTION"),
    ("getNumber&service=wa&max_price=1", "ACCESS_NUMBER:12345:16466999999"),
    ("getStatus&id=999", "NO_ACTIVATION"),
    ("getExtraActivation&activationId=999", "NO_ACTIVATION"),
    ("setAutoRenew&id=999&value=True", "NO_ACTIVATION"),
    ("setStatus&id=999&status=6", "NO_ACTIVATION"),
    ("setStatus&id=999&status=8", "ACCESS_READY"),
    ("setStatus&id=x&status=8", "ACCESS_READY"),
    ("setStatus&id=0&status=-1", "ACCESS_READY"),
    ("setStatus&id=x&status=6", "NO_ACTIVATION"),
    ("setStatus&id=999&status=5", "BAD_STATUS"),
    ("nothing", "BAD_ACTION"),
]


@pytest.mark.parametrize(("action", "expected"), LISTED)
@pytest.mark.parametrize("post", [False, True], ids=["GET", "POST"])
async def test_its_own_path_speaks_it(daisy: Tool, action: str, expected: str, post: bool) -> None:
    query = f"api_key=sk_demo&action={action}"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await (
        daisy.raw("POST", DAISY, data=query, headers=form)
        if post
        else daisy.raw("GET", f"{DAISY}?{query}")
    )

    assert (answer.status, answer.body.decode()) == (200, expected)


@pytest.mark.parametrize("path", [f"{DAISY}/", f"/{DAISY}", f"/{DAISY}/"])
async def test_its_path_may_have_more_slashes(stand: Stand, path: str) -> None:
    tool = tool_of(stand, path=path)

    assert await tool.text("getNumber", service="wa", maxPrice="0.1") == "MAX_PRICE_EXCEEDED"
    assert await tool_of(stand, None, path).text("getBalance") == "NO_KEY"
    assert await tool_of(stand, "sk_nobody", path).text("getBalance") == "BAD_KEY"


async def test_a_whole_rental_on_its_path(daisy: Tool) -> None:
    rental_id, _ = await daisy.buy(max_price="1")

    assert await daisy.text("getStatus", id=rental_id) == "STATUS_WAIT_CODE"
    await daisy.code(rental_id, "012345")
    assert await daisy.text("setStatus", id=rental_id, status=8) == "ACCESS_READY"
    assert await daisy.text("setStatus", id=rental_id, status=6) == "ACCESS_ACTIVATION"
    assert await daisy.text("getStatus", id=rental_id) == "STATUS_OK:012345"


async def test_cancelling_on_its_path_is_said_only_once_it_is_done(daisy: Tool) -> None:
    daisy.sim.change(cancel_locked=300)
    rental_id, _ = await daisy.buy()

    early = await daisy.text("setStatus", id=rental_id, status=8)
    waiting = await daisy.text("getStatus", id=rental_id)
    daisy.sim.advance(301)
    done = await daisy.text("setStatus", id=rental_id, status=8)

    assert (early, waiting, done) == ("ACCESS_READY", "STATUS_WAIT_CODE", "ACCESS_CANCEL")
    assert await daisy.text("getStatus", id=rental_id) == "STATUS_CANCEL"


async def test_trouble_is_trouble_and_never_a_cancel(daisy: Tool) -> None:
    rental_id, _ = await daisy.buy()
    daisy.sim.script(Fault("*", FaultKind.STATUS, times=None, status=500))

    assert await daisy.text("getNumber", service="wa") == "ERROR_SQL"
    assert await daisy.text("setStatus", id=rental_id, status=6) == "ERROR_SQL"
    assert await daisy.text("setStatus", id=rental_id, status=8) == "ACCESS_READY"
    assert daisy.sim.books.rentals[rental_id].active


async def test_a_key_that_may_not_cancel_is_told_that_nothing_is_cancelled(daisy: Tool) -> None:
    async with run_simulated(QUIET, getatext_api_key="sk_demo") as stand:
        key = await make_key(stand.gateway, "looks only", Limits(read_only=True))
        tool = tool_of(stand, key, DAISY)

        assert await tool.text("setStatus", id=12345, status=8) == "ACCESS_READY"
        assert await tool.text("getNumber", service="wa") == "BANNED"


@pytest.mark.parametrize(
    ("path", "waits"), [(PHP, "STATUS_WAIT_RETRY:111111"), (DAISY, "STATUS_WAIT_CODE")]
)
async def test_its_tools_read_no_old_code_for_a_new_one(
    stand: Stand, path: str, waits: str
) -> None:
    tool = tool_of(stand, path=path)
    rental_id, _ = await tool.buy()
    await tool.code(rental_id, "111111")
    asked = await tool.text("setStatus", id=rental_id, status=3)
    meanwhile = [await tool.text(name, id=rental_id) for name in ("getStatus", "getCode")]
    await tool.code(rental_id, "222222")

    assert (asked, meanwhile) == ("ACCESS_RETRY_GET", [waits] * 2)
    assert await tool.text("getStatus", id=rental_id) == "STATUS_OK:222222"


NUMBER = "ACCESS_NUMBER:12345:1"
HARMLESS = (
    "ref=a&owner=b&softId=1&freePrice=1&minPrice=9&providerIds=1&exceptProviderIds=2&fixedPrice=1"
    "&activationType=0&useCashBack=1&language=en&lang=en&json=1&text=1&userId=7&v=2&version=2&_=1"
    "&t=1&ts=1&rand=1"
)
ONE_OF_US = {"carrier": "verizon", "keep_carrier": True}
# What is wished, how the answer begins, and what the provider is asked besides the service.
WISHES: list[tuple[str, str, dict[str, object] | None]] = [
    ("maxPrice=0.9&max_price=0.7", NUMBER, {"max_price": 0.7}),
    ("areas=212,718", NUMBER, {"area_codes": "212,718", "lock_area_code": True}),
    ("carriers=vz", NUMBER, ONE_OF_US),
    ("carriers=tmo,vz,att", "NO_NUMBERS", None),
    ("operator=any", NUMBER, {}),
    ("operator=", NUMBER, {}),
    ("operator=verizon", NUMBER, ONE_OF_US),
    ("operator=verizon,tmobile", "NO_NUMBERS", None),
    ("operator=sprint", "NO_NUMBERS", None),
    ("number=12125550123", NUMBER, {"number": "2125550123"}),
    ("number=2125550123", NUMBER, {"number": "2125550123"}),
    ("number=2125550123&areas=212", "NO_NUMBERS", None),
    ("number=2125550123&carriers=vz", "NO_NUMBERS", None),
    ("phoneException=1212,1718", "NO_NUMBERS", None),
    ("ltr=1", "NO_NUMBERS", None),
    ("duration=1D", "NO_NUMBERS", None),
    ("auto_renew=1", "NO_NUMBERS", None),
    ("ltr=0&duration=0&auto_renew=false", NUMBER, {}),
    ("forward=1", "NO_NUMBERS", None),
    ("verification=1", "NO_NUMBERS", None),
    ("multiService=wa,tg", "NO_NUMBERS", None),
    ("forward=0&verification=false&multiService=", NUMBER, {}),
    (HARMLESS, NUMBER, {}),
    ("activationType=1", "NO_NUMBERS", None),
    ("orderId=o-1", NUMBER, {}),
    ("ref=a&ref=a", "BAD_ACTION", None),
    ("whatever=1", "BAD_ACTION", None),
]


@pytest.mark.parametrize("path", [PHP, DAISY])
@pytest.mark.parametrize(("wish", "answer", "sent"), WISHES, ids=lambda each: str(each)[:30])
async def test_a_wish_is_met_or_refused_on_every_path(
    stand: Stand, path: str, wish: str, answer: str, sent: dict[str, object] | None
) -> None:
    tool = tool_of(stand, path=path)
    query = f"api_key=sk_demo&action=getNumber&service=wa&{wish}"
    told = await tool.raw("GET", f"{path}?{query}")
    bought = [each.json for each in tool.sim.journal.received if each.call.startswith("rent-")]

    assert (told.status, told.content_type) == (200, "text/plain")
    assert told.body.decode().startswith(answer)
    assert bought == ([] if sent is None else [{"service": "whatsapp", **sent}])


REFUSALS = [
    (PHP, {}, "NO_BALANCE", "CHANNELS_LIMIT"),
    (PHP, {"maxPrice": "1"}, "NO_BALANCE", "CHANNELS_LIMIT"),
    (DAISY, {}, "NO_MONEY", "TOO_MANY_ACTIVE_RENTALS"),
    *((PHP, own, "NO_MONEY", "TOO_MANY_ACTIVE_RENTALS") for own in OWN),
    *((DAISY, own, "NO_MONEY", "TOO_MANY_ACTIVE_RENTALS") for own in OWN),
]


@pytest.fixture
async def poor() -> AsyncIterator[Stand]:
    config = replace(QUIET, accounts=(AccountConfig(balance=Decimal("0.10")),))
    async with run_simulated(config) as stand:
        yield stand


@pytest.mark.parametrize(("path", "own", "money", "active"), REFUSALS, ids=str)
@pytest.mark.parametrize("action", ["getNumber", "getNumberV2"])
async def test_too_little_money_has_the_word_of_who_asks(
    poor: Stand, action: str, path: str, own: dict[str, str], money: str, active: str
) -> None:
    assert await tool_of(poor, path=path).text(action, service="wa", **own) == money


@pytest.mark.parametrize(("path", "own", "money", "active"), REFUSALS, ids=str)
async def test_too_many_rentals_have_the_word_of_who_asks(
    path: str, own: dict[str, str], money: str, active: str
) -> None:
    async with run_simulated(QUIET, getatext_api_key="sk_demo") as stand:
        key = await make_key(stand.gateway, "tool", Limits(max_active=1))
        tool = tool_of(stand, key, path)
        await tool.buy()

        assert await tool.text("getNumber", service="wa", **own) == active


LOW = [
    (PHP, {"maxPrice": "0.54"}, "WRONG_MAX_PRICE:0.55"),
    (PHP, {"max_price": "0.54"}, "MAX_PRICE_EXCEEDED"),
    (PHP, {"max_price": "9", "maxPrice": "0.54"}, "MAX_PRICE_EXCEEDED"),
    (PHP, {"areas": "", "maxPrice": "0.54"}, "MAX_PRICE_EXCEEDED"),
    (PHP, {"carriers": "tmo", "maxPrice": "0.54"}, "MAX_PRICE_EXCEEDED"),
    (DAISY, {"maxPrice": "0.54"}, "MAX_PRICE_EXCEEDED"),
    (DAISY, {"max_price": "0.54"}, "MAX_PRICE_EXCEEDED"),
]


@pytest.mark.parametrize(("path", "asked", "expected"), LOW, ids=str)
async def test_too_low_a_price_has_the_word_of_who_asks(
    stand: Stand, path: str, asked: dict[str, str], expected: str
) -> None:
    tool = tool_of(stand, path=path)

    assert await tool.text("getNumber", service="wa", **asked) == expected
    assert not tool.sim.books.rentals


@pytest.mark.parametrize("path", [PHP, DAISY])
@pytest.mark.parametrize(
    ("asked", "paid"), [({}, "0.55"), ({"areas": "212"}, "0.66"), ({"carriers": "tmo"}, "0.66")]
)
@pytest.mark.parametrize("action", ["getNumber", "getNumberV2"])
async def test_a_header_tells_what_was_paid(
    stand: Stand, path: str, action: str, asked: dict[str, str], paid: str
) -> None:
    answer = await tool_of(stand, path=path).send(action=action, service="wa", **asked)

    assert answer.headers["X-Price"] == paid


@pytest.mark.parametrize("path", [PHP, DAISY])
async def test_a_number_handed_out_again_tells_its_price_again(stand: Stand, path: str) -> None:
    tool = tool_of(stand, path=path)
    answers = [await tool.send(action="getNumber", service="wa", orderId="o-1") for _ in range(2)]

    assert [each.headers["X-Price"] for each in answers] == ["0.55", "0.55"]
    assert answers[0].body == answers[1].body


SURCHARGED = [
    ({}, "0.50"),
    ({"areas": "212"}, "0.60"),
    ({"areas": "212", "carriers": "tmo"}, "0.70"),
]


@pytest.mark.parametrize(("asked", "paid"), SURCHARGED)
async def test_where_the_provider_tells_no_price_it_is_that_of_the_list_with_surcharges(
    asked: dict[str, str], paid: str
) -> None:
    row = {"service_name": "Whatsapp", "api_name": "whatsapp", "price": "0.50", "stock": 9}
    async with run_scripted() as stand:
        stand.provider.script.extend(
            [
                reply(200, {"status": "success", "errors": "null", "prices": [row]}),
                reply(201, {"status": "success", "id": 7, "number": "2125550123"}),
            ]
        )
        query = urlencode({"api_key": "sk_demo", "action": "getNumber", "service": "wa", **asked})
        answer = await stand.client.ask("GET", f"{DAISY}?{query}", key=None)

    assert answer.body == b"ACCESS_NUMBER:7:12125550123"
    assert answer.headers["X-Price"] == paid


@pytest.mark.parametrize("path", [PHP, DAISY])
async def test_a_refusal_has_no_price(stand: Stand, path: str) -> None:
    answer = await tool_of(stand, path=path).send(action="getNumber", service="tg")

    assert answer.body == b"NO_NUMBERS"
    assert "X-Price" not in answer.headers


TEXTS: list[tuple[dict[str, str], bool]] = [
    ({"text": "1"}, True),
    ({"text": "true"}, True),
    ({"text": "0"}, False),
    ({}, False),
]


@pytest.mark.parametrize("path", [PHP, DAISY])
@pytest.mark.parametrize(("asked", "told"), TEXTS)
@pytest.mark.parametrize("action", ["getStatus", "getCode"])
async def test_a_header_has_the_text_where_it_is_asked_for(
    stand: Stand, path: str, action: str, asked: dict[str, str], told: bool
) -> None:
    tool = tool_of(stand, path=path)
    rental_id, _ = await tool.buy()
    waiting = await tool.send(action=action, id=rental_id, **asked)
    await tool.code(rental_id, "012345")
    answer = await tool.send(action=action, id=rental_id, **asked)

    assert "X-Text" not in waiting.headers
    assert answer.body == b"STATUS_OK:012345"
    assert answer.headers.get("X-Text") == ("012345" if told else None)


@pytest.mark.parametrize("path", [PHP, DAISY])
async def test_the_key_may_stand_in_its_own_header(stand: Stand, path: str) -> None:
    tool = tool_of(stand, None, path)
    target = f"{path}?action=getBalance"

    async def said(**headers: Any) -> bytes:
        return (await tool.raw("GET", target, headers=headers)).body

    assert await said(**{"X-ApiKey": "sk_demo"}) == b"ACCESS_BALANCE:100.00"
    assert await said(**{"X-ApiKey": "sk_demo", "Auth": "sk_demo"}) == b"ACCESS_BALANCE:100.00"
    assert await said(**{"X-ApiKey": "sk_demo", "Auth": "sk_other"}) == b"BAD_KEY"
    assert await said(**{"X-ApiKey": ""}) == b"NO_KEY"
