"""What clients see of a tool: definition, schemas, results, errors, and texts made harmless.

May import mcp_server.options, mcp_server.ports and the core.
"""
