"""Waiting for messages of long rentals; all who wait for those of one share its reads."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Literal

from cachetools import LRUCache

from gateway.core.model.errors import GatewayError
from gateway.core.model.long_rentals import Message
from gateway.core.ports.clock import Clock
from gateway.core.rentals.notifier import Notifier

READ_EVERY = 5.0  # seconds
_WATCHED = 1000

Key = tuple[str, int]
Read = Callable[[], Awaitable[list[Message]]]


class _Watched:
    """The last read of a long rental's messages, and the one under way."""

    __slots__ = ("due", "fault", "messages", "reading")

    def __init__(self) -> None:
        self.due = 0.0  # when they may be read again, in monotonic seconds
        self.messages: list[Message] | None = None
        self.fault: GatewayError | None = None
        self.reading: asyncio.Task[None] | None = None


class MessageWaiter:
    """Waits for messages by reads that are seconds apart, however many wait."""

    def __init__(self, notifier: Notifier, clock: Clock) -> None:
        """`notifier` tells when the gateway shuts down."""
        self._notifier = notifier
        self._clock = clock
        self._watched: LRUCache[Key, _Watched] = LRUCache(_WATCHED)

    async def wait(
        self, key: Key, read: Read, seconds: float, after: datetime | None
    ) -> list[Message]:
        """The messages after `after`: as soon as there is one, after `seconds`, or at shutdown.

        `read` reads all messages of `key`, an account's long rental. Raises permanent errors, and
        the last one where no read succeeded: that there are none is known from a read.
        """
        watched: _Watched = self._watched.setdefault(key, _Watched())
        until = self._clock.monotonic() + seconds
        closed = asyncio.ensure_future(self._notifier.closed.wait())
        first: list[Message] | None = None
        last: list[Message] | None = None
        try:
            while True:
                await self._refresh(watched, read, until if last is not None else None, closed)
                if watched.messages is not None:
                    last = watched.messages
                    if _has_news(last, after, first):
                        break
                    first = last if first is None else first
                elif watched.fault is not None and not watched.fault.retryable:
                    raise watched.fault
                now = self._clock.monotonic()
                if now >= until or closed.done():
                    break
                await asyncio.wait({closed}, timeout=max(0.0, min(until, watched.due) - now))
        finally:
            closed.cancel()
        if last is None and watched.fault is not None:
            raise watched.fault
        return later(last or [], after, first)

    async def _refresh(
        self,
        watched: _Watched,
        read: Read,
        until: float | None,
        closed: asyncio.Task[Literal[True]],
    ) -> None:
        """Read the messages, unless they have just been read; joins a read under way.

        `until` None: the read is waited for to its end.
        """
        now = self._clock.monotonic()
        reading = watched.reading
        if reading is None:
            if now < watched.due:
                return
            reading = watched.reading = asyncio.create_task(self._read(watched, read))
            reading.add_done_callback(lambda done: done.cancelled() or done.exception())
        if until is None:
            await asyncio.shield(reading)
            return
        either: set[asyncio.Task[Any]] = {reading, closed}
        left = max(0.0, until - now)
        await asyncio.wait(either, timeout=left, return_when=asyncio.FIRST_COMPLETED)

    async def _read(self, watched: _Watched, read: Read) -> None:
        """To its end also where nobody waits any more: the next caller has its answer."""
        watched.due = self._clock.monotonic() + READ_EVERY
        try:
            watched.messages, watched.fault = await read(), None
        except GatewayError as fault:
            watched.messages, watched.fault = None, fault
            watched.due = max(watched.due, self._clock.monotonic() + (fault.retry_after or 0.0))
        finally:
            watched.reading = None


def later(
    messages: Sequence[Message], after: datetime | None, known: Sequence[Message] | None = None
) -> list[Message]:
    """The messages that came after `after`, as they are told; and those without a time.

    And those of just that time that are not `known`: the provider tells whole seconds.
    """
    if after is None:
        return list(messages)
    return [
        each
        for each in messages
        if each.received_at is None
        or (told := _told(each.received_at)) > after
        or (told == after and known is not None and each not in known)
    ]


def _told(moment: datetime) -> datetime:
    """The time as results tell it, to the millisecond."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _has_news(
    messages: Sequence[Message], after: datetime | None, first: Sequence[Message] | None
) -> bool:
    """Whether there is one that is new; one without a time is where the first read had it not."""
    if after is None:
        return bool(messages)
    return any(
        each.received_at is not None or (first is not None and each not in first)
        for each in later(messages, after, first)
    )
