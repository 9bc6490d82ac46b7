"""Every row of the protocol's table as raw bytes: number or text, order, no newline at the end."""

import re

import pytest

from tests.faces.support import JSON, TEXT, Tool

USA = '"rus":"США","eng":"USA","chn":"美国"'
REST = '"name":"Whatsapp","ttl":300,"repeatable":true'
WA = f'"wa":{{"cost":0.55,"count":120,"physicalCount":120,{REST}}}'
TURNED = '"count":120,"price":"0.55","name":"Whatsapp","cost":0.55,"ttl":300,"repeatable":true'
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
ACTIVE = (
    '{"activationId":"12345","serviceCode":"wa","phoneNumber":"16466999999","activationCost":0.55,'
    '"activationStatus":"2","smsCode":"012345","smsText":"012345","activationTime":"TIME",'
    '"discount":"0.00","repeated":"0","countryCode":"187","countryName":"USA",'
    '"canGetAnotherSms":"1","currency":840}'
)

BEFORE = [
    ("getBalance", "ACCESS_BALANCE:100.00"),
    ("getBalanceAndCashBack", "ACCESS_BALANCE:100.00"),
    ("getPrices&service=wa", f'{{"187":{{{WA}}}}}'),
    ("getPrices&service=wa&country=12", f'{{"12":{{{WA}}}}}'),
    ("getPrices&service=zz9", "{}"),
    ("getPricesVerification&service=wa", f'{{"wa":{{"187":{{{TURNED}}}}}}}'),
    (
        "getNumbersStatus&country=187",
        '{"wa":120,"wa_0":120,"tg":0,"tg_0":0,"go":7,"go_0":7,"acorn_bank":100,"acorn_bank_0":100,'
        '"whatsapp":120,"whatsapp_0":120,"telegram":0,"telegram_0":0,"gmail":7,"gmail_0":7}',
    ),
    (
        "getCountries",
        f'{{"187":{{"id":187,{USA},"visible":1,"retry":0,"rent":0,"multiService":0}}}}',
    ),
    (
        "getServicesList&lang=en",
        '{"status":"success","services":[{"code":"wa","name":"Whatsapp"},'
        '{"code":"tg","name":"Telegram"},{"code":"go","name":"Gmail"},'
        '{"code":"acorn_bank","name":"Acorn Bank"}]}',
    ),
    (
        "getTopCountriesByService&service=wa&freePrice=true",
        '{"0":{"country":187,"count":120,"price":0.55,"retail_price":0.55}}',
    ),
    ("getOperators&country=187", '{"status":"success","countryOperators":{"187":["any"]}}'),
    ("getActiveActivations", '{"status":"success","activeActivations":[],"data":[]}'),
    ("getStatus&id=12345", "NO_ACTIVATION"),
    ("getStatusV2&id=12345", "NO_ACTIVATION"),
    ("getFullSms&id=12345", "NO_ACTIVATION"),
    ("getRentStatus", '{"status":"error","message":"RENT_NOT_AVAILABLE"}'),
    ("getNothing", "BAD_ACTION"),
]
WAITING = [
    ("getStatus&id=12345", "STATUS_WAIT_CODE"),
    ("getStatusV2&id=12345", '{"verificationType":0,"sms":null,"call":null}'),
    ("getFullSms&id=12345", "STATUS_WAIT_CODE"),
    ("setStatus&id=12345&status=1", "ACCESS_READY"),
    ("setStatus&id=12345&status=3", "BAD_STATUS"),
]
RECEIVED = [
    ("getStatus&id=12345", "STATUS_OK:012345"),
    (
        "getStatusV2&id=12345",
        '{"verificationType":0,"sms":{"dateTime":"TIME","code":"012345","text":"012345"},'
        '"call":null}',
    ),
    ("getFullSms&id=12345", "FULL_SMS:012345"),
    (
        "getActiveActivations",
        f'{{"status":"success","activeActivations":[{ACTIVE}],"data":[{ACTIVE}]}}',
    ),
    ("setStatus&id=12345&status=8", "BAD_STATUS"),
    ("setStatus&id=12345&status=3", "ACCESS_RETRY_GET"),
    ("getStatus&id=12345", "STATUS_WAIT_RETRY:012345"),
    ("setStatus&id=12345&status=6", "ACCESS_ACTIVATION"),
    ("setStatus&id=12345&status=6", "ACCESS_ACTIVATION"),
    ("getStatus&id=12345", "STATUS_OK:012345"),
]
CANCELLED = [
    ("setStatus&id=12345&status=-1", "ACCESS_CANCEL"),
    ("getStatus&id=12345", "STATUS_CANCEL"),
    ("getStatusV2&id=12345", "STATUS_CANCEL"),
    ("getFullSms&id=12345", "STATUS_CANCEL"),
]
NUMBER_V2 = (
    '{"activationId":12345,"phoneNumber":"16466999999","activationCost":0.55,"currency":840,'
    '"countryCode":"187","canGetAnotherSms":"1","activationTime":"TIME",'
    '"activationOperator":"any"}'
)


async def ask(tool: Tool, action: str, *, post: bool = False) -> str:
    """The body as it came, but for times, which have one form."""
    query = f"api_key={tool.key}&action={action}"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await (
        tool.raw("POST", tool.path, data=query, headers=form)
        if post
        else tool.raw("GET", f"{tool.path}?{query}")
    )
    body = answer.body.decode()
    assert (answer.status, answer.content_type) == (200, JSON if body.startswith("{") else TEXT)
    return TIME.sub("TIME", body)


@pytest.fixture(params=[False, True], ids=["GET", "POST"])
def post(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.mark.parametrize(("action", "expected"), BEFORE)
async def test_what_a_tool_asks_before_it_buys(
    tool: Tool, action: str, expected: str, post: bool
) -> None:
    assert await ask(tool, action, post=post) == expected


@pytest.mark.parametrize(
    ("action", "expected"),
    [("getNumber", "ACCESS_NUMBER:12345:16466999999"), ("getNumberV2", NUMBER_V2)],
)
async def test_what_it_buys(tool: Tool, action: str, expected: str, post: bool) -> None:
    assert await ask(tool, f"{action}&service=wa", post=post) == expected


async def test_a_whole_activation(tool: Tool, post: bool) -> None:
    rental_id, _ = await tool.buy()
    for action, expected in WAITING:
        assert (action, await ask(tool, action, post=post)) == (action, expected)
    await tool.code(rental_id, "012345")
    for action, expected in RECEIVED:
        assert (action, await ask(tool, action, post=post)) == (action, expected)


async def test_one_that_is_given_back(tool: Tool, post: bool) -> None:
    await tool.buy()
    for action, expected in CANCELLED:
        assert (action, await ask(tool, action, post=post)) == (action, expected)
