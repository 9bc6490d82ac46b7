"""Gateway keys of tests, with any limits."""

import secrets
from datetime import UTC, datetime

from gateway.core.model.callers import GATEWAY_KEY_PREFIX, TEST_KEY_PREFIX, GatewayKey, Limits
from gateway.wiring import Gateway


async def make_key(
    gateway: Gateway,
    name: str,
    limits: Limits,
    parent_id: str | None = None,
    *,
    test: bool = False,
) -> str:
    """Store a new key and answer it. Raises NameTaken where a living key has the name."""
    key = (TEST_KEY_PREFIX if test else GATEWAY_KEY_PREFIX) + secrets.token_urlsafe(24)
    created = GatewayKey(
        id=secrets.token_hex(4),
        name=name,
        hashed=gateway.hasher.name(key),
        limits=limits,
        created_at=datetime.now(UTC),
        parent_id=parent_id,
        test=test,
    )
    await gateway.keys.create(created)
    return key
