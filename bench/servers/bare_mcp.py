"""The plainest MCP server there is: the SDK's own, one tool that answers a constant, on uvicorn."""

import uvicorn
from mcp.server.mcpserver import MCPServer

from bench.servers.running import parser

server: MCPServer = MCPServer("bare")


@server.tool()
def list_prices(limit: int) -> dict[str, int]:
    """Answers what it was asked."""
    return {"limit": limit}


def main() -> None:
    given = parser().parse_args()
    app = server.streamable_http_app(host="127.0.0.1")
    uvicorn.run(app, host="127.0.0.1", port=given.port, log_level="error", access_log=False)


if __name__ == "__main__":
    main()
