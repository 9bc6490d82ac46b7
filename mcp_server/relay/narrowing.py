"""Leaves tools out of what a gateway elsewhere offers, as the user of this program chose."""

from collections.abc import Mapping
from typing import Any

from gateway.core.model.redact import redacted
from gateway.core.operations.catalog import TOOLS
from mcp_server.options import ALL_TOOLSETS, McpOptions
from mcp_server.relay.messages import INVALID_PARAMS, Json, error_answer, params_of, result_of
from mcp_server.tools.adjustments import offered


class Narrowing:
    """The tools that pass. Where any are left out, so are those that are not known here."""

    def __init__(self, options: McpOptions) -> None:
        """All pass unless `options` leave some out."""
        narrowed = options.read_only or options.toolsets != ALL_TOOLSETS
        self._names = {op.name for op in TOOLS if offered(op, options)} if narrowed else None

    def refusal(self, request: Mapping[str, Any]) -> Json | None:
        """The answer to a call of a tool that does not pass."""
        if request.get("method") != "tools/call":
            return None
        name = params_of(request).get("name")
        if self._passes(name):
            return None
        sentence = f"Unknown tool: {redacted(str(name))}"
        return error_answer(request.get("id"), INVALID_PARAMS, sentence)

    def narrowed(self, request: Mapping[str, Any], answer: Json) -> Json:
        """The answer to a request without the tools that do not pass."""
        tools = result_of(answer).get("tools")
        if request.get("method") != "tools/list" or not isinstance(tools, list):
            return answer
        passing = [tool for tool in tools if isinstance(tool, dict) and self._passes(tool["name"])]
        return {**answer, "result": {**answer["result"], "tools": passing}}

    def _passes(self, name: object) -> bool:
        return self._names is None or (isinstance(name, str) and name in self._names)
