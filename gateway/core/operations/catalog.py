"""All operations, in the order of the documents. Faces and tools are generated from it."""

from gateway.core.operations import (
    account,
    codes,
    events,
    keys,
    long_rentals,
    prices,
    replacement,
    webhooks,
)
from gateway.core.operations import rentals as renting
from gateway.core.operations.operation import AnyOperation
from gateway.core.upstream.calls import KEY_CHECK

CATALOG: tuple[AnyOperation, ...] = (
    *prices.OPERATIONS,
    *account.OPERATIONS,
    *renting.OPERATIONS,
    *replacement.OPERATIONS,
    *codes.OPERATIONS,
    *long_rentals.OPERATIONS,
    *events.OPERATIONS,
    *webhooks.OPERATIONS,
    *keys.OPERATIONS,
)

TOOLS = tuple(operation for operation in CATALOG if operation.tool)
"""Those that AI agents have as tools."""

BY_NAME = {operation.name: operation for operation in CATALOG}

CALLS = (*dict.fromkeys(call for operation in CATALOG for call in operation.calls), KEY_CHECK)
"""All calls to the provider, without duplicates."""

BUCKETS = frozenset(call.bucket for call in CALLS)
"""The names of the rate limits."""
