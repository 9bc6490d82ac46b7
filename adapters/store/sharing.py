"""What the nodes on one database share with each other, and how they hear of each other."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.core.ports import Leases
from gateway.core.queueing import SharedBuckets

CHANNEL = "getatext_gateway"
"""Where nodes tell each other what changed, as `account_id:rental_id:sender`."""
SENDER = "getatext_gateway.owner"
"""The setting of a connection that holds the name its process signs with."""
Changed = Callable[[str, int], Awaitable[None]]
"""Another process wrote something of this account's rental down."""
Missed = Callable[[], None]
"""Nothing was heard for a while: changes may have been missed."""
Listen = Callable[[Changed, Missed], None]
"""From now on, and until the store closes, call these."""


def _hears_nobody(changed: Changed, missed: Missed) -> None:
    """Processes on one file do not wake each other: what one writes the others find by looking."""


@dataclass(frozen=True, slots=True)
class Shared:
    """With other nodes, by PostgreSQL; or with nobody, beside a file."""

    leases: Leases
    buckets: SharedBuckets | None = None
    listen: Listen = _hears_nobody
