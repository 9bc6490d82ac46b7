"""Looks whether everything is there that a gateway with these settings needs, and changes nothing.

May import the adapters, the settings and the rest of the wiring.
"""

import asyncio
from datetime import datetime
from itertools import chain

from gateway.settings import Settings
from gateway.wiring.doctor.findings import Finding, State, in_time
from gateway.wiring.doctor.ledger import check_data, check_ledger
from gateway.wiring.doctor.listening import check_port, check_webhook
from gateway.wiring.doctor.provider import check_provider

__all__ = ["Finding", "State", "examine"]


async def examine(settings: Settings) -> list[Finding]:
    """Every finding, in reading order; the checks run at the same time."""
    found = await asyncio.gather(
        in_time("provider", check_provider(settings), windows=5),  # one for each step
        in_time("zone", _check_zone(settings)),
        in_time("database", check_ledger(settings), windows=2),  # a pooler takes longer to find
        in_time("data", check_data(settings)),
        in_time("webhook", check_webhook(settings)),
        in_time("port", check_port(settings)),
    )
    return list(chain.from_iterable(found))


async def _check_zone(settings: Settings) -> list[Finding]:
    now = datetime.now(settings.zone)
    zone = f"{settings.getatext_timezone} (now UTC{now.isoformat()[-6:]})"
    found = f"The provider's times are read as those of {zone}."
    return [Finding("zone", State.OK, found)]
