"""A probe whether the provider can be reached."""

from adapters.getatext.account import BALANCE
from adapters.getatext.client import Client
from gateway.core.model.errors import GatewayError


async def reachable(client: Client) -> bool:
    """Read the balance without a key; True for any HTTP response, also a refusal."""
    try:
        await client.send(BALANCE, "")
    except GatewayError:
        return False
    return True
