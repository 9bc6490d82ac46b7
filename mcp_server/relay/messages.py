"""The messages of MCP as far as a relay must read them, and the HTTP headers they need.

Pure: no socket and no clock. In the protocol of 2026-07-28 every request says its version in an
envelope, and headers repeat what the request is; in those before a session is opened by
`initialize`, and headers name the session.
"""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603

_VERSION = "io.modelcontextprotocol/protocolVersion"
_NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
_PLAIN = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?").fullmatch
_ENCODED = re.compile(r"=\?base64\?.*\?=").fullmatch


class Unreadable(Exception):
    """A line of the client that is no message; `answer` is the error for it."""

    def __init__(self, code: int, sentence: str) -> None:
        """`code` is that of JSON-RPC."""
        super().__init__(sentence)
        self.answer = error_answer(None, code, sentence)


def read_message(line: str) -> Json:
    """The message of one line. Raises Unreadable."""
    try:
        message = json.loads(line, parse_constant=_no_json)
    except (ValueError, RecursionError):
        raise Unreadable(PARSE_ERROR, "Parse error") from None
    if (
        not isinstance(message, dict)
        or not isinstance(message.get("params", {}), dict)
        or not isinstance(message.get("method", ""), str)
        or not isinstance(request_id := message.get("id"), str | int | None)
        or isinstance(request_id, bool)
    ):
        raise Unreadable(INVALID_REQUEST, "Invalid request")
    return message


def _no_json(constant: str) -> None:
    """Refuses NaN and Infinity, which json.loads takes."""
    raise ValueError(constant)


def is_request(message: Mapping[str, Any]) -> bool:
    """Whether it wants an answer."""
    return "method" in message and message.get("id") is not None


def is_answer(message: Mapping[str, Any]) -> bool:
    """Whether it is the answer to a request."""
    return "method" not in message and ("result" in message or "error" in message)


def params_of(message: Mapping[str, Any]) -> Json:
    """The parameters of a message; empty where it has none."""
    params = message.get("params")
    return params if isinstance(params, dict) else {}


def result_of(message: Mapping[str, Any]) -> Json:
    """The result of an answer; empty where that is an error."""
    result = message.get("result")
    return result if isinstance(result, dict) else {}


def envelope_version(message: Mapping[str, Any]) -> str | None:
    """The version of the protocol in a request's envelope; None where it belongs to a session."""
    meta = params_of(message).get("_meta")
    version = meta.get(_VERSION) if isinstance(meta, dict) else None
    return version if isinstance(version, str) and message.get("method") != "initialize" else None


def envelope_headers(message: Mapping[str, Any], version: str) -> dict[str, str]:
    """The headers of a request that says its version itself."""
    method = str(message["method"])
    headers = {"Mcp-Protocol-Version": header_value(version), "Mcp-Method": header_value(method)}
    name = params_of(message).get(_NAMED_BY.get(method, ""))
    return headers | {"Mcp-Name": header_value(name)} if isinstance(name, str) else headers


def header_value(text: str) -> str:
    """A text as a header's value; in base64 where it could not stand there as it is."""
    if _PLAIN(text) and not _ENCODED(text):
        return text
    return f"=?base64?{base64.b64encode(text.encode(errors='replace')).decode()}?="


def error_answer(request_id: Any, code: int, sentence: str) -> Json:
    """The answer to a request that is refused or failed."""
    return {"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": sentence}}


def encoded(message: Mapping[str, Any]) -> bytes:
    """A message as one line."""
    return json.dumps(message, separators=(",", ":")).encode()
