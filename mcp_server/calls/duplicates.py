"""Purchases like one that was made a moment ago."""

import time
from collections.abc import Callable
from decimal import Decimal

from cachetools import TTLCache
from pydantic import BaseModel

from gateway.core.model.callers import Caller
from gateway.core.model.values import Charged
from gateway.core.operations.operation import AnyOperation
from mcp_server.tools.errors import DuplicatePurchase

DUPLICATE_SECONDS = 10.0


class DuplicateGuard:
    """Remembers what was bought in the last seconds: agents repeat themselves."""

    def __init__(self, timer: Callable[[], float] = time.monotonic) -> None:
        """`timer` is the clock, so that tests can hold it."""
        self._running: set[str] = set()
        self._done: TTLCache[str, bool] = TTLCache(10_000, DUPLICATE_SECONDS, timer)

    def check(self, caller: Caller, op: AnyOperation, asked: BaseModel) -> None:
        """Raises DuplicatePurchase for what was bought, or is being bought, just now."""
        name = _name(caller, op, asked)
        if name in self._running or name in self._done:
            raise DuplicatePurchase

    def begin(self, caller: Caller, op: AnyOperation, asked: BaseModel, *, again: bool) -> str:
        """The name of a purchase that begins. Raises DuplicatePurchase unless `again`."""
        if not again:
            self.check(caller, op, asked)
        name = _name(caller, op, asked)
        self._running.add(name)
        return name

    def end(self, name: str, *, charged: Charged) -> None:
        """It has ended; where nothing was charged, it may be tried again at once."""
        self._running.discard(name)
        if charged is not Charged.NO:
            self._done[name] = True


def _name(caller: Caller, op: AnyOperation, asked: BaseModel) -> str:
    inputs = asked.model_dump(exclude={"request_id"})
    plain = {
        key: f"{v.normalize():f}" if isinstance(v, Decimal) else v for key, v in inputs.items()
    }
    return f"{caller.id} {op.name} {sorted(plain.items())}"
