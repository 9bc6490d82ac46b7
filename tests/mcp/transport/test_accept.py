"""Clients that accept only JSON, only events, anything or nothing, in both eras of the protocol."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import ClientSession
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from adapters.simulator import DEMO_KEY, Rules, SimulatorConfig
from mcp_server.calls import waiting
from tests.mcp.support import ERAS, LEGACY, MODERN, SimulatedStand, bought, done, run_mcp
from tests.support.waiting import until

Json = dict[str, Any]
JSON, EVENTS, BOTH = "application/json", "text/event-stream", "application/json, text/event-stream"
# Accept header, and what a call is answered in; BOTH: as the SDK likes.
FORMS = [
    (JSON, JSON),
    ("application/*;q=0.8", JSON),
    ("*/*", JSON),
    ("", JSON),
    (None, JSON),
    ("text/event-stream;q=0, application/json", JSON),
    (EVENTS, EVENTS),
    ("text/*", EVENTS),
    (BOTH, BOTH),
    ("text/event-stream, */*;q=0.1", BOTH),
    ("text/html", None),
]
CAPABILITIES: Json = {"elicitation": {"form": {}}}
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": CAPABILITIES,
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "progressToken": "p",
}
RENTALS = {"name": "list_rentals", "arguments": {}}
RENT = {"name": "rent_number", "arguments": {"service_code": "whatsapp", "max_price": 1}}


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, and the messages in its body."""

    status: int
    media_type: str
    messages: list[Json]
    session_id: str

    @property
    def result(self) -> Json:
        (message,) = self.messages
        result: Json = message["result"]
        return result


@dataclass(frozen=True, slots=True)
class Raw:
    """A client that sends what it is told to."""

    stand: SimulatedStand
    session: ClientSession

    async def post(self, body: Json, accept: str | None, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"X-API-Key": DEMO_KEY, "Content-Type": JSON, **named}
        if accept is not None:
            sent["Accept"] = accept
        async with self.session.post(self.stand.mcp, json=body, headers=sent) as response:
            text = await response.text()
        messages = [json.loads(text)] if response.content_type == JSON else list(events(text))
        session_id = response.headers.get("Mcp-Session-Id", "")
        return Answer(response.status, response.content_type, messages, session_id)

    async def opened(self, accept: str | None = BOTH) -> Answer:
        params = {
            "protocolVersion": "2025-11-25",
            "capabilities": CAPABILITIES,
            "clientInfo": META["io.modelcontextprotocol/clientInfo"],
        }
        body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
        return await self.post(body, accept)

    async def called(
        self, era: str, call: Json, accept: str | None, session_id: str = ""
    ) -> Answer:
        params = {**call, "_meta": META if era == MODERN else {"progressToken": "p"}}
        body = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params}
        if era == MODERN:
            return await self.post(
                body,
                accept,
                Mcp_Protocol_Version=MODERN,
                Mcp_Method="tools/call",
                Mcp_Name=call["name"],
            )
        session_id = session_id or (await self.opened()).session_id
        return await self.post(body, accept, Mcp_Session_Id=session_id)


def events(text: str) -> list[Json]:
    lines = text.splitlines()
    return [json.loads(line.removeprefix("data:")) for line in lines if line.startswith("data:")]


@pytest.fixture(scope="module")
def config() -> SimulatorConfig:
    return SimulatorConfig(rules=Rules(code_after=3600.0, cancel_locked=0.0))


@pytest.fixture
async def raw(config: SimulatorConfig) -> AsyncIterator[Raw]:
    async with (
        run_mcp(config) as stand,
        ClientSession(skip_auto_headers=["Accept"]) as session,
    ):
        yield Raw(stand, session)


@pytest.mark.parametrize("era", ERAS)
async def test_a_call_is_answered_in_what_the_client_accepts(raw: Raw, era: str) -> None:
    for accept, form in FORMS:
        answer = await raw.called(era, RENTALS, accept)
        if form is None:
            assert answer.status == 406
            continue
        assert answer.status == 200, accept
        assert answer.media_type == form or (form == BOTH and answer.media_type in (JSON, EVENTS))
        assert answer.result["structuredContent"]["data"] == []


async def test_a_session_is_opened_in_what_the_client_accepts(raw: Raw) -> None:
    for accept, form in FORMS:
        answer = await raw.opened(accept)
        if form is None:
            assert answer.status == 406
            continue
        assert answer.media_type == (EVENTS if form == BOTH else form)
        assert answer.result["serverInfo"]["name"] == "getatext-gateway"
        assert (await raw.called(LEGACY, RENTALS, accept, answer.session_id)).status == 200


@pytest.mark.parametrize("era", ERAS)
async def test_json_is_one_message_and_events_have_progress(
    raw: Raw, era: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "PROGRESS_SECONDS", 0.02)
    rented = await raw.called(MODERN, RENT, JSON)
    rental_id = rented.result["structuredContent"]["id"]
    wait = {"name": "wait_for_code", "arguments": {"rental_id": rental_id, "wait_seconds": 1}}
    as_json = await raw.called(era, wait, JSON)
    as_events = await raw.called(era, wait, EVENTS)

    assert as_json.result["structuredContent"]["status"] == "pending"
    *progress, answer = as_events.messages
    assert {message["method"] for message in progress} == {"notifications/progress"}
    assert answer["result"]["structuredContent"]["status"] == "pending"


@pytest.mark.parametrize("accept", [JSON, EVENTS, BOTH])
async def test_an_error_is_json_with_its_status(raw: Raw, accept: str) -> None:
    body = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
    stale = await raw.post(body, accept, Mcp_Session_Id="stale")
    mismatch = await raw.post(body, accept, Mcp_Protocol_Version=MODERN, Mcp_Method="tools/call")

    assert (stale.status, mismatch.status) == (404, 400)
    assert stale.messages[0]["error"]
    assert mismatch.messages[0]["error"]


async def test_who_reads_no_events_cannot_be_asked_during_a_call(raw: Raw) -> None:
    dear = {"name": "rent_number", "arguments": {"service_code": "telegram", "max_price": 50}}
    session_id = (await raw.opened()).session_id
    async with asyncio.timeout(60):
        refused = await raw.called(LEGACY, dear, JSON, session_id)
        asked = await raw.called(MODERN, dear, JSON)

    assert refused.result["isError"]
    assert refused.result["content"][0]["text"].startswith("confirmation_required: ")
    assert asked.result["resultType"] == "input_required"  # the answer holds the question itself
    assert bought(raw.stand) == 0


async def test_a_session_that_ends_during_a_call_is_no_answer_to_it(raw: Raw) -> None:
    rented = await raw.called(MODERN, RENT, JSON)
    wait = {
        "name": "wait_for_code",
        "arguments": {"rental_id": rented.result["structuredContent"]["id"]},
    }
    session_id = (await raw.opened()).session_id
    calling = asyncio.create_task(raw.called(LEGACY, wait, JSON, session_id))
    polled = raw.stand.sim.journal.calls
    await until(lambda: polled["rental-status"] > 0)
    headers = {"X-API-Key": DEMO_KEY, "Mcp-Session-Id": session_id}
    async with asyncio.timeout(60), raw.session.delete(raw.stand.mcp, headers=headers) as ended:
        answer = await calling

    assert (ended.status, answer.status) == (200, 404)
    assert "look at what was bought" in answer.messages[0]["error"]["message"]


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("accept", [JSON, EVENTS, "*/*"])
async def test_the_sdks_client_reads_every_form(raw: Raw, era: str, accept: str) -> None:
    import httpx2

    async def force(request: httpx2.Request) -> None:
        if request.method == "POST":
            request.headers["Accept"] = accept

    async with (
        httpx2.AsyncClient(
            headers={"X-API-Key": DEMO_KEY}, timeout=60, event_hooks={"request": [force]}
        ) as http,
        Client(streamable_http_client(f"{raw.stand.mcp}/", http_client=http), mode=era) as client,
    ):
        assert (await client.list_tools()).tools
        assert (await done(client, "list_rentals"))["data"] == []
