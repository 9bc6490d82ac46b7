"""Whether the provider can be reached at all."""

from adapters.getatext.account import BALANCE
from adapters.getatext.client import Client
from gateway.core.model.errors import GatewayError


async def reachable(client: Client) -> bool:
    """Ask for the balance without a key: any answer, a refusal too, says that it is there."""
    try:
        await client.send(BALANCE, "")
    except GatewayError:
        return False
    return True
