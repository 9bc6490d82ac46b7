"""Purchases: made once, whatever the caller, the network or our own code does meanwhile."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal

import pytest
import structlog

from adapters.getatext.provider import Getatext
from adapters.simulator import Fault, FaultKind
from gateway.http.wire import edge
from gateway.telemetry import logs
from tests.support.gateway import ScriptedStand, Stand
from tests.support.samples import ASKS, RENTED
from tests.support.scripted import Held, reply
from tests.support.waiting import until

RENT = {"service_code": "whatsapp"}
SECRET = "sk_very_secret_key"


async def hang_up(task: "asyncio.Task[object]") -> None:
    """Ends a request as a caller does who closes the connection."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_a_caller_that_hangs_up_stops_no_purchase(stand: Stand) -> None:
    stand.sim.script(Fault("rent-a-number", FaultKind.SLOW, seconds=30))
    renting = asyncio.ensure_future(stand.client.post("/v1/rentals", RENT))
    await until(lambda: stand.sim.books.rentals)
    await hang_up(renting)
    stand.sim.release()
    await stand.gateway.invoker.drain()
    answer = await stand.client.get("/v1/rentals/12345")

    assert stand.sim.journal.calls["rent-a-number"] == 1
    assert list(stand.sim.books.rentals) == [12345]
    assert answer.status == 200


@pytest.mark.parametrize("name", [name for name, ask in ASKS.items() if ask.method == "POST"])
async def test_a_change_whose_caller_hung_up_is_sent_once_and_answered(
    scripted: ScriptedStand, name: str
) -> None:
    ask = ASKS[name]
    scripted.provider.script.append(Held(reply(ask.status, ask.body)))
    asking = asyncio.ensure_future(scripted.client.post(ask.path, ask.json))
    await scripted.provider.arrived.wait()
    await hang_up(asking)
    scripted.provider.release()
    await scripted.gateway.invoker.drain()
    metrics = await scripted.client.get("/metrics")

    assert len(scripted.provider.asked) == 1
    assert f'operations_total{{operation="{name}",outcome="ok"}} 1.0' in metrics.body.decode()


async def test_rents_at_the_same_time_are_each_made_once(stand: Stand) -> None:
    answers = await asyncio.gather(*(stand.client.post("/v1/rentals", RENT) for _ in range(40)))
    ids = [answer.json["id"] for answer in answers]

    assert [answer.status for answer in answers] == [201] * 40
    assert sorted(ids) == sorted(stand.sim.books.rentals)
    assert len({answer.json["number"] for answer in answers}) == 40
    assert stand.sim.books.spent == 40 * Decimal("0.55")


LOST = [
    Fault("rent-a-number", FaultKind.DROP_AFTER),
    Fault("rent-a-number", FaultKind.TRUNCATED),
    Fault("rent-a-number", FaultKind.CUT_JSON),
    Fault("rent-a-number", FaultKind.HTML, after_work=True),
    Fault("rent-a-number", FaultKind.STATUS, status=504, after_work=True),
    Fault("rent-a-number", FaultKind.DROP_BEFORE),
]


@pytest.mark.parametrize("fault", LOST, ids=lambda fault: fault.kind.value)
async def test_a_purchase_whose_answer_is_lost_is_never_repeated(
    stand: Stand, fault: Fault
) -> None:
    stand.sim.script(fault)
    answer = await stand.client.post("/v1/rentals", RENT)

    assert (answer.status, answer.json["code"]) == (409, "outcome_unknown")
    assert (answer.json["charged"], answer.json["retryable"]) == ("unknown", False)
    assert stand.sim.journal.calls["rent-a-number"] == 1


async def test_a_purchase_never_goes_over_a_used_connection(scripted: ScriptedStand) -> None:
    scripted.provider.always = reply(201, RENTED)
    for _ in range(3):
        assert (await scripted.client.post("/v1/rentals", RENT)).status == 201

    assert {asked.headers["connection"] for asked in scripted.provider.asked} == {"close"}


async def crash(*_: object) -> None:
    raise ZeroDivisionError(f"internals with Auth: {SECRET} in them")


@pytest.fixture
def real_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[pytest.CaptureFixture[str]]:
    """The log as the program sets it up; put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    monkeypatch.setattr(edge, "log", structlog.get_logger("gateway.http"))
    logs.configure("json", "info")
    yield capsys
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


CRASHES = ["get_balance", "get_rental", "list_prices", "list_messages"]


@pytest.mark.parametrize("name", CRASHES)
async def test_a_crash_tells_the_caller_its_trace_id_and_the_log_the_rest(
    stand: Stand,
    monkeypatch: pytest.MonkeyPatch,
    real_log: pytest.CaptureFixture[str],
    name: str,
) -> None:
    monkeypatch.setattr(Getatext, "call", crash)
    answer = await stand.client.ask("GET", ASKS[name].path, key=SECRET)
    logged = real_log.readouterr().err

    assert (answer.status, answer.json["code"]) == (500, "internal_error")
    assert b"internals" not in answer.body
    assert b"ZeroDivision" not in answer.body
    assert answer.json["trace_id"] in logged
    assert "ZeroDivisionError" in logged
    assert SECRET not in logged


SPENDS = [name for name, ask in ASKS.items() if ask.spends]


@pytest.mark.parametrize("name", SPENDS)
async def test_a_crash_in_a_purchase_is_an_unknown_outcome(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(Getatext, "call", crash)
    answer = await stand.client.post(ASKS[name].path, ASKS[name].json)

    assert (answer.status, answer.json["code"]) == (409, "outcome_unknown")
    assert answer.json["charged"] == "unknown"


BESIDE_A_NUMBER = [
    {"carrier": "verizon"},
    {"carrier": "verizon", "keep_carrier": True},
    {"area_codes": "212"},
]


@pytest.mark.parametrize("inputs", BESIDE_A_NUMBER, ids=str)
async def test_a_number_beside_other_inputs_buys_nothing(
    stand: Stand, inputs: dict[str, object]
) -> None:
    answer = await stand.client.post("/v1/rentals", {**RENT, "number": "+12125550123", **inputs})

    assert (answer.status, answer.json["code"]) == (400, "invalid_request")
    assert answer.json["detail"].startswith("number: cannot be had with ")
    assert not stand.sim.books.rentals


async def test_a_form_that_sends_every_input_rents_its_number(stand: Stand) -> None:
    form = {"carrier": "any", "keep_carrier": False, "area_codes": "", "lock_area_code": False}
    await stand.client.post("/v1/rentals", {**RENT, "number": "+12125550123", **form})

    assert stand.sim.journal.calls["rent-specific-number"] == 1
