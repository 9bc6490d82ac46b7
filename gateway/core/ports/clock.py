"""The time, and how to be called later."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The time, so that tests can hold it."""

    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...


class Timers(Protocol):
    """How to be called later; an event loop is one."""

    def call_later(self, delay: float, callback: Callable[[], object], /) -> asyncio.TimerHandle:
        """Call back after so many seconds."""
        ...
