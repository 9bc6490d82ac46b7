"""What the watcher keeps of the rentals that somebody waits for."""

import asyncio
import heapq
from contextlib import suppress
from dataclasses import dataclass, field

from gateway.core.operations.context import Context


@dataclass(eq=False, slots=True)
class PollTarget:
    """One rental that somebody waits for."""

    context: Context
    rental_id: int
    since: float
    due: float
    waiters: int = 0
    linger_until: float = 0.0
    over: bool = False
    leased: bool = False  # by this node
    heard: bool | None = None  # whether the last look was answered; None before the first
    hinted: bool = False  # a webhook has told of a code that no look has confirmed yet

    @property
    def account_id(self) -> str:
        """Whose rental it is."""
        return self.context.caller.account.id

    @property
    def lease(self) -> str:
        """What the lease of looking at it is named."""
        return f"watch:{self.account_id}:{self.rental_id}"

    def wanted(self, now: float) -> bool:
        """Whether somebody waits, or was told to ask again a moment ago."""
        return self.waiters > 0 or now < self.linger_until

    def __lt__(self, other: "PollTarget") -> bool:
        return self.due < other.due


@dataclass(eq=False, slots=True)
class PollSchedule:
    """The watches of one account, and the task that goes through them."""

    targets: dict[int, PollTarget] = field(default_factory=dict)
    queue: list[PollTarget] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    places: asyncio.Semaphore = field(default_factory=asyncio.Semaphore)
    task: asyncio.Task[None] | None = None
    told_until: float = 0.0  # webhooks of this account work

    def hasten(self, rental_id: int, due: float) -> None:
        """Look at a rental of which a webhook has told no later than this."""
        target = self.targets.get(rental_id)
        if target is None:
            return
        target.hinted = True
        if target.due > due and target in self.queue:
            target.due = due
            heapq.heapify(self.queue)
            self.news.set()

    async def something_new(self, seconds: float) -> None:
        """Until there is news, or so many seconds have passed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.news.wait()
