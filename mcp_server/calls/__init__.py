"""One tool call from its arguments to its result: estimates, confirmation, duplicates, waiting.

May import mcp_server.tools, the modules of mcp_server below it and the core.
"""
