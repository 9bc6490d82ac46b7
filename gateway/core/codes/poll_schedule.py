"""Which rentals of an account are polled, and when each is due."""

import asyncio
import heapq
from contextlib import suppress
from dataclasses import dataclass, field

from gateway.core.upstream.account import AccountUpstream

# Most codes come in the first minutes: seconds between two polls, up to this age in seconds.
_INTERVALS = ((120.0, 1.0), (300.0, 2.0), (900.0, 4.0))
_LONGEST_INTERVAL = 10.0
# Where webhooks tell of codes, polling is only for those they miss, and leaves the limit to others.
_WEBHOOK_INTERVAL = 20.0
_WEBHOOK_SHARE = 0.125  # of the limit, at the most


@dataclass(eq=False, slots=True)
class PollTarget:
    """One rental that is polled. Times are of the monotonic clock, in seconds."""

    upstream: AccountUpstream
    rental_id: int
    since: float  # when it was rented
    due: float
    waiters: int = 0
    linger_until: float = 0.0
    over: bool = False
    leased: bool = False  # by this node
    answered: bool | None = None  # whether the last poll was; None before the first
    hinted: bool = False  # a webhook has told of a code that no poll has confirmed yet

    @property
    def account_id(self) -> str:
        """Whose rental it is."""
        return self.upstream.account_id

    @property
    def lease(self) -> str:
        """The name of the lease whose holder polls it."""
        return f"watch:{self.account_id}:{self.rental_id}"

    def wanted(self, now: float) -> bool:
        """Whether somebody waits, or was told a moment ago to ask again."""
        return self.waiters > 0 or now < self.linger_until

    def __lt__(self, other: "PollTarget") -> bool:
        return self.due < other.due


@dataclass(eq=False, slots=True)
class PollSchedule:
    """The targets of one account, soonest first, and the task that polls them.

    `per_second` is how many status calls a second the provider allows the account.
    """

    per_second: float
    slots: asyncio.Semaphore  # bounds the polls under way
    targets: dict[int, PollTarget] = field(default_factory=dict)
    queue: list[PollTarget] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    webhooks_until: float = 0.0  # until when webhooks of this account are taken to work

    @property
    def running(self) -> bool:
        """Whether its task polls."""
        return self.task is not None and not self.task.done()

    def add(self, target: PollTarget) -> None:
        """Poll a rental from now on."""
        self.targets[target.rental_id] = target
        heapq.heappush(self.queue, target)
        self.changed.set()

    def hasten(self, rental_id: int, due: float) -> None:
        """Poll a rental of which a webhook has told no later than this."""
        target = self.targets.get(rental_id)
        if target is None:
            return
        target.hinted = True
        if target.due > due and target in self.queue:
            target.due = due
            heapq.heapify(self.queue)
            self.changed.set()

    def interval(self, target: PollTarget, now: float) -> float:
        """Seconds from one poll of a rental to the next."""
        if now < self.webhooks_until and not target.hinted:
            return max(_WEBHOOK_INTERVAL, len(self.targets) / (self.per_second * _WEBHOOK_SHARE))
        age = now - target.since
        return next((pause for until, pause in _INTERVALS if age < until), _LONGEST_INTERVAL)

    async def wait_for_change(self, seconds: float) -> None:
        """Until something changes, or so many seconds have passed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.changed.wait()
