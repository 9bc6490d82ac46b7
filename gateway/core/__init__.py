"""The rules of the gateway, pure: no network, database, clock or environment.

Packages by subject; each imports only those below it (see pyproject.toml), pydantic and
cachetools. Adapters are passed in through the interfaces of gateway.core.ports.
"""
