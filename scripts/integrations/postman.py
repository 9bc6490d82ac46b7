"""The Postman collection, run by newman, the platform's own runner."""

from collections.abc import Sequence

from scripts.integrations.collections import played
from scripts.integrations.stand import ROOT, Result, Stand

KIT = ROOT / "integrations" / "postman"


async def check(stand: Stand) -> Sequence[Result]:
    """All of it, and the purchase again."""
    command = (
        *("newman", "run", KIT / "getatext-gateway.postman_collection.json"),
        *("--environment", KIT / "local.postman_environment.json"),
        *("--color", "off", "--timeout-request", "40000"),
    )
    return await played(stand, command, [], ["--folder", "Rent number"])
