"""The port of everything that metrics hear of."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Protocol


class Observer(Protocol):
    """Told of what happens, for metrics. Must not fail and must be quick."""

    def operation_ended(self, operation: str, outcome: str) -> None: ...
    def prices_looked_up(self, found: str) -> None: ...
    def ledger_failed(self, ledger_id: str, fault: Exception) -> None: ...
    def charged_above(self, ledger_id: str, reserved: Decimal, charged: Decimal) -> None: ...
    def background_failed(self, work: str, fault: BaseException) -> None: ...
    def times_compared(self, off: timedelta) -> None: ...


def _nobody(*_told: object) -> None:
    """Nobody is told."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """Told of what the policies do, for metrics. Must not fail and must be quick.

    `waited`: a call had its turn after so many seconds; not told of a call that had it at once.
    `limited`: a call was refused for a limit, by whom ("gateway" or "provider").
    `retried`: a read is put once more. `tripped`: a breaker group, and its new state.
    `shared_failed`: the limits shared with other nodes could not be had; our own serve alone.
    """

    waited: Callable[[str, float], None] = _nobody
    limited: Callable[[str, str], None] = _nobody
    retried: Callable[[str], None] = _nobody
    tripped: Callable[[str, str], None] = _nobody
    shared_failed: Callable[[], None] = _nobody
