"""Makes a key of the gateway's own."""

import secrets
from datetime import UTC, datetime

from gateway.core.keys import GATEWAY_KEY_PREFIX, GatewayKey, Limits
from gateway.wiring import Gateway


async def make_key(gateway: Gateway, name: str, limits: Limits) -> str:
    """Keep a new key and answer it: from here on only its hash is known."""
    key = GATEWAY_KEY_PREFIX + secrets.token_urlsafe(24)
    kept = GatewayKey(
        id=secrets.token_hex(4),
        name=name,
        hashed=gateway.hasher.name(key),
        limits=limits,
        created_at=datetime.now(UTC),
    )
    await gateway.keys.create(kept)
    return key
