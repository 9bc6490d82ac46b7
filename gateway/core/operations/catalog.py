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
