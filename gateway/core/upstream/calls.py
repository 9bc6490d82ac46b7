"""The provider's calls as our policies see them: whose limit they use, who goes first, what fails.

And the hooks by which the policies tell what they do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Literal

Kind = Literal["read", "change", "spend"]


class Priority(IntEnum):
    """Who goes first where calls wait for the same limit; first come, first served within."""

    SPEND = 0  # purchases, cancellations and other changes
    WAITED_FOR = 1  # the status of rentals somebody waits for
    READ = 2
    PRICES = 3


@dataclass(frozen=True, slots=True, eq=False)
class UpstreamCall:
    """One kind of call.

    `bucket` names the limit it uses, `group` the breaker it stands behind. Only a `read` may be
    repeated.
    """

    name: str
    bucket: str
    group: str
    kind: Kind
    priority: Priority


def _call(name: str, group: str, kind: Kind, priority: Priority) -> UpstreamCall:
    return UpstreamCall(name, name, group, kind, priority)


RENT = _call("rent", "spend", "spend", Priority.SPEND)
RENT_SPECIFIC = _call("rent_specific", "spend", "spend", Priority.SPEND)
RENT_AGAIN = _call("rent_again", "spend", "spend", Priority.SPEND)
RENTAL_STATUS = _call("rental_status", "status", "read", Priority.READ)
CANCEL = _call("cancel", "change", "change", Priority.SPEND)
COMPLETE = _call("complete", "change", "change", Priority.SPEND)
PRICES = _call("prices", "prices", "read", Priority.PRICES)
BALANCE = _call("balance", "balance", "read", Priority.READ)
LONG_RENTALS = _call("long_rentals", "long_rentals", "read", Priority.READ)
CREATE_LONG_RENTAL = _call("create_long_rental", "spend", "spend", Priority.SPEND)
UPDATE_LONG_RENTAL = _call("update_long_rental", "change", "change", Priority.SPEND)
# The same address as the other updates, so the same limit; but this one costs money.
RENEW_LONG_RENTAL = UpstreamCall(
    "renew_long_rental", UPDATE_LONG_RENTAL.bucket, "spend", "spend", Priority.SPEND
)
MESSAGES = _call("messages", "long_rentals", "read", Priority.READ)

CALLS = (
    RENT, RENT_SPECIFIC, RENT_AGAIN, RENTAL_STATUS, CANCEL, COMPLETE, PRICES, BALANCE,
    LONG_RENTALS, CREATE_LONG_RENTAL, UPDATE_LONG_RENTAL, RENEW_LONG_RENTAL, MESSAGES,
)  # fmt: skip

BUCKETS = frozenset(call.bucket for call in CALLS)
_NONE: Mapping[str, float] = MappingProxyType({})


def rates(*, premium: bool = False, overrides: Mapping[str, float] = _NONE) -> dict[str, float]:
    """Calls per second by bucket: the provider's limits, and what an operator sets instead.

    Raises ValueError for a bucket that does not exist or a rate that is none.
    """
    per_second = dict.fromkeys(BUCKETS, 1.0)
    # Newer editions of the provider's page allow two rents a second. It names no limit for renting
    # a specific number (taken as a rent) or again (taken as any other call).
    per_second |= {RENT.bucket: 2.0, RENT_SPECIFIC.bucket: 2.0}
    if premium:
        per_second |= dict.fromkeys((RENT.bucket, RENTAL_STATUS.bucket, CANCEL.bucket), 200.0)
    for bucket, rate in overrides.items():
        if bucket not in BUCKETS:
            raise ValueError(f"{bucket} is no limit; there are {', '.join(sorted(BUCKETS))}")
        if not 0 < rate <= 10_000:
            raise ValueError(f"the limit of {bucket} must be above 0 and at most 10000 a second")
        per_second[bucket] = rate
    return per_second
