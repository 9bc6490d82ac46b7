"""Answers in the form that a client accepts: one JSON message, or a stream of events.

The SDK refuses who does not accept both, though the protocol lets a server answer in either, and
many clients that are no SDK's accept only one, or anything. Who accepts both gets what the SDK
sends.
"""

import json
from functools import lru_cache
from typing import Any

from mcp_server.ports import JSON_ONLY
from mcp_server.transport.asgi_bridge import Asgi, Message, Scope, is_stream
from mcp_server.transport.sessions import gone

_JSON, _EVENTS = b"application/json", b"text/event-stream"
_BOTH = _JSON + b", " + _EVENTS
_OF_BODY = frozenset((b"content-type", b"content-length"))


class Negotiation:
    """Wraps the SDK's application: it is told that both forms are accepted."""

    def __init__(self, app: Asgi) -> None:
        """`app` answers calls by a stream of events, or at once by JSON."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answer one request. What is no call (a GET, a DELETE) passes as it is."""
        lines = [value for name, value in scope["headers"] if name == b"accept"]
        as_json, as_events = _accepted(b",".join(lines) or b"*/*")
        if scope["method"] != "POST" or as_json == as_events:
            await self._app(scope, receive, send)
            return
        headers = [each for each in scope["headers"] if each[0] != b"accept"]
        scope = {**scope, "headers": [*headers, (b"accept", _BOTH)], JSON_ONLY: as_json}
        await self._app(scope, receive, (_AsJson if as_json else _AsEvents)(send).send)


@lru_cache(64)
def _accepted(header: bytes) -> tuple[bool, bool]:
    """Whether JSON, and whether events are accepted.

    Events only by name: who takes anything can read JSON, and perhaps no events.
    """
    ranges = {_range(part) for part in header.decode("latin-1").split(",")}
    as_json = bool(ranges & {"application/json", "application/*", "*/*"})
    return as_json, bool(ranges & {"text/event-stream", "text/*"})


def _range(part: str) -> str:
    """The media range of one part of Accept; "" where its weight is nought."""
    name, *parameters = part.lower().replace(" ", "").split(";")
    return "" if {"q=0", "q=0.0", "q=0.00", "q=0.000"} & set(parameters) else name


class _AsJson:
    """Sends of a stream only the answer; progress and questions have no place in JSON."""

    def __init__(self, send: Any) -> None:
        self._send = send
        self._stream: Message | None = None
        self._line = b""
        self._answered = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and is_stream(message):
            self._stream = message
        elif self._stream is None or message["type"] != "http.response.body":
            await self._send(message)
        elif not self._answered:
            *lines, self._line = (self._line + message.get("body", b"")).split(b"\n")
            for line in lines:
                if line.startswith(b"data:") and _is_answer(data := line[5:].strip()):
                    await self._answer(self._stream["status"], data)
                    return
            if not message.get("more_body", False):
                await self._answer(404, gone())  # the session ended before the call did

    async def _answer(self, status: int, body: bytes) -> None:
        self._answered = True
        await _send_whole(self._send, {**(self._stream or {}), "status": status}, _JSON, body)


class _AsEvents:
    """Sends a JSON answer as a stream with one event; what is no answer to a call stays JSON."""

    def __init__(self, send: Any) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_json_answer(message):
            self._start = message
        elif self._start is None or message["type"] != "http.response.body":
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                event = b"event: message\r\ndata: " + self._body + b"\r\n\r\n"
                await _send_whole(self._send, self._start, _EVENTS, event)


async def _send_whole(send: Any, start: Message, content_type: bytes, body: bytes) -> None:
    headers = [each for each in start["headers"] if each[0].lower() not in _OF_BODY]
    await send({**start, "headers": [*headers, (b"content-type", content_type)]})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _is_answer(data: bytes) -> bool:
    message = json.loads(data)
    return "id" in message and "method" not in message


def _is_json_answer(start: Message) -> bool:
    return start["status"] == 200 and any(
        name.lower() == b"content-type" and value.startswith(_JSON)
        for name, value in start["headers"]
    )
