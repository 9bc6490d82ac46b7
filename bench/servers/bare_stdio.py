"""The plainest MCP server on standard input and output: the SDK's own, with one tool."""

from mcp.server.mcpserver import MCPServer

server: MCPServer = MCPServer("bare")


@server.tool()
def list_prices(limit: int) -> dict[str, int]:
    """Answers what it was asked."""
    return {"limit": limit}


if __name__ == "__main__":
    server.run("stdio")
