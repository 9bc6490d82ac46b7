"""Ends what is held open with a gateway key once that key has ended, on every node."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import NamedTuple

from gateway.core.auth.authentication import Callers
from gateway.core.model.callers import Caller
from gateway.core.model.errors import LedgerUnavailable, Unauthorized
from gateway.core.ports.clock import Clock
from gateway.core.ports.observer import Observer, surviving
from gateway.core.ports.storage import Keys

_LOOK_EVERY = 0.25  # seconds
_UNHELD = nullcontext()

End = Callable[[Unauthorized], None]
"""Ends what is held open, for that reason. It must not raise, and is called once."""


class KeyWatch:
    """Looks several times a second whether any key has changed, while something is held open.

    It costs one small read for all that is held. What is held with a key that has ended, or that
    sees other rentals than before, is ended.
    """

    def __init__(
        self,
        callers: Callers,
        keys: Keys,
        clock: Clock,
        observer: Observer,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._callers = callers
        self._keys = keys
        self._clock = clock
        self._observer = observer
        self._sleep = sleep
        self._places = _Places()
        self._version: str | None = None

    def hold(self, caller: Caller, end: End, *, any_secret: bool = False) -> Callable[[], None]:
        """Have `end` called when the caller's key ends; returns what lets go.

        `any_secret`: what the key has at any time will do, not only the one that was sent. A
        provider's own key does not end here.
        """
        if caller.hashed is None:
            return _nothing
        return partial(
            self._places.leave, self._places.join(caller, end, any_secret=any_secret), end
        )

    def holding(self, caller: Caller) -> AbstractContextManager[None]:
        """Cancel a block once the caller's key ends, and raise Unauthorized in its place."""
        return _UNHELD if caller.hashed is None else _Holding(self._places, caller)

    async def run(self) -> None:
        """Watch until cancelled. Failures are reported, and looked past."""
        while True:
            if not self._places.held:
                self._places.any.clear()
                self._version = None  # what changes meanwhile concerns nobody
                await self._places.any.wait()
            with surviving(self._observer, "keys"):
                await self._look()
            await self._sleep(_LOOK_EVERY)

    async def _look(self) -> None:
        version = await self._keys.version()
        changed, now = version != self._version, self._clock.now()
        for held in list(self._places.held.values()):
            if changed or not held.checked or held.is_over(now):
                await self._check(held)
        self._version = version

    async def _check(self, held: "_Held") -> None:
        """End what is held where its key has ended, or sees other rentals than before."""
        holder = held.holder
        held.checked = True
        try:
            caller = await self._now(holder)
            why = Unauthorized("This key may not see the same any more.")
        except Unauthorized as refused:
            caller, why = None, refused
        except LedgerUnavailable:
            held.checked = False
            raise
        except Exception as fault:  # the others must be looked at all the same
            self._observer.background_failed("keys", fault)
            return
        if caller is not None and caller.sees_account == holder.caller.sees_account:
            held.ends_at = caller.ends_at
            return
        for end in self._places.cleared(held):
            end(copy(why))

    async def _now(self, holder: "_Holder") -> Caller:
        if holder.any_secret:
            return await self._callers.of_caller(holder.caller.id)
        return await self._callers.recheck(holder.caller, anew=True)


class _Holding(AbstractContextManager[None]):
    """A block of a task, and what ends it. Thousands are held at once, so it is small."""

    __slots__ = ("_caller", "_held", "_places", "_task", "_why")

    def __init__(self, places: "_Places", caller: Caller) -> None:
        self._places = places
        self._caller = caller
        self._why: Unauthorized | None = None

    def __enter__(self) -> None:
        self._task = asyncio.current_task()
        self._held = self._places.join(self._caller, self, any_secret=False)

    def __call__(self, why: Unauthorized) -> None:
        assert self._task is not None  # noqa: S101 - it is entered within one
        self._why = why
        self._task.cancel()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._places.leave(self._held, self)
        if self._why is None or kind is None or not issubclass(kind, asyncio.CancelledError):
            return
        if self._task is not None and self._task.uncancel() == 0:
            raise self._why from None


class _Holder(NamedTuple):
    """Who holds something open."""

    caller: Caller
    any_secret: bool


@dataclass(eq=False, slots=True)
class _Held:
    """What one holds open. `checked`: whether it was looked at since something was added."""

    holder: _Holder
    ends_at: datetime | None
    ends: set[End] = field(default_factory=set)
    checked: bool = False

    def is_over(self, now: datetime) -> bool:
        """Whether it has to be looked at again, though no key has changed."""
        return self.ends_at is not None and self.ends_at <= now


class _Places:
    """What is held, by who holds it. `any`: set while there is something."""

    def __init__(self) -> None:
        self.held: dict[_Holder, _Held] = {}
        self.any = asyncio.Event()

    def join(self, caller: Caller, end: End, *, any_secret: bool) -> _Held:
        holder = _Holder(caller, any_secret)
        held = self.held.setdefault(holder, _Held(holder, caller.ends_at))
        held.ends.add(end)
        held.checked = False  # the caller may be of a moment ago, before the last look
        self.any.set()
        return held

    def leave(self, held: _Held, end: End) -> None:
        held.ends.discard(end)
        if not held.ends and self.held.get(held.holder) is held:
            del self.held[held.holder]

    def cleared(self, held: _Held) -> list[End]:
        """What ends all that is held there, which is then forgotten."""
        if self.held.get(held.holder) is held:
            del self.held[held.holder]
        return list(held.ends)


def _nothing() -> None:
    """Nothing is held."""
