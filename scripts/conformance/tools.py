"""The tools of the everything-server, each of which shows one thing that a tool can do."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.subscriptions import InMemorySubscriptionBus
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
            return await _ask_person(
                ctx, "Please answer", fixtures.PEOPLE[name], "Elicitation completed"
            )
        if name in fixtures.ROUNDS:
            return next_round(ctx, params, fixtures.ROUNDS[name]) or _result(
                text("state-ok Hello!")
            )
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


def next_round(ctx: Context, params: Any, rounds: list[dict[str, Json]]) -> Json | None:
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
    return next_round(ctx, params, rounds) or _result(text("Hello!"))


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
    return _result(text(f"{said}: action={answer.action}, content={json.dumps(answer.content)}"))


async def _request(ctx: Context, request: Any, takes: Any) -> Any:
    from mcp.shared.message import ServerMessageMetadata

    about = ServerMessageMetadata(related_request_id=ctx.request_id)
    return await ctx.session.send_request(request, takes, metadata=about)


async def _echo(ctx: Context, params: Any) -> Json:
    return _result(text(json.dumps(params.arguments)))
