"""Request ids that a relay gives to purchases, and what it says of lost answers."""

import json
from typing import Any

import pytest

from gateway.core.model.upstream_call import Effect
from gateway.core.operations.catalog import TOOLS
from mcp_server.relay.purchases import RequestIds, effect_of, lost_answer
from tests.mcp.relay.support import RENT, call, request

STATE = {"requestState": "sealed"}


def completed(ids: RequestIds, message: dict[str, Any]) -> dict[str, Any]:
    return ids.completed(message, json.dumps(message))


@pytest.mark.parametrize("op", TOOLS, ids=lambda op: op.name)
def test_exactly_what_spends_gets_a_request_id(op: Any) -> None:
    sent = completed(RequestIds(), call(1, op.name, {}))
    given = sent["params"]["arguments"]

    assert effect_of(sent) is op.effect
    assert ("request_id" in given) == (op.effect is Effect.SPEND)
    assert all(text.startswith("mcp-") for text in given.values())


@pytest.mark.parametrize("given", [{"request_id": "mine"}, {"request_id": 7}])
def test_a_request_id_of_the_caller_stays(given: dict[str, Any]) -> None:
    message = call(1, "rent_number", {**RENT, **given})

    assert completed(RequestIds(), message) is message


@pytest.mark.parametrize("blank", [None, ""])
def test_a_blank_request_id_is_none(blank: str | None) -> None:
    message = call(1, "rent_number", {**RENT, "request_id": blank})

    assert completed(RequestIds(), message)["params"]["arguments"]["request_id"].startswith("mcp-")


def test_two_purchases_have_two_ids() -> None:
    ids, message = RequestIds(), call(1, "rent_number", RENT)

    assert completed(ids, message) != completed(ids, message)


def test_a_confirmed_purchase_has_the_id_it_was_asked_about() -> None:
    ids, message = RequestIds(), call(1, "rent_number", RENT, modern=True)
    first = completed(ids, message)
    ids.note(first, {"id": 1, "result": {"resultType": "input_required", **STATE}})
    message["params"] |= STATE

    assert completed(ids, message)["params"]["arguments"] == first["params"]["arguments"]
    assert completed(RequestIds(), message) is message


def test_a_name_that_stands_twice_is_left_to_the_gateway() -> None:
    message = call(1, "rent_number", RENT)
    line = json.dumps(message).replace('"max_price": 1', '"max_price": 1, "max_price": 9')

    assert RequestIds().completed(message, line) is message


@pytest.mark.parametrize("unreadable", [False, True])
def test_a_lost_purchase_can_be_asked_for_again(unreadable: bool) -> None:
    sent = completed(RequestIds(), call(1, "rent_number", RENT))
    error = lost_answer(sent, unreadable=unreadable)

    assert error.code == "outcome_unknown"
    assert (
        f"Repeat the call with request_id {sent['params']['arguments']['request_id']}:"
        in error.detail
    )


def test_a_tool_that_is_not_known_here_may_have_spent() -> None:
    assert lost_answer(call(1, "buy_the_moon", {})).code == "outcome_unknown"


@pytest.mark.parametrize(
    ("message", "code", "read"),
    [
        (call(1, "cancel_rental", {}), "upstream_unavailable", "upstream_bad_response"),
        (call(1, "list_prices", {}), "upstream_unavailable", "upstream_bad_response"),
        (request(1, "tools/list"), "upstream_unavailable", "upstream_bad_response"),
    ],
)
def test_what_spends_nothing_is_lost_without_a_doubt(
    message: dict[str, Any], code: str, read: str
) -> None:
    assert lost_answer(message).code == code
    assert lost_answer(message, unreadable=True).code == read
