"""The MCP face; it knows the core only."""
