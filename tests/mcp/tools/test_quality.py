"""What `tdqs lint` says of the tools: the checks of the Tool Definition Quality Score."""

import json

from tdqs import lint_server, parse_tool_definitions

from gateway.core.operations.catalog import TOOLS
from mcp_server.server import NAME
from scripts.mcp_surface import surface


def test_tdqs_finds_nothing() -> None:
    tools = parse_tool_definitions(json.loads(surface())).tools
    report = lint_server(server_name=NAME, tools=tools)

    assert [tool.name for tool in report.tools] == [op.name for op in TOOLS]
    assert [found.message for tool in report.tools for found in tool.findings] == []
    assert [found.message for found in report.findings] == []
