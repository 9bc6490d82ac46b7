"""The client of a gateway elsewhere: the same values and refusals as REST, and lost answers."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from yarl import URL

from adapters.gateway_client.client import GatewayClient, open_gateway_client
from adapters.simulator import DEMO_KEY, NEVER, Fault, Rules, SampleText
from gateway.core.model.callers import Limits
from gateway.core.model.errors import GatewayError, OutcomeUnknown, Unauthorized
from gateway.core.model.problem import problem
from gateway.core.model.upstream_call import Effect
from gateway.core.operations.catalog import BY_NAME, CATALOG
from gateway.core.operations.operation import AnyOperation
from tests.support.contract import Answer
from tests.support.cutting import cutting
from tests.support.gateway import USUAL, Stand, run_simulated
from tests.support.keys import make_key
from tests.support.parity import CODES, INPUTS, LONG, RENT, RENTAL

TEXTS = (SampleText(0.0, "8888", "Your code is 012345"),)  # there at once, and none comes later
STILL = replace(USUAL, rules=Rules(code_after=NEVER, cancel_locked=0.0, sample_texts=TEXTS))
CALLS = {**INPUTS, "list_events": {}}
WEBHOOK, KEY = "a webhook", "a key"
FOR_GATEWAY_KEYS: dict[str, dict[str, Any]] = {
    "create_webhook": {"url": "http://127.0.0.1:9/hook", "events": ["rental.created"]},
    "get_key": {},
    "list_webhooks": {},
    "delete_webhook": {"webhook_id": WEBHOOK},
    "test_webhook": {"webhook_id": WEBHOOK},
    "list_webhook_deliveries": {"webhook_id": WEBHOOK, "state": "failed"},
    "redeliver_webhook": {"webhook_id": WEBHOOK, "since": "2026-11-29"},
    "list_keys": {},
    "create_key": {"name": "n8n", "budget_day": "5", "services": "whatsapp"},
    "update_key": {"key_id": KEY, "max_active": 3, "clear": "services"},
    "rotate_key": {"key_id": KEY, "overlap_hours": 2},
    "revoke_key": {"key_id": KEY},
    "list_audit_log": {"limit": 1},
}
# What is made before it that stands in its inputs.
MADE = {WEBHOOK: ("webhook_id", "create_webhook"), KEY: ("key_id", "create_key")}
MOVING = {
    "id", "secret", "created_at", "duration_ms", "revoked_at", "previous_secret_until",
    "timestamp", "actor", "subject",
}  # fmt: skip
RENT_NUMBER, CANCEL, BALANCE = [
    BY_NAME[name] for name in ("rent_number", "cancel_rental", "get_balance")
]
BUYING: dict[str, Any] = {**RENT, "request_id": "order-1"}

each = pytest.mark.parametrize(
    "op", [op for op in CATALOG if op.name in CALLS], ids=lambda op: op.name
)


@dataclass(frozen=True, slots=True)
class Ways:
    """Two ways to one gateway: by REST as it is, and by the client."""

    stand: Stand
    client: GatewayClient

    async def by_rest(self, op: AnyOperation, given: dict[str, Any]) -> Answer:
        path, inputs = op.rest.path, dict(given)
        for name in op.rest.path_fields:
            path = path.replace(f"{{{name}}}", str(inputs.pop(name)))
        if op.rest.method == "POST":
            return await self.stand.client.post(path, inputs)
        if op.rest.method == "DELETE":
            return await self.stand.client.ask("DELETE", path)
        query = {name: str(value).lower() for name, value in inputs.items()}
        return await self.stand.client.get(str(URL(path).with_query(query)))

    async def filled(self, given: dict[str, Any]) -> dict[str, Any]:
        """The input with what was bought for it."""
        bought: dict[str, tuple[str, dict[str, Any]]] = {
            RENTAL: ("rent_number", RENT),
            LONG: ("create_long_rental", {"period": "1w"}),
        }
        full = dict(given)
        for name, value in given.items():
            if value in (RENTAL, LONG):
                operation, inputs = bought[value]
                full[name] = (await self.by_rest(BY_NAME[operation], inputs)).json["id"]
        return full


@asynccontextmanager
async def opened() -> AsyncIterator[Ways]:
    async with (
        run_simulated(STILL) as stand,
        open_gateway_client(f"{stand.url}/v1/", DEMO_KEY) as client,
    ):
        yield Ways(stand, client)


def test_every_operation_has_a_call_here() -> None:
    assert set(CALLS) | set(FOR_GATEWAY_KEYS) == set(BY_NAME)


@each
async def test_the_value_is_that_of_rest(op: AnyOperation) -> None:
    async with opened() as ways:
        given = await ways.filled(CALLS[op.name])
        if op.effect is Effect.SPEND:
            given["request_id"] = "order-1"
        rest = await ways.by_rest(op, given)
        answer = await ways.client.answer(op, given, "trace-1")

    value, told = json.loads(answer.value.model_dump_json()), rest.json
    if op.effect is Effect.CHANGE:  # only the first one tells the balance after it
        value.pop("balance", None)
        told.pop("balance", None)
    assert value == told
    assert answer.replayed == (op.effect is Effect.SPEND)


def still(value: Any) -> Any:
    """A value without what is another one each time."""
    if isinstance(value, dict):
        return {name: still(each) for name, each in value.items() if name not in MOVING}
    return [still(each) for each in value] if isinstance(value, list) else value


@asynccontextmanager
async def with_admin() -> AsyncIterator[Ways]:
    """Both ways, with a gateway key that may do anything."""
    networks = ["127.0.0.0/8"]
    async with run_simulated(
        STILL, getatext_api_key=DEMO_KEY, gateway_webhook_allowed_networks=networks
    ) as stand:
        key = stand.client.key = await make_key(stand.gateway, "a test", Limits(admin=True))
        async with open_gateway_client(stand.url, key) as client:
            yield Ways(stand, client)


async def made_before(ways: Ways, given: dict[str, Any]) -> dict[str, Any]:
    """The inputs with the id of what they are about, which is made now."""
    for placeholder, (name, by) in MADE.items():
        if given.get(name) == placeholder:
            made = await ways.by_rest(BY_NAME[by], dict(FOR_GATEWAY_KEYS[by]))
            return {**given, name: made.json["id"]}
    return dict(given)


@pytest.mark.parametrize("name", FOR_GATEWAY_KEYS)
async def test_what_needs_a_gateway_key_is_that_of_rest(name: str) -> None:
    async with with_admin() as first, with_admin() as second:
        asked = [await made_before(ways, FOR_GATEWAY_KEYS[name]) for ways in (first, second)]
        rest = (await first.by_rest(BY_NAME[name], asked[0])).json
        answer = await second.client.answer(BY_NAME[name], asked[1], "trace-1")

    assert still(json.loads(answer.value.model_dump_json())) == still(rest)


@pytest.mark.parametrize(
    ("name", "given", "fault", "code"), CODES, ids=[f"{name} {code}" for name, _, _, code in CODES]
)
async def test_the_refusal_is_that_of_rest(
    name: str, given: dict[str, Any], fault: Fault | None, code: str
) -> None:
    op = BY_NAME[name]
    async with opened() as first, opened() as second:
        for ways in (first, second):
            asked = await ways.filled(given)
            if fault:
                ways.stand.sim.script(fault)
        rest = await first.by_rest(op, asked)
        with pytest.raises(GatewayError) as caught:
            await second.client.answer(op, asked, "trace-1")

    told = json.loads(problem(caught.value, "trace-1").model_dump_json(exclude_none=True))
    assert told["code"] == code
    assert _without_ids(told) == _without_ids(rest.json)


def _without_ids(told: dict[str, Any]) -> dict[str, Any]:
    """The problem without what names one request, or one purchase in the ledger."""
    return {**told, "trace_id": "", "detail": re.sub("resolve [0-9a-f]+", "", told["detail"])}


async def test_inputs_that_are_none_are_not_sent() -> None:
    async with opened() as ways:
        before = ways.stand.sim.journal.calls.total()
        with pytest.raises(GatewayError, match="rental_id"):
            await ways.client.answer(CANCEL, {"rental_id": "../../v1/rentals"}, "trace-1")

    assert ways.stand.sim.journal.calls.total() == before


@pytest.mark.parametrize("key", ["gtw_\r\nX-Evil: 1", "gtw_schlüssel", "gtw_\x00"])
async def test_what_can_be_no_key_is_not_sent(key: str) -> None:
    with pytest.raises(Unauthorized, match="a form that no key has"):
        async with open_gateway_client("http://127.0.0.1:1", key):
            pass


async def test_a_purchase_whose_answer_is_lost_is_asked_for_again_by_its_request_id() -> None:
    async with run_simulated(STILL) as stand, cutting(stand.url) as line:
        line.cuts, line.until = "order-1", b'"ledger_id"'
        async with open_gateway_client(line.url, DEMO_KEY) as client:
            with pytest.raises(OutcomeUnknown, match="with request_id order-1: ") as lost:
                await client.answer(RENT_NUMBER, BUYING, "trace-1")
            asked = stand.sim.journal.calls["rent-a-number"]
            answer = await client.answer(RENT_NUMBER, BUYING, "trace-2")

        assert (line.cut, asked, lost.value.charged) == (1, 1, "unknown")
        assert (answer.replayed, len(stand.sim.books.rentals)) == (True, 1)


@dataclass
class Raw:
    """A server that answers each request with these bytes, and then hangs up."""

    reply: bytes
    url: str = ""
    requests: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        _, found, rest = head.lower().partition(b"content-length: ")
        body = await reader.readexactly(int(rest.split(b"\r\n")[0]) if found else 0)
        self.requests.append(head + body)
        writer.write(self.reply)
        writer.close()


@asynccontextmanager
async def raw(reply: bytes) -> AsyncIterator[Raw]:
    answering = Raw(reply)
    server = await asyncio.start_server(answering.serve, "127.0.0.1", 0)
    answering.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield answering


def http(status: str, kind: str, body: bytes, *more: str, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    lines = (f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {size}", *more)
    return "\r\n".join((*lines, "", "")).encode() + body


PAGE = b"<html><h1>Sorry</h1></html>"
OF_A_PROXY = b'{"type":"about:blank","title":"Bad Gateway","status":502}'
NOT_CHARGED = b'{"code":"x","charged":"no","detail":"Nothing was charged."}'
LOST = {
    "hung up": b"",
    "no HTTP": b"SSH-2.0-OpenSSH\r\n\r\n",
    "cut short": http("201 Created", "application/json", b'{"id":1,', length=900),
    "another's JSON": http("200 OK", "application/json", b'{"status":"ok"}'),
    "a list": http("201 Created", "application/json", b"[]"),
    "a page": http("200 OK", "text/html", PAGE),
    "nothing": http("204 No Content", "text/html", b""),
    "a proxy's 502": http("502 Bad Gateway", "text/html", PAGE),
    "a proxy's 504": http("504 Gateway Timeout", "text/html", PAGE),
    "a proxy's 403": http("403 Forbidden", "text/html", PAGE),
    "a proxy's problem": http("502 Bad Gateway", "application/problem+json", OF_A_PROXY),
    "a proxy's JSON": http("503 Unavailable", "application/json", NOT_CHARGED),
    "elsewhere": http("307 Temporary Redirect", "text/html", PAGE, "Location: /v1/rentals"),
}


@pytest.mark.parametrize("reply", LOST.values(), ids=list(LOST))
async def test_what_is_not_the_gateways_own_word_leaves_a_purchase_unknown(reply: bytes) -> None:
    async with raw(reply) as answering, open_gateway_client(answering.url, DEMO_KEY) as client:
        with pytest.raises(GatewayError) as caught:
            await client.answer(RENT_NUMBER, BUYING, "trace-1")

    assert (caught.value.code, caught.value.charged) == ("outcome_unknown", "unknown")
    assert "Nothing was charged" not in caught.value.detail
    assert "with request_id order-1: " in caught.value.detail
    assert len(answering.requests) == 1


@pytest.mark.parametrize("reply", LOST.values(), ids=list(LOST))
@pytest.mark.parametrize(
    ("op", "given"), [(BALANCE, {}), (CANCEL, {"rental_id": 7})], ids=["read", "change"]
)
async def test_a_read_or_a_change_without_an_answer_is_told_as_one(
    op: AnyOperation, given: dict[str, Any], reply: bytes
) -> None:
    async with raw(reply) as answering, open_gateway_client(answering.url, DEMO_KEY) as client:
        with pytest.raises(GatewayError) as caught:
            await client.answer(op, given, "trace-1")

    assert caught.value.code in {"upstream_unavailable", "upstream_bad_response"}
    assert caught.value.charged == "no"
    assert ("may be done" in caught.value.detail) == (op is CANCEL)
    assert len(answering.requests) <= 1 + (op is BALANCE)


async def test_a_redirect_is_not_followed_and_named() -> None:
    async with (
        raw(LOST["elsewhere"]) as answering,
        open_gateway_client(answering.url, DEMO_KEY) as client,
    ):
        with pytest.raises(GatewayError, match="leads to /v1/rentals, which is not followed"):
            await client.answer(BALANCE, {}, "trace-1")

    assert len(answering.requests) == 1


async def test_a_newer_gateways_fields_are_left_out() -> None:
    async with run_simulated(STILL) as stand:
        plain = (await stand.client.post("/v1/rentals", RENT)).json
    newer = {**plain, "colour": "blue", "codes": [
        {"code": "1", "received_at": plain["created_at"], "provisional": False, "sender": "x"}
    ]}  # fmt: skip
    reply = http("201 Created", "application/json", json.dumps(newer).encode())
    async with raw(reply) as answering, open_gateway_client(answering.url, DEMO_KEY) as client:
        answer = await client.answer(RENT_NUMBER, BUYING, "trace-1")

    assert answer.value.id == plain["id"]
    assert answer.value.codes[0].code == "1"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:1", "connection refused"),
        ("http://no-such-host.invalid", "its name is not known"),
        ("https://{there}", "it does not speak TLS"),
    ],
)
async def test_what_was_surely_not_sent_is_told_as_such(url: str, reason: str) -> None:
    async with run_simulated(STILL) as stand:
        address = url.format(there=stand.url.removeprefix("http://"))
        async with open_gateway_client(address, DEMO_KEY) as client:
            with pytest.raises(GatewayError) as caught:
                await client.answer(RENT_NUMBER, BUYING, "trace-1")

    assert (caught.value.code, caught.value.charged) == ("upstream_unavailable", "no")
    assert f"({reason}), so nothing was sent. Nothing was charged." in caught.value.detail
