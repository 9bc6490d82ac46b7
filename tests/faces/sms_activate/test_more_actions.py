"""Actions that public tools send besides the core ones, as raw bytes, on both paths."""

import re
from urllib.parse import urlencode

import pytest

from adapters.simulator import Fault, FaultKind
from gateway.core.model.callers import Limits
from tests.faces.support import DAISY, JSON, NOBODY, PHP, QUIET, TEXT, Tool, tool_of
from tests.support.gateway import Stand, run_simulated
from tests.support.keys import make_key

TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
RENT_ACTIONS = (
    "getRentServicesAndCountries", "getRentNumber", "getRentStatus", "setRentStatus", "getRentList",
    "continueRentNumber",
)  # fmt: skip
NO_RENT = '{"status":"error","message":"RENT_NOT_AVAILABLE"}'


@pytest.fixture(params=[PHP, DAISY], ids=["shared", "daisysms"])
def tool(request: pytest.FixtureRequest, stand: Stand) -> Tool:
    return tool_of(stand, path=request.param)


async def ask(tool: Tool, action: str, **params: object) -> str:
    """The body of an answer of HTTP 200, but for times."""
    answer = await tool.send(action=action, **params)
    body = answer.body.decode()
    assert (answer.status, answer.content_type) == (200, JSON if body.startswith("{") else TEXT)
    return TIME.sub("TIME", body)


def row(status: str, code: str | None = None, rental_id: int = 12345) -> str:
    sms = "null" if code is None else f'"{code}"'
    return (
        f'{{"activationId":"{rental_id}","serviceCode":"wa","phoneNumber":"16466999999",'
        f'"activationCost":0.55,"activationStatus":"{status}","smsCode":{sms},"smsText":{sms},'
        '"activationTime":"TIME","discount":"0.00","repeated":"0","countryCode":"187",'
        '"countryName":"USA","canGetAnotherSms":"1","currency":840}'
    )


SAME = [
    ("getCurrentActivations", "getActiveActivations", {}),
    ("getServices", "getServicesList", {}),
    ("getPricesExtended", "getPrices", {}),
    ("getPricesExtended", "getPrices", {"service": "wa", "country": "12"}),
    ("getTopCountriesByServiceRank", "getTopCountriesByService", {"service": "wa"}),
    ("getListOfTopCountriesByService", "getTopCountriesByService", {"service": "wa"}),
    ("getListOfTopCountriesByService", "getTopCountriesByService", {}),
    ("getCode", "getStatus", {"id": "12345"}),
    ("getCode", "getStatus", {"id": "999"}),
    ("GETSTATUS", "getStatus", {"id": "12345"}),
    ("getnumbersstatus", "getNumbersStatus", {}),
    ("GetBalance", "getBalance", {}),
]


@pytest.mark.parametrize(("action", "known", "params"), SAME)
async def test_many_are_others_under_another_name(
    tool: Tool, action: str, known: str, params: dict[str, str]
) -> None:
    await tool.buy()

    assert await ask(tool, action, **params) == await ask(tool, known, **params)


@pytest.mark.parametrize("action", RENT_ACTIONS)
async def test_nothing_is_rented_by_the_day(tool: Tool, action: str) -> None:
    assert await ask(tool, action, service="wa", id=12345) == NO_RENT
    assert not tool.sim.books.rentals


@pytest.mark.parametrize("action", ["setAutoRenew", "keep"])
async def test_nothing_renews(tool: Tool, action: str) -> None:
    rental_id, _ = await tool.buy()

    assert await ask(tool, action, id=rental_id, value="True") == "NO_ACTIVATION"


async def test_countries_need_no_key(stand: Stand, tool: Tool) -> None:
    stranger = tool_of(stand, None, tool.path)
    known = await ask(tool, "getCountries")

    assert await ask(stranger, "getCountries") == await ask(stranger, "getcountries") == known
    assert await ask(stranger, "getPrices") == "NO_KEY"


KEYED = (
    *RENT_ACTIONS, "setAutoRenew", "keep", "getActivationHistory", "getAllSms", "getCode",
    "getExtraActivation", "reactivate", "getCurrentActivations", "getServices",
)  # fmt: skip


@pytest.mark.parametrize("action", KEYED)
async def test_all_others_refuse_a_wrong_key(stand: Stand, tool: Tool, action: str) -> None:
    stranger = tool_of(stand, NOBODY, tool.path)

    assert await ask(stranger, action, id=1) == "BAD_KEY"


async def test_every_code_of_an_activation_newest_first(tool: Tool) -> None:
    rental_id, _ = await tool.buy()
    assert await ask(tool, "getAllSms", id=rental_id) == '{"status":"success","data":[]}'
    for code in ("111111", "222222"):
        await tool.code(rental_id, code)

    assert await ask(tool, "getAllSms", id=rental_id) == (
        '{"status":"success","data":[{"code":"222222","text":"222222","date":"TIME"},'
        '{"code":"111111","text":"111111","date":"TIME"}]}'
    )
    assert await ask(tool, "getAllSms", id=999) == "NO_ACTIVATION"
    assert await ask(tool, "getAllSms", id="x") == "NO_ACTIVATION"


async def test_the_history_has_what_has_ended_too(tool: Tool) -> None:
    assert await ask(tool, "getActivationHistory") == '{"status":"success","list":[]}'
    done, _ = await tool.buy()
    await tool.code(done, "012345")
    await tool.text("setStatus", id=done, status=6)
    back, number = await tool.buy()
    await tool.text("setStatus", id=back, status=8)
    rows = [row("8", rental_id=back).replace("16466999999", number), row("6", "012345", done)]

    assert await ask(tool, "getActivationHistory") == (
        f'{{"status":"success","list":[{",".join(rows)}]}}'
    )


@pytest.mark.parametrize(
    ("action", "name"),
    [("getExtraActivation", "activationId"), ("getExtraActivation", "id"), ("reactivate", "id")],
)
async def test_the_number_once_more_is_paid(tool: Tool, action: str, name: str) -> None:
    rental_id, number = await tool.buy()
    await tool.code(rental_id, "012345")
    await tool.text("setStatus", id=rental_id, status=6)
    answer = await tool.send(action=action, **{name: rental_id})

    assert answer.body.decode() == f"ACCESS_NUMBER:12346:{number}"
    assert answer.headers["X-Price"] == "0.55"
    assert tool.sim.journal.calls["re-rent"] == 1
    assert await tool.text("getBalance") == "ACCESS_BALANCE:98.90"


async def test_once_more_by_the_callers_own_id_buys_once(tool: Tool) -> None:
    rental_id, _ = await tool.buy()
    await tool.code(rental_id, "012345")
    asked = {"action": "reactivate", "id": rental_id, "orderId": "o-1"}
    first, again = [await tool.send(**asked) for _ in range(2)]

    assert first.body == again.body
    assert tool.sim.journal.calls["re-rent"] == 1


NOT_AGAIN = [
    ({}, "NO_ACTIVATION"),
    ({"activationId": "999"}, "NO_ACTIVATION"),
    ({"activationId": "x"}, "NO_ACTIVATION"),
    ({"activationId": "0"}, "NO_ACTIVATION"),
    ({"activationId": "12345", "id": "12346"}, "BAD_ACTION"),
    ({"activationId": "12345", "nobody_knows": "1"}, "BAD_ACTION"),
    ({"activationId": "12345", "service": "tg"}, "NO_NUMBERS"),
    ({"activationId": "12345", "maxPrice": "9"}, "NO_NUMBERS"),
    ({"activationId": "12345", "max_price": "9"}, "NO_NUMBERS"),
    ({"activationId": "12345", "areas": "212"}, "NO_NUMBERS"),
    ({"activationId": "12345", "country": "0"}, "NO_NUMBERS"),
    ({"activationId": "12345", "ltr": "1"}, "NO_NUMBERS"),
]


@pytest.mark.parametrize(("asked", "expected"), NOT_AGAIN, ids=str)
@pytest.mark.parametrize("action", ["getExtraActivation", "reactivate"])
async def test_what_is_not_rented_again_costs_nothing(
    tool: Tool, action: str, asked: dict[str, str], expected: str
) -> None:
    await tool.buy()

    assert await ask(tool, action, **asked) == expected
    assert len(tool.sim.books.rentals) == 1


NOT_BOUGHT = ["getNumber", "getNumberV2", "getExtraActivation", "reactivate", "GETEXTRAACTIVATION"]


@pytest.mark.parametrize("action", NOT_BOUGHT)
async def test_no_head_prefetch_or_repeated_parameter_buys(tool: Tool, action: str) -> None:
    rental_id, _ = await tool.buy()
    asked = {"action": action, "service": "wa", "id": str(rental_id)}
    if action not in ("getNumber", "getNumberV2"):
        del asked["service"]
    target = f"{tool.path}?api_key=sk_demo&{urlencode(asked)}"
    head = await tool.raw("HEAD", target)
    prefetch = await tool.raw("GET", target, headers={"Sec-Purpose": "prefetch"})
    twice = await tool.raw("GET", f"{target}&country=187&country=187")

    assert (head.status, head.body) == (200, b"")
    assert prefetch.body == twice.body == b"BAD_ACTION"
    assert len(tool.sim.books.rentals) == 1


async def test_a_budget_holds_for_a_number_rented_again(tool: Tool) -> None:
    async with run_simulated(QUIET, getatext_api_key="sk_demo") as stand:
        key = await make_key(stand.gateway, "tool", Limits(max_per_day=1))
        limited = tool_of(stand, key, tool.path)
        rental_id, _ = await limited.buy()
        refused = await limited.text("reactivate", id=rental_id)

        assert refused == ("NO_MONEY" if tool.path == DAISY else "NO_BALANCE")
        assert stand.sim.journal.calls["re-rent"] == 0


# finishActivation and cancelActivation: a client takes any HTTP 200 for done.


async def test_done_is_said_by_http_200(tool: Tool) -> None:
    rental_id, _ = await tool.buy()
    await tool.code(rental_id, "012345")
    back, _ = await tool.buy()

    assert await tool.token("finishActivation", id=rental_id) == (200, "ACCESS_ACTIVATION")
    assert await tool.token("FinishActivation", id=rental_id) == (200, "ACCESS_ACTIVATION")
    assert await tool.token("cancelActivation", id=back) == (200, "ACCESS_CANCEL")
    assert await tool.token("cancelActivation", id=back) == (200, "ACCESS_CANCEL")


async def test_not_done_is_said_by_http_400(tool: Tool) -> None:
    daisy = tool.path == DAISY
    tool.sim.change(cancel_locked=300)
    rental_id, _ = await tool.buy()
    ready = "ACCESS_READY"

    early = ready if daisy else "EARLY_CANCEL_DENIED"
    missing = ready if daisy else "NO_ACTIVATION"
    no_number = ready if daisy else "WRONG_ACTIVATION_ID"
    no_id = "NO_ACTIVATION" if daisy else "WRONG_ACTIVATION_ID"
    with_code = ready if daisy else "BAD_STATUS"
    assert await tool.token("cancelActivation", id=rental_id) == (400, early)
    assert await tool.token("cancelActivation", id=999) == (400, missing)
    assert await tool.token("cancelActivation", id="x") == (400, no_number)
    assert await tool.token("finishActivation", id=999) == (400, "NO_ACTIVATION")
    assert await tool.token("finishActivation") == (400, no_id)
    await tool.code(rental_id, "012345")
    assert await tool.token("cancelActivation", id=rental_id) == (400, with_code)


@pytest.mark.parametrize("action", ["finishActivation", "cancelActivation", "CANCELactivation"])
async def test_no_refusal_of_them_is_http_200(tool: Tool, stand: Stand, action: str) -> None:
    rental_id, _ = await tool.buy()
    target = f"{tool.path}?api_key=sk_demo&action={action}&id={rental_id}"
    head = await tool.raw("HEAD", target)
    put = await tool.raw("PUT", target)
    prefetch = await tool.raw("GET", target, headers={"Purpose": "prefetch"})
    many = await tool.raw("GET", f"{target}&{'&'.join(f'a{n}=1' for n in range(200))}")
    unknown = await tool_of(stand, NOBODY, tool.path).token(action, id=rental_id)
    without = await tool_of(stand, None, tool.path).token(action, id=rental_id)
    tool.sim.script(Fault("*", FaultKind.STATUS, times=None, status=500))
    trouble = await tool.token(action, id=rental_id)
    cancels = tool.path == DAISY and action.lower().startswith("cancel")
    prefetched = b"ACCESS_READY" if cancels else b"BAD_ACTION"
    in_trouble = "ACCESS_READY" if cancels else "ERROR_SQL"

    assert (head.status, head.body) == (400, b"")
    assert [(a.status, a.body) for a in (put, many)] == [(400, b"BAD_ACTION")] * 2
    assert (prefetch.status, prefetch.body) == (400, prefetched)
    assert [unknown, without, trouble] == [(400, "BAD_KEY"), (400, "NO_KEY"), (400, in_trouble)]


async def test_a_form_is_answered_by_status_too(tool: Tool) -> None:
    form = {"action": "finishActivation", "id": "999", "api_key": "sk_demo"}
    answer = await tool.raw("POST", tool.path, data=form)

    assert (answer.status, answer.body) == (400, b"NO_ACTIVATION")


UNREAD = {
    "too many fields": ("application/x-www-form-urlencoded", b"&a=1" * 150),
    "compressed": ("application/x-www-form-urlencoded", b""),
    "too large": ("application/x-www-form-urlencoded", b"&a=" + b"1" * 100_000),
    "broken": ("multipart/form-data; boundary=x", b""),
}


@pytest.mark.parametrize(("kind", "more"), UNREAD.values(), ids=UNREAD)
async def test_a_form_that_cannot_be_read_is_no_success(tool: Tool, kind: str, more: bytes) -> None:
    form = b"action=finishActivation&id=999&api_key=sk_demo" + more
    headers = {"Content-Type": kind} if more else {"Content-Type": kind, "Content-Encoding": "gzip"}
    answer = await tool.raw("POST", tool.path, data=form, headers=headers)

    assert (answer.status, answer.body) == (400, b"BAD_ACTION")


@pytest.mark.parametrize(
    "query", ["action%20=finishActivation", "action=getBalance&action=cancelActivation"]
)
async def test_however_the_query_names_it_a_head_is_no_success(tool: Tool, query: str) -> None:
    assert (await tool.raw("HEAD", f"{tool.path}?api_key=sk_demo&{query}&id=1")).status == 400


# Status 6 before a code: the money comes back.


async def test_done_without_a_code_gives_the_money_back(tool: Tool) -> None:
    rental_id, _ = await tool.buy()

    assert await tool.text("setStatus", id=rental_id, status=6) == "ACCESS_CANCEL"
    assert await tool.text("setStatus", id=rental_id, status=6) == "ACCESS_CANCEL"
    assert await tool.text("getStatus", id=rental_id) == "STATUS_CANCEL"
    assert await tool.text("getBalance") == "ACCESS_BALANCE:100.00"
    assert tool.sim.journal.calls["completed"] == 0


async def test_done_too_early_leaves_the_wish_to_cancel(tool: Tool) -> None:
    tool.sim.change(cancel_locked=300)
    rental_id, _ = await tool.buy()
    early = "ACCESS_READY" if tool.path == DAISY else "EARLY_CANCEL_DENIED"
    path = f"/v1/rentals/{rental_id}"

    assert await tool.text("setStatus", id=rental_id, status=8) == early
    assert (await tool.client.ask("GET", path)).json["cancel_requested_at"] is None
    for _ in range(2):
        assert await tool.text("setStatus", id=rental_id, status=6) == early
        assert await tool.token("finishActivation", id=rental_id) == (400, early)
    assert (await tool.client.ask("GET", path)).json["cancel_requested_at"] is not None
    assert await tool.text("getStatus", id=rental_id) == "STATUS_WAIT_CODE"


async def test_a_code_that_comes_meanwhile_is_kept(tool: Tool) -> None:
    tool.sim.change(cancel_locked=300)
    rental_id, _ = await tool.buy()
    await tool.text("setStatus", id=rental_id, status=6)
    await tool.code(rental_id, "012345")

    assert await tool.text("setStatus", id=rental_id, status=6) == "ACCESS_ACTIVATION"
    assert await tool.text("getStatus", id=rental_id) == "STATUS_OK:012345"


async def test_a_code_that_nobody_has_seen_yet_is_seen(tool: Tool) -> None:
    rental_id, _ = await tool.buy()
    assert await tool.text("getStatus", id=rental_id) == "STATUS_WAIT_CODE"
    tool.sim.receive_code(rental_id, "012345")

    assert await tool.text("setStatus", id=rental_id, status=6) == "ACCESS_ACTIVATION"
    assert await tool.text("getStatus", id=rental_id) == "STATUS_OK:012345"


async def test_done_after_the_end_without_a_code_keeps_nothing(tool: Tool) -> None:
    rental_id, _ = await tool.buy()
    tool.sim.advance(3600)

    assert await tool.text("setStatus", id=rental_id, status=6) == "ACCESS_CANCEL"
