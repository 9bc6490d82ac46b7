"""An event loop that holds the time: what waits in it takes no time, and is told no other."""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, ParamSpec, TypeVar, TypeVarTuple, Unpack

P = ParamSpec("P")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")
_HANGS = 60.0  # seconds, real ones


class _Jumping(selectors.DefaultSelector):
    """Where a loop would wait, its time jumps instead, unless something real is waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self.awaited = 0
        self.echo = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if events or timeout == 0:
            return events
        if self.awaited:
            events = super().select(_HANGS)
            assert events, "what is waited for really does not come"
        elif self.echo:
            events, self.echo = super().select(self.echo), 0.0
        if not events and not self.awaited:
            assert timeout is not None, "everybody waits, and nobody will come"
            self.seconds += timeout
        return events


class HeldLoop(asyncio.SelectorEventLoop):
    """An event loop that holds the time: nothing in it waits really."""

    def __init__(self) -> None:
        self.held = _Jumping()
        super().__init__(self.held)
        # Of weeks of seconds a float does not hold the nanoseconds that the loop reckons with.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self.held.seconds

    def lag(self, seconds: float) -> None:
        """Something keeps the loop busy."""
        self.held.seconds += seconds

    @contextmanager
    def awaiting(self) -> Iterator[None]:
        """Time stands still in the block, which waits for something outside: a database, say."""
        self.held.awaited += 1
        try:
            yield
        finally:
            self.held.awaited -= 1

    def hear_echo(self, seconds: float) -> None:
        """Wait really, for so long at most, before the next jump: something comes by itself."""
        self.held.echo = seconds

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        running = super().run_in_executor(executor, func, *args)
        self.held.awaited += 1
        running.add_done_callback(self._came)
        return running

    async def shutdown_default_executor(self) -> None:
        with self.awaiting():
            await super().shutdown_default_executor()

    def _came(self, _: asyncio.Future[Any]) -> None:
        self.held.awaited -= 1


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
