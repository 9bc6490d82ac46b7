"""The clock and timers."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Source of time: `now` is aware and in UTC, `monotonic` in seconds. Tests replace it."""

    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...


class Timers(Protocol):
    """Timers for callbacks; an asyncio event loop implements it."""

    def call_later(self, delay: float, callback: Callable[[], object], /) -> asyncio.TimerHandle:
        """Call back after `delay` seconds."""
        ...
