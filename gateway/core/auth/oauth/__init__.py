"""OAuth for /mcp: clients, what a person allows them by a gateway key, and their tokens.

The protocol's messages are read and written elsewhere. May import the rest of auth, ports, model.
"""
