"""The server the conformance suite is run against: all it asks for, on the SDK's own server.

What is tested is not this, but the bridge it stands behind.
"""

import json
from typing import Any

import mcp_types as types
from mcp.server.caching import CacheHint
from mcp.server.lowlevel.server import Server
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler
from mcp.shared.exceptions import MCPError

from scripts.conformance import fixtures
from scripts.conformance.fixtures import Json, text
from scripts.conformance.tools import Asks, Context, Tools, next_round


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
            if question := next_round(ctx, params, fixtures.PROMPT_ROUNDS):
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
