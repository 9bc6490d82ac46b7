"""Ends what is held open with a gateway key once that key has ended, on every node."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import NamedTuple

from gateway.core.auth.authentication import Callers
from gateway.core.model.callers import Caller
from gateway.core.model.errors import GatewayError, LedgerUnavailable, Unauthorized
from gateway.core.ports.clock import Clock
from gateway.core.ports.observer import Observer
from gateway.core.ports.storage import Keys

_LOOK_EVERY = 0.25  # seconds

End = Callable[[], None]
"""Ends what is held open. It must not raise, and may be called once."""


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
        self._held: dict[_Holder, set[End]] = {}
        self._any = asyncio.Event()
        self._version: str | None = None

    def hold(self, caller: Caller, end: End, *, any_secret: bool = False) -> Callable[[], None]:
        """Have `end` called when the caller's key ends; returns what lets go.

        `any_secret`: what the key has at any time will do, not only the one that was sent. A
        provider's own key does not end here.
        """
        if caller.hashed is None:
            return _nothing
        holder = _Holder(caller, any_secret)
        self._held.setdefault(holder, set()).add(end)
        self._any.set()

        def leave() -> None:
            ends = self._held.get(holder, set())
            ends.discard(end)
            if not ends:
                self._held.pop(holder, None)

        return leave

    async def run(self) -> None:
        """Watch until cancelled. Failures are reported, and looked past."""
        while True:
            if not self._held:
                self._any.clear()
                self._version = None  # what changes meanwhile concerns nobody
                await self._any.wait()
            try:
                await self._look()
            except LedgerUnavailable:
                pass  # the outage is reported once, for all; nobody can change a key meanwhile
            except Exception as fault:
                self._observer.background_failed("keys", fault)
            await self._sleep(_LOOK_EVERY)

    async def _look(self) -> None:
        version = await self._keys.version()
        changed = version != self._version
        now = self._clock.now()
        for holder in [each for each in self._held if changed or each.is_over(now)]:
            if not await self._stands(holder):
                for end in self._held.pop(holder, set()):
                    end()
        self._version = version

    async def _stands(self, holder: "_Holder") -> bool:
        caller = holder.caller
        try:
            if holder.any_secret:
                now = await self._callers.of_caller(caller.id)
            else:
                now = await self._callers.recheck(caller, anew=True)
        except Unauthorized:
            return False
        except LedgerUnavailable:
            raise
        except GatewayError:  # the server has lost its own key, say
            return True
        return now.sees_account == caller.sees_account


class _Holder(NamedTuple):
    """Who holds something open."""

    caller: Caller
    any_secret: bool

    def is_over(self, now: datetime) -> bool:
        """Whether it has to be looked at again, though no key has changed."""
        ends_at = self.caller.ends_at
        return ends_at is not None and ends_at <= now


def _nothing() -> None:
    """Nothing is held."""
