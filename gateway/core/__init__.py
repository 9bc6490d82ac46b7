"""The rules of the gateway, pure: no network, database, clock or environment.

Packages by subject; each imports only those below it (see pyproject.toml), pydantic and
cachetools. What the core needs of the world comes in through gateway.core.ports.
"""
