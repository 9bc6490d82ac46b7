"""An event loop that holds the time: what waits in it takes no time, and is told no other."""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, ParamSpec

P = ParamSpec("P")


class _Jumping(selectors.SelectSelector):
    """Where a loop would wait, its time jumps instead."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if not events:
            assert timeout is not None, "everybody waits, and nobody will come"
            self.seconds += timeout
        return events


class HeldLoop(asyncio.SelectorEventLoop):
    """An event loop that holds the time: nothing in it waits really."""

    def __init__(self) -> None:
        self.held = _Jumping()
        super().__init__(self.held)

    def time(self) -> float:
        return self.held.seconds

    def lag(self, seconds: float) -> None:
        """Something keeps the loop busy."""
        self.held.seconds += seconds


def held(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a test in held time."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=HeldLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run


def loop() -> HeldLoop:
    running = asyncio.get_running_loop()
    assert isinstance(running, HeldLoop)
    return running


class LoopClock:
    """The time of the loop as the core's clock."""

    def monotonic(self) -> float:
        return loop().time()

    def now(self) -> datetime:
        return datetime(2025, 7, 6, tzinfo=UTC) + timedelta(seconds=self.monotonic())
