"""The calls to the provider that tests of the limiter and its neighbours make, by short names."""

from gateway.core.operations.catalog import BUCKETS, CALLS
from gateway.core.operations.long_rentals import CANCEL as UPDATE_LONG_RENTAL
from gateway.core.operations.long_rentals import RENEW as RENEW_LONG_RENTAL
from gateway.core.operations.rentals import RENT
from gateway.core.upstream.calls import BALANCE, CANCEL, PRICES, RENTAL_STATUS

__all__ = [
    "BALANCE",
    "BUCKETS",
    "CALLS",
    "CANCEL",
    "PRICES",
    "RENEW_LONG_RENTAL",
    "RENT",
    "RENTAL_STATUS",
    "UPDATE_LONG_RENTAL",
]
