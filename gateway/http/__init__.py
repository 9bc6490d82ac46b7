"""The HTTP side of the gateway: the server, its faces, and what they share. May import the core."""
