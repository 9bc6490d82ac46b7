"""Every operation, in reading order. The faces, the documents and the tools are made from it."""

from gateway.core import account, long_rentals, prices, rentals
from gateway.core.operation import AnyOperation

CATALOG: tuple[AnyOperation, ...] = (
    *prices.OPERATIONS,
    *account.OPERATIONS,
    *rentals.OPERATIONS,
    *long_rentals.OPERATIONS,
)

BY_NAME = {operation.name: operation for operation in CATALOG}
