"""What clients see of a tool: definitions, schemas, results, errors, and texts made safe to show.

May import mcp_server.options, mcp_server.ports and the core.
"""
