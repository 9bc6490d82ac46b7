"""Every operation, in reading order. The faces, the documents and the tools are made from it."""

from gateway.core.operations import account, codes, long_rentals, prices
from gateway.core.operations import rentals as renting
from gateway.core.operations.operation import AnyOperation

CATALOG: tuple[AnyOperation, ...] = (
    *prices.OPERATIONS,
    *account.OPERATIONS,
    *renting.OPERATIONS,
    *codes.OPERATIONS,
    *long_rentals.OPERATIONS,
)

BY_NAME = {operation.name: operation for operation in CATALOG}

CALLS = tuple(dict.fromkeys(call for operation in CATALOG for call in operation.calls))
"""Every call to the provider, each once."""

BUCKETS = frozenset(call.bucket for call in CALLS)
"""The names of the rate limits."""
