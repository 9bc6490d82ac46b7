"""Every error code a caller can meet: its status, whether money moved, whether to try again."""

from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.contract import PROBLEM_JSON, operation_of
from tests.support.gateway import ScriptedStand, run_gateway, run_scripted
from tests.support.samples import ASKS
from tests.support.scripted import Act, reply


@dataclass(frozen=True, slots=True)
class Row:
    """A code, how it comes about, and what must be told."""

    code: str
    operation: str
    said: bytes | Act
    status: int
    charged: str = "no"
    retryable: bool = False
    given: Any = ...


def no(words: str, status: int = 400) -> bytes:
    return reply(status, {"errors": words})


ROWS = [
    Row("invalid_request", "rent_number", Act.DROP, 400, given={}),
    Row("unauthorized", "get_balance", no("Wrong Api Key or User is restricted", 403), 401),
    Row("service_not_found", "rent_number", no("Service not found", 404), 404),
    Row("rental_not_found", "get_rental", no("Rental not found", 404), 404),
    Row("long_rental_not_found", "cancel_long_rental", no("Rental not found", 404), 404),
    Row("out_of_stock", "rent_number", no("Service is out of stock"), 409, retryable=True),
    Row("price_too_high", "rent_number", no("Price is above your maximum price"), 409),
    Row("insufficient_funds", "create_long_rental", no("You have insufficient funds"), 409),
    Row("too_many_active_rentals", "rent_again", no("maximum number of active rentals"), 409,
        retryable=True),
    Row("rental_ended", "set_auto_renew", no("Rental is not active"), 409),
    Row("upstream_refused", "rent_number", no("The moon is not full"), 409),
    Row("outcome_unknown", "rent_number", Act.DROP, 409, "unknown"),
    Row("outcome_unknown", "renew_long_rental", Act.HANG, 409, "unknown"),
    Row("rate_limited", "rent_number", no("Too many requests", 429), 429, retryable=True),
    Row("upstream_error", "get_rental", no("The moon fell down", 500), 502, retryable=True),
    Row("upstream_bad_response", "get_rental", reply(200, "?"), 502, retryable=True),
    Row("upstream_maintenance", "rent_number", no("Service is under maintenance", 503), 503,
        retryable=True),
    Row("upstream_unavailable", "get_rental", Act.DROP, 503, retryable=True),
    Row("upstream_timeout", "get_rental", Act.HANG, 504, retryable=True),
    Row("upstream_timeout", "complete_rental", Act.HANG, 504, retryable=True),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.code} of {row.operation}")
async def test_an_error_says_what_happened_and_whether_money_moved(row: Row) -> None:
    ask = ASKS[row.operation]
    given = ask.json if row.given is ... else row.given
    quick = {"getatext_read_seconds": 10, "getatext_spend_seconds": 10}
    async with run_scripted(**(quick if row.said is Act.HANG else {})) as stand:
        stand.provider.always = row.said  # a read is asked again
        answer = await stand.client.ask(ask.method, ask.path, json=given)

    told = answer.json
    assert (told["code"], answer.status) == (row.code, row.status)
    assert (told["charged"], told["retryable"]) == (row.charged, row.retryable)
    assert answer.content_type == PROBLEM_JSON


@pytest.mark.parametrize("name", ASKS)
async def test_a_provider_that_is_not_there_costs_nothing(name: str) -> None:
    nobody = "http://127.0.0.1:9"
    async with run_gateway(nobody) as stand:
        answer = await stand.client.ask(ASKS[name].method, ASKS[name].path, json=ASKS[name].json)

    told = answer.json
    assert (answer.status, told["code"], told["charged"]) == (503, "upstream_unavailable", "no")
    assert told["retry_after"] == int(answer.headers["Retry-After"]) == 2


@pytest.mark.parametrize("name", ASKS)
async def test_every_operation_documents_what_it_can_answer(
    scripted: ScriptedStand, name: str
) -> None:
    operation = operation_of(ASKS[name].method, ASKS[name].path)

    assert operation is not None
    assert operation["operationId"] == name
    assert {"400", "401", "429", "500", "502", "503"} <= operation["responses"].keys()
    assert ("409" in operation["responses"]) or not ASKS[name].spends
