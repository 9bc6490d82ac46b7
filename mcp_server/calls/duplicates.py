"""Refuses a purchase that equals one of the last seconds."""

import time
from collections.abc import Callable

from cachetools import TTLCache
from pydantic import BaseModel

from gateway.core.model.callers import Caller
from gateway.core.model.values import Charged
from gateway.core.operations.operation import AnyOperation
from gateway.core.purchases.order import inputs_text
from mcp_server.tools.errors import DuplicatePurchase

DUPLICATE_SECONDS = 10.0


class DuplicateGuard:
    """Remembers each caller's purchases for some seconds: agents often repeat a call by mistake."""

    def __init__(self, timer: Callable[[], float] = time.monotonic) -> None:
        """`timer` gives the time in seconds; tests pass their own."""
        self._running: set[str] = set()
        self._bought: TTLCache[str, bool] = TTLCache(10_000, DUPLICATE_SECONDS, timer)

    def check(self, caller: Caller, op: AnyOperation, asked: BaseModel) -> None:
        """Raises DuplicatePurchase where the same is being bought or was bought just now."""
        key = _purchase_key(caller, op, asked)
        if key in self._running or key in self._bought:
            raise DuplicatePurchase

    def begin(self, caller: Caller, op: AnyOperation, asked: BaseModel, *, again: bool) -> str:
        """Register a purchase and return its key. Raises DuplicatePurchase unless `again`."""
        if not again:
            self.check(caller, op, asked)
        key = _purchase_key(caller, op, asked)
        self._running.add(key)
        return key

    def end(self, key: str, *, charged: Charged) -> None:
        """A purchase has ended; where nothing was charged, it may be repeated at once."""
        self._running.discard(key)
        if charged is not Charged.NO:
            self._bought[key] = True


def _purchase_key(caller: Caller, op: AnyOperation, asked: BaseModel) -> str:
    return f"{caller.id} {op.name} {inputs_text(asked)}"
