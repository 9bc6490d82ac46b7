"""The calls made below the operations, and the rate limits of all calls.

All other calls are declared beside their operations, in gateway.core.operations.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from gateway.core.model.account import Balance, Nothing
from gateway.core.model.prices import Price
from gateway.core.model.rentals import OneRental, Rental
from gateway.core.model.upstream_call import AnyCall, Effect, Priority, UpstreamCall

PRICES: UpstreamCall[Nothing, list[Price]] = UpstreamCall(
    "prices", Effect.READ, priority=Priority.PRICES
)
RENTAL_STATUS: UpstreamCall[int, Rental] = UpstreamCall(
    "rental_status", Effect.READ, group="status", rates=(1.0, 200.0)
)
"""Takes the provider's id of a rental."""
BALANCE: UpstreamCall[Nothing, Balance] = UpstreamCall("balance", Effect.READ)
CANCEL: UpstreamCall[OneRental, Rental] = UpstreamCall("cancel", Effect.CHANGE, rates=(1.0, 200.0))
KEY_CHECK: UpstreamCall[Nothing, Balance] = UpstreamCall(
    "key_check", Effect.READ, rates=(2.0, 20.0), of_many=True
)
"""Reads the balance with a key that the provider has not accepted yet.

All such keys share one account id at the rate limiter, so that they wait for each other and never
in front of a known key. The rates are the gateway's own.
"""
UNVERIFIED = "unverified"
"""The account id of all keys under KEY_CHECK."""

_NONE: Mapping[str, float] = MappingProxyType({})


def rates(
    calls: Iterable[AnyCall], *, premium: bool = False, overrides: Mapping[str, float] = _NONE
) -> dict[str, float]:
    """Calls per second by bucket: the provider's limits, with an operator's overrides.

    Raises ValueError for a bucket that does not exist or a rate out of range.
    """
    per_second = {call.bucket: call.premium if premium else call.per_second for call in calls}
    for bucket, rate in overrides.items():
        if bucket not in per_second:
            raise ValueError(f"{bucket} is no limit; there are {', '.join(sorted(per_second))}")
        if not 0 < rate <= 10_000:
            raise ValueError(f"the limit of {bucket} must be above 0 and at most 10000 a second")
        per_second[bucket] = rate
    return per_second
