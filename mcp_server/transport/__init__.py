"""How clients connect: Streamable HTTP inside aiohttp, and standard input and output.

The top of mcp_server: may import every other folder of it.
"""
