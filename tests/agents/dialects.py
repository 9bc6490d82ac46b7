"""The scripted model behind the addresses of OpenAI, Gemini and Anthropic, on a real socket."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from tests.agents.model import Call, Json, Model

USAGE = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}


def completions(model: Model, asked: Json) -> Json:
    """OpenAI's Chat Completions."""
    offered = (each["function"] for each in asked.get("tools", ()))
    results = [_text(each["content"]) for each in asked["messages"] if each["role"] == "tool"]
    said = model.next({each["name"]: each["parameters"] for each in offered}, results)
    message: Json = {"role": "assistant", "content": said if isinstance(said, str) else None}
    if isinstance(said, Call):
        call = {"name": said.tool, "arguments": json.dumps(said.given)}
        message["tool_calls"] = [{"id": _id(results), "type": "function", "function": call}]
    reason = "tool_calls" if isinstance(said, Call) else "stop"
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": asked["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }


def responses(model: Model, asked: Json) -> Json:
    """OpenAI's Responses."""
    offered: dict[str, Json] = {}
    spaces: dict[str, Json] = {}
    for tool in asked.get("tools", ()):
        # Codex puts the tools of a server into a namespace.
        for each in tool["tools"] if tool["type"] == "namespace" else [tool]:
            if each["type"] == "function":
                offered[each["name"]] = each["parameters"]
                spaces[each["name"]] = {"namespace": tool["name"]} if each is not tool else {}
    items = asked["input"] if isinstance(asked["input"], list) else []
    results = [_text(i["output"]) for i in items if i.get("type") == "function_call_output"]
    said = model.next(offered, results)
    item: Json = {"id": f"item_{len(results)}", "status": "completed"}
    if isinstance(said, str):
        content = [{"type": "output_text", "text": said, "annotations": []}]
        item |= {"type": "message", "role": "assistant", "content": content}
    else:
        item |= {"type": "function_call", "call_id": _id(results), "name": said.tool}
        item |= spaces[said.tool] | {"arguments": json.dumps(said.given)}
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": asked["model"],
        "status": "completed",
        "output": [item],
        "parallel_tool_calls": False,
        "tool_choice": "auto",
        "tools": [],
        "usage": USAGE,
    }


def responses_events(reply: Json) -> Iterable[Json]:
    """The same as a stream."""
    yield {"type": "response.created", "response": reply | {"status": "in_progress", "output": []}}
    for item in reply["output"]:
        yield {"type": "response.output_item.done", "output_index": 0, "item": item}
    yield {"type": "response.completed", "response": reply}


def gemini(model: Model, asked: Json) -> Json:
    """Gemini's generateContent."""
    offered = {
        each["name"]: next(each[key] for key in SCHEMAS if key in each)
        for tool in asked.get("tools", ())
        for each in tool.get("functionDeclarations", ())
    }
    parts = (part for content in asked["contents"] for part in content["parts"])
    replies = [p["functionResponse"]["response"] for p in parts if "functionResponse" in p]
    said = model.next(offered, [_text(each) for each in replies])
    part: Json = {"text": said}
    if isinstance(said, Call):
        part = {"functionCall": {"name": said.tool, "args": said.given}}
    content = {"role": "model", "parts": [part]}
    return {
        "candidates": [{"content": content, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2},
    }


SCHEMAS = ("parametersJsonSchema", "parameters_json_schema", "parameters")


def messages(model: Model, asked: Json) -> Json:
    """Anthropic's Messages."""
    offered = {each["name"]: each["input_schema"] for each in asked.get("tools", ())}
    blocks = (
        block
        for message in asked["messages"]
        if isinstance(message["content"], list)
        for block in message["content"]
    )
    results = [_text(b["content"]) for b in blocks if b["type"] == "tool_result"]
    said = model.next(offered, results)
    block: Json = {"type": "text", "text": said}
    if isinstance(said, Call):
        block = {"type": "tool_use", "id": _id(results), "name": said.tool, "input": said.given}
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": asked["model"],
        "content": [block],
        "stop_reason": "tool_use" if isinstance(said, Call) else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }


def messages_events(reply: Json) -> Iterable[Json]:
    """The same as a stream."""
    (block,) = reply["content"]
    yield {"type": "message_start", "message": reply | {"content": [], "stop_reason": None}}
    if block["type"] == "text":
        start, delta = block | {"text": ""}, {"type": "text_delta", "text": block["text"]}
    else:
        start = block | {"input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
    yield {"type": "content_block_start", "index": 0, "content_block": start}
    yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    ended = {"stop_reason": reply["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": ended, "usage": {"output_tokens": 1}}
    yield {"type": "message_stop"}


Dialect = Callable[[Model, Json], Json]
Events = Callable[[Json], Iterable[Json]]


@asynccontextmanager
async def speaking(model: Model) -> AsyncIterator[str]:
    """The model on a free port; its address."""
    app = web.Application(client_max_size=2**23)

    def add(path: str, dialect: Dialect, events: Events, always: bool = False) -> None:
        async def answer(request: web.Request) -> web.Response:
            asked = await request.json()
            try:
                reply = dialect(model, asked)
            except Exception as error:
                # Another status would be tried again.
                return web.Response(status=400, text=f"{error!r}: {asked}")
            if always or asked.get("stream"):
                return _streamed(events(reply))
            return web.json_response(reply)

        app.router.add_post(path, answer)

    add("/v1/chat/completions", completions, lambda reply: [reply])
    add("/v1/responses", responses, responses_events)
    add("/v1/messages", messages, messages_events)
    add("/v1beta/models/{model}:generateContent", gemini, lambda reply: [reply])
    add("/v1beta/models/{model}:streamGenerateContent", gemini, lambda reply: [reply], always=True)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _streamed(events: Iterable[Json]) -> web.Response:
    named = ((f"event: {each['type']}\n" if "type" in each else "", each) for each in events)
    text = "".join(f"{name}data: {json.dumps(each)}\n\n" for name, each in named)
    return web.Response(text=text, content_type="text/event-stream")


def _id(results: list[str]) -> str:
    return f"call_{len(results)}"


def _text(content: Any) -> str:
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
