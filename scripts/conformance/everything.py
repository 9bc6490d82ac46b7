"""The server the conformance suite is run against: all it asks for, on the SDK's own server.

What is tested is not this, but the bridge it stands behind.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import mcp_types as types
from mcp.server.caching import CacheHint
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler
from mcp.shared.exceptions import MCPError
from mcp.shared.subscriptions import PromptsListChanged, ToolsListChanged

from scripts.conformance import fixtures
from scripts.conformance.fixtures import Json, text

Context = ServerRequestContext[Any, Any]
Asks = Callable[[Context, Any], Awaitable[Any]]

_STEP = 0.05
_CAPABILITY = {
    "elicitation/create": "elicitation",
    "sampling/createMessage": "sampling",
    "roots/list": "roots",
}


class Events(EventStore):
    """Remembers what was sent, so that a stream can be taken up again."""

    def __init__(self) -> None:
        self._sent: list[tuple[str, Any]] = []

    async def store_event(self, stream_id: str, message: Any) -> str:
        """Remember one event; answers its id."""
        self._sent.append((stream_id, message))
        return str(len(self._sent) - 1)

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> str:
        """Send again what followed an event on its stream."""
        last = int(last_event_id)
        stream = self._sent[last][0]
        for number, (stream_id, message) in enumerate(self._sent):
            if number > last and stream_id == stream and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream


def make_server() -> Server[Any]:
    """The server with everything."""
    bus = InMemorySubscriptionBus()
    cached = ("tools/list", "prompts/list", "resources/list", "resources/templates/list")
    hints: Any = dict.fromkeys((*cached, "resources/read"), CacheHint(ttl_ms=1000))
    server: Server[Any] = Server("everything", version="1.0.0", cache_hints=hints)
    handlers: dict[str, tuple[type[types.RequestParams], Asks]] = {
        "tools/list": (types.PaginatedRequestParams, _list_tools),
        "tools/call": (types.CallToolRequestParams, Tools(bus).call),
        "resources/list": (types.PaginatedRequestParams, _list_resources),
        "resources/templates/list": (types.PaginatedRequestParams, _list_templates),
        "resources/read": (types.ReadResourceRequestParams, _read_resource),
        "resources/subscribe": (types.SubscribeRequestParams, _nothing),
        "resources/unsubscribe": (types.UnsubscribeRequestParams, _nothing),
        "prompts/list": (types.PaginatedRequestParams, _list_prompts),
        "prompts/get": (types.GetPromptRequestParams, _get_prompt),
        "completion/complete": (types.CompleteRequestParams, _complete),
        "logging/setLevel": (types.SetLevelRequestParams, _nothing),
        "subscriptions/listen": (types.SubscriptionsListenRequestParams, ListenHandler(bus)),
    }
    for method, (takes, handler) in handlers.items():
        server.add_request_handler(method, takes, handler)
    server.middleware.append(
        RequestStateBoundary(RequestStateSecurity.ephemeral(), default_audience="everything")
    )
    return server


class Tools:
    """Calls tools by the names the suite gives them."""

    def __init__(self, bus: InMemorySubscriptionBus) -> None:
        self._bus = bus
        self._special: dict[str, Asks] = {
            "test_error_handling": _fail,
            "test_missing_capability": _need_sampling,
            "test_reconnection": _reconnect,
            "test_tool_with_logging": _log,
            "test_logging_tool": _log,
            "test_tool_with_progress": _progress,
            "test_sampling": _sample,
            "test_elicitation": _elicit,
            "test_custom_header": _echo,
            "json_schema_2020_12_tool": _echo,
            "test_streaming_elicitation": _progress_and_ask,
            "test_trigger_tool_change": self._tools_changed,
            "test_trigger_prompt_change": self._prompts_changed,
        }

    async def call(self, ctx: Context, params: Any) -> Any:
        """The result of the tool that was named."""
        name = params.name
        if name in fixtures.CONTENTS:
            return _result(*fixtures.CONTENTS[name])
        if name in fixtures.PEOPLE:
            return await _ask_person(ctx, "Please answer", fixtures.PEOPLE[name], "Elicitation")
        if name in fixtures.ROUNDS:
            return _rounds(ctx, params, fixtures.ROUNDS[name]) or _result(text("state-ok Hello!"))
        if name not in self._special:
            raise MCPError(code=types.INVALID_PARAMS, message=f"Unknown tool: {name}")
        return await self._special[name](ctx, params)

    async def _tools_changed(self, ctx: Context, params: Any) -> Any:
        await self._bus.publish(ToolsListChanged())
        return _result(text("published"))

    async def _prompts_changed(self, ctx: Context, params: Any) -> Any:
        await self._bus.publish(PromptsListChanged())
        return _result(text("published"))


def _result(*content: Json, error: bool = False) -> Json:
    return {"content": list(content), "isError": error, "resultType": "complete"}


def _rounds(ctx: Context, params: Any, rounds: list[dict[str, Json]]) -> Json | None:
    """The next question, or None where all are answered."""
    capabilities = ctx.session.client_capabilities
    done = int(params.request_state or 0)
    answers = params.input_responses or {}
    if done == 0 and rounds and answers.keys() >= rounds[0].keys() and not params.request_state:
        done = 1
    elif params.request_state is not None and done < len(rounds):
        done += answers.keys() >= rounds[done].keys()
    if done >= len(rounds):
        return None
    asked = {
        key: request
        for key, request in rounds[done].items()
        if getattr(capabilities, _CAPABILITY[request["method"]], None) is not None
    }
    return {"resultType": "input_required", "inputRequests": asked, "requestState": str(done)}


async def _list_tools(ctx: Context, params: Any) -> Json:
    tools = [
        {"name": name, "description": f"Fixture {name}.", "inputSchema": schema}
        for name, schema in fixtures.SCHEMAS.items()
    ]
    return {"resultType": "complete", "tools": tools}


async def _list_resources(ctx: Context, params: Any) -> Json:
    found = [
        {"uri": uri, "name": uri.removeprefix("test://"), "mimeType": content["mimeType"]}
        for uri, content in fixtures.RESOURCES.items()
    ]
    return {"resultType": "complete", "resources": found}


async def _list_templates(ctx: Context, params: Any) -> Json:
    found = {"uriTemplate": fixtures.TEMPLATE, "name": "template", "mimeType": "application/json"}
    return {"resultType": "complete", "resourceTemplates": [found]}


async def _read_resource(ctx: Context, params: Any) -> Json:
    uri = str(params.uri)
    content = fixtures.RESOURCES.get(uri)
    head, tail = fixtures.TEMPLATE.split("{id}")
    if content is None and uri.startswith(head) and uri.endswith(tail):
        number = uri.removeprefix(head).removesuffix(tail)
        whole = {"id": number, "templateTest": True, "data": f"Data for ID: {number}"}
        content = {"mimeType": "application/json", "text": json.dumps(whole)}
    if content is None:
        raise MCPError(code=types.INVALID_PARAMS, message="Resource not found", data={"uri": uri})
    return {"resultType": "complete", "contents": [{"uri": uri, **content}]}


async def _list_prompts(ctx: Context, params: Any) -> Json:
    found = [
        {
            "name": name,
            "description": f"Fixture {name}.",
            "arguments": [{"name": each, "required": True} for each in arguments],
        }
        for name, arguments in fixtures.PROMPTS.items()
    ]
    return {"resultType": "complete", "prompts": found}


async def _get_prompt(ctx: Context, params: Any) -> Json:
    given = params.arguments or {}
    match params.name:
        case "test_simple_prompt":
            contents = [text("This is a simple prompt for testing.")]
        case "test_prompt_with_arguments":
            first, second = given["arg1"], given["arg2"]
            contents = [text(f"Prompt with arguments: arg1='{first}', arg2='{second}'")]
        case "test_prompt_with_embedded_resource":
            inside = fixtures.embedded(
                given["resourceUri"], "Embedded resource content for testing."
            )
            contents = [inside, text("Please process the embedded resource above.")]
        case "test_prompt_with_image":
            contents = [fixtures.image(), text("Please analyze the image above.")]
        case "test_input_required_result_prompt":
            if question := _rounds(ctx, params, fixtures.PROMPT_ROUNDS):
                return question
            contents = [text("With the context you gave.")]
        case _:
            raise MCPError(code=types.INVALID_PARAMS, message="Unknown prompt")
    messages = [{"role": "user", "content": each} for each in contents]
    return {"resultType": "complete", "messages": messages}


async def _complete(ctx: Context, params: Any) -> Json:
    return {"resultType": "complete", "completion": {"values": [], "total": 0, "hasMore": False}}


async def _nothing(ctx: Context, params: Any) -> Json:
    return {}


async def _fail(ctx: Context, params: Any) -> Json:
    return _result(text("This tool intentionally returns an error for testing"), error=True)


async def _need_sampling(ctx: Context, params: Any) -> Json:
    capabilities = ctx.session.client_capabilities
    if capabilities is None or capabilities.sampling is None:
        raise MCPError(
            code=types.MISSING_REQUIRED_CLIENT_CAPABILITY,
            message="This tool needs sampling",
            data={"requiredCapabilities": {"sampling": {}}},
        )
    return _result(text("ok"))


async def _say(ctx: Context, words: str) -> None:
    await ctx.session.send_log_message("info", words, related_request_id=ctx.request_id)


async def _reconnect(ctx: Context, params: Any) -> Json:
    if ctx.close_sse_stream:
        await ctx.close_sse_stream()
    await asyncio.sleep(0.2)
    return _result(text("Reconnection test completed"))


async def _log(ctx: Context, params: Any) -> Json:
    await _say(ctx, "Tool execution started")
    await asyncio.sleep(_STEP)
    await _say(ctx, "Tool processing data")
    await asyncio.sleep(_STEP)
    await _say(ctx, "Tool execution completed")
    return _result(text("Logged three times"))


async def _progress(ctx: Context, params: Any) -> Json:
    for step in (0, 50, 100):
        await ctx.session.report_progress(step, 100, f"Completed step {step} of 100")
        await asyncio.sleep(_STEP)
    return _result(text("Progressed"))


async def _progress_and_ask(ctx: Context, params: Any) -> Json:
    await _progress(ctx, params)
    rounds = [{"user_name": fixtures.form("What is your name?", name=fixtures.TEXT)}]
    return _rounds(ctx, params, rounds) or _result(text("Hello!"))


async def _sample(ctx: Context, params: Any) -> Json:
    asked = fixtures.sample(params.arguments["prompt"], 100)["params"]
    request = types.CreateMessageRequest.model_validate(
        {"method": "sampling/createMessage", "params": asked}
    )
    answer = await _request(ctx, request, types.CreateMessageResult)
    return _result(text(f"LLM response: {getattr(answer.content, 'text', '')}"))


async def _elicit(ctx: Context, params: Any) -> Json:
    fields = {name: {"type": "string", "description": name} for name in ("username", "email")}
    return await _ask_person(ctx, params.arguments["message"], fields, "User response")


async def _ask_person(ctx: Context, message: str, fields: Json, said: str) -> Json:
    question = fixtures.form(message, **fields)["params"]
    schema = question["requestedSchema"]
    answer = await ctx.session.elicit_form(message, schema, ctx.request_id)
    said = "Elicitation completed" if said == "Elicitation" else said
    return _result(text(f"{said}: action={answer.action}, content={json.dumps(answer.content)}"))


async def _request(ctx: Context, request: Any, takes: Any) -> Any:
    from mcp.shared.message import ServerMessageMetadata

    about = ServerMessageMetadata(related_request_id=ctx.request_id)
    return await ctx.session.send_request(request, takes, metadata=about)


async def _echo(ctx: Context, params: Any) -> Json:
    return _result(text(json.dumps(params.arguments)))
