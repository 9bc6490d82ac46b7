"""A relay: passes MCP between standard input and output and the /mcp of a gateway elsewhere.

It runs no tools and imports neither the SDK nor a store nor the provider's client. May import
mcp_server.transport.lines, mcp_server.tools, mcp_server.options and the core.
"""
