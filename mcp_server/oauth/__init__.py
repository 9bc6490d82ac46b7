"""OAuth for /mcp: the protocol of clients, over the gateway's own clients, codes and tokens.

The top of mcp_server, beside relay: may import transport.
"""
