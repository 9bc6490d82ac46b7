"""The examples in the documents are what the gateway answers before the simulated provider."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.simulator import NEVER, Rules, SampleText
from gateway.core.invocation.validation import validate
from gateway.core.operations.catalog import BY_NAME, CATALOG
from gateway.core.operations.operation import AnyOperation
from gateway.http.documents.examples import EXAMPLES
from tests.support.gateway import USUAL, Client, run_simulated

README = Path(__file__).absolute().parents[2] / "README.md"
TEXTS = (SampleText(0.0, "22395", "Your verification code is 048213"),)
AT_ONCE = Rules(code_after=0.0, cancel_locked=0.0, sample_texts=TEXTS)
# What differs from one purchase to the next: ids, instants and days, numbers, codes, balance.
VARYING = {
    "id", "ledger_id", "rental_id", "number", "code", "balance",
    "fetched_at", "timestamp", "code_received_at", "received_at", "created_at", "ends_at",
    "cancel_requested_at",
    "rented_on", "ends_on",
}  # fmt: skip
# What is done before, so that the operation answers as its example does; its ids go into it.
BEFORE: dict[str, list[str]] = {
    "get_rental": ["rent_number", "wait_for_code"],
    "list_rentals": ["rent_number", "wait_for_code"],
    "wait_for_code": ["rent_number"],
    "cancel_rental": ["rent_number"],
    "complete_rental": ["rent_number", "wait_for_code"],
    "replace_rental": ["rent_number"],
    "rent_again": ["rent_number", "wait_for_code", "complete_rental"],
    "get_balance": ["rent_number"],
    "get_usage": ["rent_number", "wait_for_code"],
    "list_events": ["rent_number", "wait_for_code"],
    "list_long_rentals": ["create_long_rental"],
    "renew_long_rental": ["create_long_rental"],
    "cancel_long_rental": ["create_long_rental"],
    "set_auto_renew": ["create_long_rental"],
    "list_messages": ["create_long_rental"],
}
each_op = pytest.mark.parametrize("op", CATALOG, ids=lambda op: op.name)


@asynccontextmanager
async def provider_for(op: AnyOperation) -> AsyncIterator[Client]:
    """A gateway before a provider whose codes come at once, or never where one would hinder."""
    silent = op.name in ("cancel_rental", "replace_rental")
    rules = replace(AT_ONCE, code_after=NEVER) if silent else AT_ONCE
    async with run_simulated(replace(USUAL, rules=rules)) as stand:
        yield stand.client


async def perform(client: Client, op: AnyOperation, ids: Mapping[str, Any]) -> Any:
    """The answer to the example's request, about the rentals that were bought before."""
    asked = {**EXAMPLES[op.name].asked}
    path = op.rest.path.format(**{name: ids[name] for name in op.rest.path_fields})
    inputs = {name: value for name, value in asked.items() if name not in op.rest.path_fields}
    if op.rest.method == "GET":
        answer = await client.get(path, **inputs)
    else:
        answer = await client.post(path, inputs)
    assert answer.status == op.rest.success
    return answer.json


def shape(value: Any, name: str = "") -> Any:
    """A value with what varies replaced by its kind."""
    if isinstance(value, dict):
        return {key: shape(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value).__name__ if name in VARYING else value


@each_op
async def test_the_answer_is_that_of_the_example(op: AnyOperation) -> None:
    async with provider_for(op) as client:
        ids: dict[str, Any] = {}
        for name in BEFORE.get(op.name, []):
            made = await perform(client, BY_NAME[name], ids)
            kind = "long_rental_id" if BY_NAME[name].toolset == "long_rentals" else "rental_id"
            ids[kind] = made.get("id", ids.get(kind))
        answer = await perform(client, op, ids)

    assert shape(answer) == shape(EXAMPLES[op.name].answer.model_dump(mode="json"))


def test_the_answers_in_the_readme_have_all_members_in_their_order() -> None:
    lines = README.read_text(encoding="utf-8").splitlines()
    answers = [json.loads(line) for line in lines if line.startswith("{")]
    told = [list(answer) for answer in answers]

    assert told == [
        list(EXAMPLES[name].answer.model_dump(mode="json"))
        for name in ("list_prices", "rent_number", "wait_for_code", "complete_rental", "get_usage")
    ]


def test_every_operation_has_an_example_and_no_other() -> None:
    assert EXAMPLES.keys() == BY_NAME.keys()


@each_op
def test_what_is_sent_is_valid_and_may_be_sent_again(op: AnyOperation) -> None:
    """A request id would be copied with the example, and answer somebody's first purchase."""
    asked = EXAMPLES[op.name].asked
    needed = {name for name, field in op.takes.model_fields.items() if field.is_required()}

    validate(op.takes, dict(asked))
    assert needed <= asked.keys()
    assert "request_id" not in asked
