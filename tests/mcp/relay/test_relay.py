"""A relay before gateways that answer by script: what passes, and what becomes of what is lost."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from adapters.simulator import DEMO_KEY
from gateway.core.model.errors import GatewayBusy
from gateway.core.model.http_errors import PayloadTooLarge
from gateway.core.model.problem import problem_json
from mcp_server.options import McpOptions
from mcp_server.relay import relay
from mcp_server.relay.endpoint import MAX_ANSWER
from mcp_server.tools.results import ERROR_META
from tests.mcp.relay.support import (
    OLDER,
    RENT,
    ScriptedGateway,
    answered,
    call,
    initialize,
    relayed,
    request,
    scripted,
    streamed,
    tell,
)
from tests.support.waiting import until

WAIT = {"rental_id": 1}
CANCEL = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may need longer to end a session than a client waits for."""
    monkeypatch.setattr(relay, "_DELETE_SECONDS", 60.0)


async def test_a_session_is_named_in_every_message_and_ended_at_the_end() -> None:
    async with scripted() as gateway:
        gateway.respond = listed
        async with relayed(gateway.url) as talk:
            await talk.begun()
            await talk.asked(request(1, "tools/list"))
            await until(lambda: "GET" in [method for method, _, _ in gateway.seen])

    methods = [(method, body.get("method")) for method, _, body in gateway.seen]
    headers = {(method, body.get("method")): headers for method, headers, body in gateway.seen}

    assert methods[:2] == [("POST", "initialize"), ("POST", "notifications/initialized")]
    assert set(methods[2:]) == {("POST", "tools/list"), ("GET", None), ("DELETE", None)}
    assert "Mcp-Session-Id" not in headers["POST", "initialize"]
    for each in methods[1:]:
        assert headers[each]["Mcp-Session-Id"] == "session-1"
        assert headers[each]["Mcp-Protocol-Version"] == OLDER
    assert {sent["X-API-Key"] for sent in headers.values()} == {DEMO_KEY}


async def test_a_request_with_an_envelope_has_no_session() -> None:
    async with scripted() as gateway:
        gateway.respond = listed
        async with relayed(gateway.url) as talk:
            await talk.asked(call(1, "get_balance", {}, modern=True))
    ((_, headers, _),) = gateway.seen

    assert headers["Mcp-Method"] == "tools/call"
    assert headers["Mcp-Name"] == "get_balance"
    assert headers["Mcp-Protocol-Version"] == "2026-07-28"
    assert "Mcp-Session-Id" not in headers


@pytest.mark.parametrize("slash", ["", "/", "/mcp", "/mcp/"])
async def test_the_address_of_a_gateway_may_end_with_a_slash(slash: str) -> None:
    async with scripted() as gateway:
        gateway.respond = listed
        async with relayed(gateway.url + slash) as talk:
            assert "result" in await talk.asked(call(1, "get_balance", {}, modern=True))


async def test_what_the_gateway_tells_during_a_call_comes_before_its_answer() -> None:
    async def progress(asked: web.Request, body: Any) -> web.StreamResponse | None:
        if body.get("method") != "tools/call":
            return None
        stream = await streamed(asked, b"", PROGRESS)
        await stream.write(b": ping\r\n\r\n")
        await tell(stream, {"jsonrpc": "2.0", "id": 1, "result": {}})
        return stream

    async with scripted() as gateway:
        gateway.respond = progress
        async with relayed(gateway.url) as talk:
            await talk.begun()
            await talk.asked(call(1, "wait_for_code", WAIT))

    assert talk.heard[1:] == [PROGRESS, {"jsonrpc": "2.0", "id": 1, "result": {}}]


async def test_a_question_is_answered_in_the_session_that_asked() -> None:
    answers: asyncio.Queue[Any] = asyncio.Queue()

    async def ask(asked: web.Request, body: Any) -> web.StreamResponse | None:
        if body.get("method") == "tools/call":
            stream = await streamed(asked, request(7, "elicitation/create", message="Buy it?"))
            said = await answers.get()
            await tell(stream, {"jsonrpc": "2.0", "id": 1, "result": said["result"]})
            return stream
        if "result" in body:
            answers.put_nowait(body)
        return None

    async with scripted() as gateway:
        gateway.respond = ask
        async with relayed(gateway.url) as talk:
            await talk.begun(elicitation={})
            talk.say(call(1, "rent_number", RENT))
            await until(lambda: talk.requests("elicitation/create"))
            (question,) = talk.requests("elicitation/create")
            talk.say({"jsonrpc": "2.0", "id": question["id"], "result": {"action": "decline"}})
            await until(lambda: talk.answers(1))
    said = [(headers, body) for _, headers, body in gateway.seen if "result" in body]

    assert talk.answers(1)[0]["result"] == {"action": "decline"}
    assert [(headers["Mcp-Session-Id"], body["id"]) for headers, body in said] == [("session-1", 7)]


async def test_what_a_session_is_told_besides_answers_is_heard() -> None:
    changed = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
    rest = asyncio.Event()

    async def stream(asked: web.Request, body: Any) -> web.StreamResponse | None:
        if asked.method != "GET":
            return None
        told = await streamed(asked, changed)
        await rest.wait()
        return told

    async with scripted() as gateway:
        gateway.respond = stream
        async with relayed(gateway.url) as talk:
            await talk.begun()
            await until(lambda: changed in talk.heard)
            rest.set()


async def test_it_listens_again_after_what_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "_LISTEN_AGAIN_SECONDS", 0.01)
    changed = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
    asked_for: list[int] = []

    async def stream(asked: web.Request, body: Any) -> web.StreamResponse | None:
        if asked.method != "GET":
            return None
        asked_for.append(1)
        if len(asked_for) == 1:
            return web.Response(status=503, text="a page of a proxy")
        return await streamed(asked, changed) if len(asked_for) == 2 else web.Response(status=404)

    async with scripted() as gateway:
        gateway.respond = stream
        async with relayed(gateway.url) as talk:
            await talk.begun()
            await until(lambda: changed in talk.heard)


async def test_a_lost_session_begins_anew_by_itself() -> None:
    dead = {"session-1"}

    async def restarted(asked: web.Request, body: Any) -> web.StreamResponse | None:
        if asked.headers.get("Mcp-Session-Id") in dead:
            return web.json_response({"jsonrpc": "2.0", "id": None, "error": {}}, status=404)
        return await listed(asked, body)

    async with scripted() as gateway, relayed(gateway.url) as talk:
        await talk.begun(elicitation={})
        gateway.respond = restarted
        both = [
            talk.asked(call(1, "rent_number", RENT)),
            talk.asked(request(2, "tools/list")),
        ]
        rented, tools = await asyncio.gather(*both)
    rents = [body["params"]["arguments"] for body in gateway.bodies("tools/call")]

    assert "result" in rented
    assert "result" in tools
    assert gateway.sessions == 2
    assert gateway.bodies("initialize")[0] == gateway.bodies("initialize")[1]
    assert len(gateway.bodies("notifications/initialized")) == 2
    assert rents[0] == rents[1]
    assert len(talk.answers(0)) == 1


async def test_a_session_that_never_lasts_is_said_to_be_unreachable() -> None:
    async def forgets(asked: web.Request, body: Any) -> web.StreamResponse | None:
        return web.Response(status=404) if "Mcp-Session-Id" in asked.headers else None

    async with scripted() as gateway, relayed(gateway.url) as talk:
        await talk.begun()
        gateway.respond = forgets
        sentence = await talk.refused(call(1, "rent_number", RENT))

    assert "cannot be reached. Nothing was charged." in sentence
    assert gateway.sessions == 2


async def test_a_cancelled_call_of_a_session_is_cancelled_by_a_message() -> None:
    stopped = asyncio.Event()

    async def wait(asked: web.Request, body: Any) -> web.StreamResponse | None:
        if body.get("method") == "tools/call":
            stream = await streamed(asked, PROGRESS)
            await stopped.wait()
            return stream
        if body.get("method") == "notifications/cancelled":
            stopped.set()
        return await listed(asked, body) if body.get("method") == "tools/list" else None

    async with scripted() as gateway:
        gateway.respond = wait
        async with relayed(gateway.url) as talk:
            await talk.begun()
            talk.say(call(1, "wait_for_code", WAIT))
            await until(lambda: PROGRESS in talk.heard)
            talk.say(CANCEL)
            await talk.asked(request(2, "tools/list"))

    assert gateway.bodies("notifications/cancelled") == [CANCEL]
    assert talk.answers(1) == []


async def test_a_cancelled_call_with_an_envelope_is_cancelled_by_hanging_up() -> None:
    stopped = asyncio.Event()

    async def wait(asked: web.Request, body: Any) -> web.StreamResponse | None:
        try:
            await streamed(asked, PROGRESS)
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return None

    async with scripted() as gateway:
        gateway.respond = wait
        async with relayed(gateway.url) as talk:
            talk.say(call(1, "wait_for_code", WAIT, modern=True))
            await until(lambda: PROGRESS in talk.heard)
            talk.say(CANCEL)
            async with asyncio.timeout(60):
                await stopped.wait()

    assert len(gateway.seen) == 1
    assert talk.answers(1) == []


@pytest.mark.parametrize("modern", [False, True])
async def test_a_gateway_that_is_not_there_is_named_so(modern: bool) -> None:
    async with relayed("http://127.0.0.1:1") as talk:
        answer = await talk.asked(initialize())
        for number, (tool, given) in enumerate({"get_balance": {}, "rent_number": RENT}.items(), 1):
            result = (await talk.asked(call(number, tool, given, modern=modern)))["result"]
            assert "The gateway cannot be reached." in result["content"][0]["text"]
            assert result["_meta"][ERROR_META]["charged"] == "no"
            assert ("resultType" in result) == modern

    assert "The gateway cannot be reached." in answer["error"]["message"]


@pytest.mark.parametrize(
    ("respond", "code"),
    [
        ("hangs up", "outcome_unknown"),
        ("ends the stream", "outcome_unknown"),
        ("a page", "outcome_unknown"),
        ("a page of a proxy", "outcome_unknown"),
        ("too much", "outcome_unknown"),
        ("a line too long", "outcome_unknown"),
        ("accepted", "outcome_unknown"),
        ("elsewhere", "outcome_unknown"),
    ],
)
async def test_a_purchase_whose_answer_is_lost_can_be_asked_for_again(
    respond: str, code: str
) -> None:
    async with scripted() as gateway:
        gateway.respond = _lost(respond, gateway)
        async with relayed(gateway.url) as talk:
            await talk.begun()
            sentence = await talk.refused(call(1, "rent_number", RENT))
            read = await talk.refused(call(2, "list_prices", {}))
    sent, _ = (body["params"]["arguments"] for body in gateway.bodies("tools/call"))

    assert sentence.startswith(f"{code}: The answer of the gateway ")
    assert f"Repeat the call with request_id {sent['request_id']}: " in sentence
    assert read.split(":")[0] in ("upstream_unavailable", "upstream_bad_response")
    assert "No money moved." in read


async def test_an_address_that_leads_elsewhere_is_told_by_its_status() -> None:
    async def moved(asked: web.Request, body: Any) -> web.StreamResponse | None:
        return web.Response(status=308, headers={"Location": "https://127.0.0.1/mcp"})

    async with scripted() as gateway:
        gateway.respond = moved
        async with relayed(gateway.url) as talk:
            answer = await talk.asked(initialize())

    assert "The answer of the gateway (HTTP 308) could not be read." in answer["error"]["message"]


@pytest.mark.parametrize("error", [GatewayBusy("Too much is open."), PayloadTooLarge()])
async def test_a_refusal_of_the_gateway_keeps_its_words(error: Any) -> None:
    async def refuse(asked: web.Request, body: Any) -> web.StreamResponse | None:
        return web.Response(
            status=error.http_status,
            body=problem_json(error, "there"),
            content_type="application/problem+json",
        )

    async with scripted() as gateway:
        gateway.respond = refuse
        async with relayed(gateway.url) as talk:
            answer = await talk.asked(initialize())
            result = (await talk.asked(call(1, "rent_number", RENT)))["result"]

    assert error.happened in answer["error"]["message"] or "Too much" in answer["error"]["message"]
    assert result["content"][0]["text"].startswith(f"{error.code}: ")
    assert result["_meta"][ERROR_META]["trace_id"] == "there"
    assert result["_meta"][ERROR_META]["charged"] == "no"


@pytest.mark.parametrize(
    ("status", "code"), [(401, "unauthorized"), (403, "forbidden"), (413, "payload_too_large")]
)
async def test_what_is_refused_in_other_words_has_bought_nothing(status: int, code: str) -> None:
    async def refuse(asked: web.Request, body: Any) -> web.StreamResponse | None:
        return web.Response(status=status, text="a page of a proxy")

    async with scripted() as gateway:
        gateway.respond = refuse
        async with relayed(gateway.url) as talk:
            result = (await talk.asked(call(1, "rent_number", RENT, modern=True)))["result"]

    assert result["content"][0]["text"].startswith(f"{code}: ")
    assert result["_meta"][ERROR_META]["charged"] == "no"


async def test_an_error_of_the_protocol_passes_under_the_id_of_its_request() -> None:
    async def refuse(asked: web.Request, body: Any) -> web.StreamResponse | None:
        error = {"code": -32602, "message": "Unknown tool: x"}
        return web.json_response({"jsonrpc": "2.0", "id": None, "error": error}, status=400)

    async with scripted() as gateway:
        gateway.respond = refuse
        async with relayed(gateway.url) as talk:
            answer = await talk.asked(call("one", "x", {}, modern=True))

    assert answer == {
        "jsonrpc": "2.0",
        "id": "one",
        "error": {"code": -32602, "message": "Unknown tool: x"},
    }


async def test_hidden_tools_are_neither_listed_nor_called() -> None:
    async with scripted() as gateway:
        gateway.respond = listed
        async with relayed(gateway.url, options=McpOptions(read_only=True)) as talk:
            await talk.begun()
            tools = (await talk.asked(request(1, "tools/list")))["result"]
            hidden = await talk.asked(call(2, "rent_number", RENT))
            no_name = await talk.asked(request(5, "tools/call", name=["rent_number"]))
            unknown = await talk.asked(call(3, "brand_new", {}))
            seen = await talk.asked(call(4, "get_balance", {}))

    assert tools == {"tools": [{"name": "get_balance"}], "ttlMs": 1}
    assert hidden["error"] == {"code": -32602, "message": "Unknown tool: rent_number"}
    assert unknown["error"]["message"] == "Unknown tool: brand_new"
    assert no_name["error"]["code"] == -32602
    assert "result" in seen
    assert len(gateway.bodies("tools/call")) == 1


async def test_a_number_that_is_no_id_reaches_no_gateway() -> None:
    async with scripted() as gateway, relayed(gateway.url) as talk:
        for number in ("NaN", "1e400", "1.5", "true"):
            talk.say(f'{{"jsonrpc": "2.0", "id": {number}, "method": "tools/list"}}')
        await until(lambda: len(talk.heard) == 4)

    assert [each["id"] for each in talk.heard] == [None] * 4
    assert gateway.seen == []


async def test_without_a_choice_tools_that_are_not_known_here_pass() -> None:
    async with scripted() as gateway:
        gateway.respond = listed
        async with relayed(gateway.url) as talk:
            await talk.begun()
            tools = (await talk.asked(request(1, "tools/list")))["result"]["tools"]

    assert [tool["name"] for tool in tools] == ["get_balance", "rent_number", "brand_new"]


async def test_what_is_no_message_is_answered_and_the_next_one_taken() -> None:
    async with scripted() as gateway:
        gateway.respond = listed
        async with relayed(gateway.url) as talk:
            for line in ("no json", "[]", "", "   "):
                talk.say(line)
            await talk.begun()
            await talk.asked(request(1, "tools/list"))

    assert [each["error"]["code"] for each in talk.heard[:2]] == [-32700, -32600]


async def test_what_stands_twice_reaches_the_gateway_as_it_was_said() -> None:
    line = str(RENT).replace("'", '"').replace('"max_price": 1', '"max_price": 1, "max_price": 9')
    params = f'{{"name": "rent_number", "arguments": {line}}}'
    texts: list[str] = []

    async def keep(asked: web.Request, body: Any) -> web.StreamResponse | None:
        texts.append(await asked.text())
        return await listed(asked, body)

    async with scripted() as gateway:
        gateway.respond = keep
        async with relayed(gateway.url) as talk:
            await talk.begun()
            talk.say(f'{{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {params}}}')
            await until(lambda: talk.answers(1))

    assert any(line in text for text in texts)


async def test_it_ends_though_a_call_is_under_way() -> None:
    async def wait(asked: web.Request, body: Any) -> web.StreamResponse | None:
        if body.get("method") == "tools/call":
            await asyncio.Event().wait()
        return None

    async with scripted() as gateway:
        gateway.respond = wait
        async with relayed(gateway.url) as talk:
            await talk.begun()
            talk.say(call(1, "wait_for_code", WAIT))
            await until(lambda: gateway.bodies("tools/call"))

    assert talk.answers(1) == []
    assert gateway.seen[-1][0] == "DELETE"


PROGRESS = {
    "jsonrpc": "2.0",
    "method": "notifications/progress",
    "params": {"progressToken": 1, "progress": 1.0},
}


async def listed(asked: web.Request, body: Any) -> web.StreamResponse | None:
    """Answers every call, and lists three tools."""
    names = ("get_balance", "rent_number", "brand_new")
    if body.get("method") == "tools/list":
        return answered(body, {"tools": [{"name": name} for name in names], "ttlMs": 1})
    return answered(body, {}) if body.get("method") == "tools/call" else None


def _lost(how: str, gateway: ScriptedGateway) -> Any:
    async def respond(asked: web.Request, body: Any) -> web.StreamResponse | None:
        if body.get("method") != "tools/call":
            return None
        pages = {
            "a page": web.Response(text="<html>"),
            "a page of a proxy": web.Response(status=502, text="<html>"),
            "accepted": web.Response(status=202),
            "elsewhere": web.Response(status=307, headers={"Location": f"{gateway.url}/else"}),
        }
        if how in pages:
            return pages[how]
        if how == "ends the stream":
            return await streamed(asked, PROGRESS)
        if how == "too much":
            return answered(body, {"text": "x" * (MAX_ANSWER + 1)})
        if how == "a line too long":
            return await streamed(asked, {"id": 1, "result": "x" * (2 * MAX_ANSWER)})
        assert asked.transport is not None
        asked.transport.abort()
        return None

    return respond
