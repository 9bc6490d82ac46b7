"""The examples in the documents are what the gateway answers before the simulated provider."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pytest_aiohttp import AiohttpServer

from adapters.simulator import DEMO_KEY, NEVER, Rules, SampleText
from gateway.core.invocation.validation import validate
from gateway.core.model.callers import Limits
from gateway.core.operations.catalog import BY_NAME, CATALOG
from gateway.core.operations.operation import AnyOperation
from gateway.http.documents.examples import EXAMPLES
from tests.support.gateway import USUAL, Client, run_simulated
from tests.support.keys import make_key
from tests.support.waiting import until

README = Path(__file__).absolute().parents[2] / "README.md"
TEXTS = (SampleText(0.0, "22395", "Your verification code is 048213"),)
AT_ONCE = Rules(code_after=0.0, cancel_locked=0.0, sample_texts=TEXTS)
# What differs from one purchase to the next: ids, instants and days, numbers, codes, balance.
VARYING = {
    "id", "ledger_id", "rental_id", "number", "code", "balance",
    "fetched_at", "timestamp", "code_received_at", "received_at", "created_at", "ends_at",
    "cancel_requested_at",
    "rented_on", "ends_on",
    "url", "secret", "event_id", "duration_ms", "tried_at",
    "actor", "subject", "previous_secret_until", "revoked_at",
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
    "list_webhooks": ["create_webhook"],
    "delete_webhook": ["create_webhook"],
    "test_webhook": ["create_webhook"],
    "list_webhook_deliveries": ["create_webhook", "rent_number", "wait_for_code"],
    "redeliver_webhook": ["create_webhook", "rent_number", "wait_for_code"],
    "list_keys": ["create_key"],
    "update_key": ["create_key"],
    "rotate_key": ["create_key"],
    "revoke_key": ["create_key"],
    "list_audit_log": ["create_key"],
}
KINDS = {"long_rentals": "long_rental_id", "webhooks": "webhook_id", "keys": "key_id"}
each_op = pytest.mark.parametrize("op", CATALOG, ids=lambda op: op.name)


@asynccontextmanager
async def provider_for(op: AnyOperation) -> AsyncIterator[Client]:
    """A gateway before a provider whose codes come at once, or never where one would hinder.

    The caller has a gateway key where one is needed.
    """
    silent = op.name in ("cancel_rental", "replace_rental")
    rules = replace(AT_ONCE, code_after=NEVER) if silent else AT_ONCE
    networks = ["127.0.0.0/8"]
    async with run_simulated(
        replace(USUAL, rules=rules),
        getatext_api_key=DEMO_KEY,
        gateway_webhook_allowed_networks=networks,
    ) as stand:
        if op.toolset == "keys" and op.name != "get_key":
            admin = await make_key(stand.gateway, "operator", Limits(admin=True))
            yield replace(stand.client, key=admin)
        elif op.toolset == "webhooks" or op.name == "get_key":
            limits = Limits(budget_day=Decimal(5), max_price=Decimal(1))
            yield replace(stand.client, key=await make_key(stand.gateway, "n8n", limits))
        else:
            yield stand.client


@pytest.fixture
async def receiver(aiohttp_server: AiohttpServer) -> str:
    """The address of one that takes what is sent to webhooks."""

    async def take(request: web.Request) -> web.Response:
        return web.Response(text="ok")

    app = web.Application()
    app.add_routes([web.post("/hooks/sms", take)])
    return str((await aiohttp_server(app)).make_url("/hooks/sms"))


async def delivered(client: Client, webhook_id: str) -> str:
    """The id of the event that a webhook gets, once it has got it."""
    path = f"/v1/webhooks/{webhook_id}/deliveries"
    found: list[Any] = []

    async def come() -> bool:
        found[:] = (await client.get(path, state="delivered")).json["data"]
        return bool(found)

    await until(come)
    return str(found[0]["event_id"])


async def perform(client: Client, op: AnyOperation, ids: Mapping[str, Any]) -> Any:
    """The answer to the example's request, about what was made before."""
    asked = {**EXAMPLES[op.name].asked}
    path = op.rest.path.format(**{name: ids[name] for name in op.rest.path_fields})
    inputs = {
        name: ids.get(name, value)
        for name, value in asked.items()
        if name not in op.rest.path_fields
    }
    sent: dict[str, Any] = {"json" if op.rest.method == "POST" else "params": inputs}
    answer = await client.ask(op.rest.method, path, **sent)
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
async def test_the_answer_is_that_of_the_example(op: AnyOperation, receiver: str) -> None:
    async with provider_for(op) as client:
        ids: dict[str, Any] = {"url": receiver}
        for name in BEFORE.get(op.name, []):
            made = await perform(client, BY_NAME[name], ids)
            kind = KINDS.get(BY_NAME[name].toolset, "rental_id")
            ids[kind] = made.get("id", ids.get(kind))
        ids["subject"] = ids.get("key_id")
        if "webhook_id" in ids and "rental_id" in ids:
            ids["event_id"] = await delivered(client, ids["webhook_id"])
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
