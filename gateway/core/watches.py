"""What the watcher keeps of the rentals that somebody waits for."""

import asyncio
from dataclasses import dataclass, field

from gateway.core.desk import Desk


@dataclass(eq=False, slots=True)
class Watch:
    """One rental that somebody waits for."""

    desk: Desk
    rental_id: int
    since: float
    due: float
    waiters: int = 0
    linger_until: float = 0.0
    over: bool = False

    @property
    def account_id(self) -> str:
        """Whose rental it is."""
        return self.desk.caller.account.id

    def wanted(self, now: float) -> bool:
        """Whether somebody waits, or was told to ask again a moment ago."""
        return self.waiters > 0 or now < self.linger_until

    def __lt__(self, other: "Watch") -> bool:
        return self.due < other.due


@dataclass(eq=False, slots=True)
class Round:
    """The watches of one account, and the task that goes through them."""

    watches: dict[int, Watch] = field(default_factory=dict)
    queue: list[Watch] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    places: asyncio.Semaphore = field(default_factory=asyncio.Semaphore)
    task: asyncio.Task[None] | None = None
    told_until: float = 0.0  # webhooks of this account work
