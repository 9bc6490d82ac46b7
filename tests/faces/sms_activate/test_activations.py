"""getStatus, getStatusV2, getFullSms, setStatus: what an activation says and does."""

import re
from typing import Any

import pytest

from adapters.simulator import Fault, FaultKind
from tests.faces.support import Tool

NOTHING_YET = {"verificationType": 0, "sms": None, "call": None}


def received(body: Any, code: str) -> bool:
    sms = body["sms"]
    known = {**NOTHING_YET, "sms": {"dateTime": sms["dateTime"], "code": code, "text": code}}
    return body == known and bool(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", sms["dateTime"]))


async def test_it_waits_and_then_has_its_code(tool: Tool) -> None:
    rental_id, _ = await tool.buy()

    assert await tool.text("getStatus", id=rental_id) == "STATUS_WAIT_CODE"
    assert await tool.json("getStatusV2", id=rental_id) == NOTHING_YET
    assert await tool.text("getFullSms", id=rental_id) == "STATUS_WAIT_CODE"

    await tool.code(rental_id, "012345")

    assert await tool.text("getStatus", id=rental_id) == "STATUS_OK:012345"
    assert received(await tool.json("getStatusV2", id=rental_id), "012345")
    assert await tool.text("getFullSms", id=rental_id) == "FULL_SMS:012345"


@pytest.mark.parametrize("status", [8, -1])
async def test_cancelled_without_a_code_it_says_so(tool: Tool, status: int) -> None:
    rental_id, _ = await tool.buy()

    assert await tool.text("setStatus", id=rental_id, status=status) == "ACCESS_CANCEL"
    for action in ("getStatus", "getStatusV2", "getFullSms"):
        assert await tool.text(action, id=rental_id) == "STATUS_CANCEL"
    assert await tool.text("getBalance") == "ACCESS_BALANCE:100.00"


async def test_expired_without_a_code_it_is_cancelled(tool: Tool) -> None:
    rental_id, _ = await tool.buy()
    tool.sim.advance(3600)

    assert await tool.text("getStatus", id=rental_id) == "STATUS_CANCEL"
    assert await tool.text("setStatus", id=rental_id, status=8) == "ACCESS_CANCEL"


@pytest.mark.parametrize("end", ["complete", "expire"])
async def test_a_code_stays_readable_after_the_end(tool: Tool, end: str) -> None:
    rental_id, _ = await tool.buy()
    await tool.code(rental_id, "123456")
    if end == "complete":
        await tool.text("setStatus", id=rental_id, status=6)
    else:
        tool.sim.advance(3600)

    assert await tool.text("getStatus", id=rental_id) == "STATUS_OK:123456"
    assert await tool.text("getFullSms", id=rental_id) == "FULL_SMS:123456"


async def test_another_code_is_free_and_awaited_until_a_different_one_comes(tool: Tool) -> None:
    rental_id, _ = await tool.buy()
    await tool.code(rental_id, "111111")

    assert await tool.text("setStatus", id=rental_id, status=3) == "ACCESS_RETRY_GET"
    assert await tool.text("setStatus", id=rental_id, status=3) == "ACCESS_RETRY_GET"
    assert await tool.text("getStatus", id=rental_id) == "STATUS_WAIT_RETRY:111111"
    assert await tool.json("getStatusV2", id=rental_id) == NOTHING_YET

    await tool.code(rental_id, "222222")

    assert await tool.text("getStatus", id=rental_id) == "STATUS_OK:222222"
    assert received(await tool.json("getStatusV2", id=rental_id), "222222")
    assert len(tool.sim.books.rentals) == 1
    assert tool.sim.journal.calls["re-rent"] == 0


async def test_the_last_code_is_readable_again_when_no_other_can_come(tool: Tool) -> None:
    rental_id, _ = await tool.buy()
    await tool.code(rental_id, "111111")
    await tool.text("setStatus", id=rental_id, status=3)
    await tool.text("setStatus", id=rental_id, status=6)

    assert await tool.text("getStatus", id=rental_id) == "STATUS_OK:111111"


async def test_another_code_needs_a_first_one(tool: Tool) -> None:
    rental_id, _ = await tool.buy()

    assert await tool.text("setStatus", id=rental_id, status=3) == "BAD_STATUS"
    assert await tool.text("getStatus", id=rental_id) == "STATUS_WAIT_CODE"


async def test_ready_is_nothing_to_do(tool: Tool) -> None:
    rental_id, _ = await tool.buy()

    assert await tool.text("setStatus", id=rental_id, status=1) == "ACCESS_READY"
    assert await tool.text("setStatus", id=999, status=1) == "NO_ACTIVATION"


async def test_done_may_be_said_twice(tool: Tool) -> None:
    rental_id, _ = await tool.buy()
    await tool.code(rental_id, "123456")

    for _ in range(3):
        assert await tool.text("setStatus", id=rental_id, status=6) == "ACCESS_ACTIVATION"


async def test_cancelled_may_be_said_twice_and_pays_once(tool: Tool) -> None:
    rental_id, _ = await tool.buy()

    for _ in range(3):
        assert await tool.text("setStatus", id=rental_id, status=8) == "ACCESS_CANCEL"
    assert await tool.text("getBalance") == "ACCESS_BALANCE:100.00"
    assert await tool.text("setStatus", id=rental_id, status=6) == "ACCESS_CANCEL"


async def test_too_early_to_cancel_has_its_token(tool: Tool) -> None:
    tool.sim.change(cancel_locked=300)
    rental_id, _ = await tool.buy()

    assert await tool.text("setStatus", id=rental_id, status=8) == "EARLY_CANCEL_DENIED"
    assert await tool.text("getStatus", id=rental_id) == "STATUS_WAIT_CODE"


@pytest.mark.parametrize("completed", [False, True])
async def test_a_code_cannot_be_given_back(tool: Tool, completed: bool) -> None:
    rental_id, _ = await tool.buy()
    await tool.code(rental_id, "123456")
    if completed:
        await tool.text("setStatus", id=rental_id, status=6)

    assert await tool.text("setStatus", id=rental_id, status=8) == "BAD_STATUS"


@pytest.mark.parametrize("status", ["", "0", "2", "4", "5", "7", "9", "-2", "x", "6.0", "06"])
async def test_an_unknown_status_is_a_bad_one(tool: Tool, status: str) -> None:
    assert await tool.text("setStatus", id=12345, status=status) == "BAD_STATUS"


@pytest.mark.parametrize("wrong", ["", "x", "-5", "1.5", "1e3", "١٢"])
async def test_an_id_that_is_no_number_has_its_token(tool: Tool, wrong: str) -> None:
    assert await tool.text("setStatus", id=wrong, status=8) == "WRONG_ACTIVATION_ID"
    for action in ("getStatus", "getStatusV2", "getFullSms"):
        assert await tool.text(action, id=wrong) == "NO_ACTIVATION"


@pytest.mark.parametrize("wrong", ["0", "1", "999999", "9" * 19, "9" * 5000])
async def test_an_activation_that_is_not_there_has_its_token(tool: Tool, wrong: str) -> None:
    for status in (1, 3, 6, 8, -1):
        assert await tool.text("setStatus", id=wrong, status=status) == "NO_ACTIVATION"
    for action in ("getStatus", "getStatusV2", "getFullSms"):
        assert await tool.text(action, id=wrong) == "NO_ACTIVATION"


FAULTS = [
    Fault("*", FaultKind.STATUS, times=None, status=500),
    Fault("*", FaultKind.HTML, times=None, status=502),
    Fault("*", FaultKind.HTML, times=None, status=200),
    Fault("*", FaultKind.RATE_LIMITED, times=None),
    Fault("*", FaultKind.DROP_BEFORE, times=None),
    Fault("*", FaultKind.CUT_JSON, times=None),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.kind}-{fault.status}")
async def test_in_trouble_a_status_stays_as_it_was_last(tool: Tool, fault: Fault) -> None:
    waiting, _ = await tool.buy()
    done, _ = await tool.buy()
    unseen, _ = await tool.buy()
    await tool.code(done, "123456")
    tool.sim.script(fault)

    assert await tool.text("getStatus", id=waiting) == "STATUS_WAIT_CODE"
    assert await tool.text("getStatus", id=done) == "STATUS_OK:123456"
    assert received(await tool.json("getStatusV2", id=done), "123456")
    assert await tool.text("getStatus", id=unseen) == "STATUS_WAIT_CODE"
    assert await tool.json("getStatusV2", id=unseen) == NOTHING_YET


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.kind}-{fault.status}")
@pytest.mark.parametrize("status", [6, 8, -1])
async def test_in_trouble_a_change_asks_to_try_again(tool: Tool, fault: Fault, status: int) -> None:
    rental_id, _ = await tool.buy()
    tool.sim.script(fault)

    assert await tool.text("setStatus", id=rental_id, status=status) == "ERROR_SQL"
    assert await tool.text("setStatus", id=rental_id, status=1) == "ACCESS_READY"


async def test_no_activation_is_active_before_any_is_bought(tool: Tool) -> None:
    assert await tool.json("getActiveActivations") == {
        "status": "success",
        "activeActivations": [],
        "data": [],
    }
