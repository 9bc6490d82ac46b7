"""The schedule of an account's polled rentals: which ones, and when each is due."""

import asyncio
import heapq
from contextlib import suppress
from dataclasses import dataclass, field

from gateway.core.upstream.account import AccountUpstream

# (age, interval) in seconds: most codes arrive within the first minutes.
_INTERVALS = ((120.0, 1.0), (300.0, 2.0), (900.0, 4.0))
_LONGEST_INTERVAL = 10.0
# While webhooks arrive, polling only covers lost ones and leaves the limit to other calls.
_WEBHOOK_INTERVAL = 20.0
_WEBHOOK_SHARE = 0.125  # of the rate limit, at most


@dataclass(eq=False, slots=True)
class PollTarget:
    """One polled rental. Times are monotonic seconds."""

    upstream: AccountUpstream
    rental_id: int
    since: float  # when it was rented
    due: float
    waiters: int = 0
    linger_until: float = 0.0
    over: bool = False
    leased: bool = False  # this node holds the lease
    answered: bool | None = None  # whether the last poll succeeded; None before the first
    hinted: bool = False  # a webhook reported a code that no poll has confirmed yet

    @property
    def account_id(self) -> str:
        """The id of the rental's account."""
        return self.upstream.account_id

    @property
    def lease(self) -> str:
        """The name of its lease; only the node that holds it polls."""
        return f"watch:{self.account_id}:{self.rental_id}"

    def wanted(self, now: float) -> bool:
        """Whether it has waiters, or had one a moment ago that is expected to call again."""
        return self.waiters > 0 or now < self.linger_until

    def __lt__(self, other: "PollTarget") -> bool:
        return self.due < other.due


@dataclass(eq=False, slots=True)
class PollSchedule:
    """The targets of one account, as a heap by due time, and the task that polls them.

    `per_second` is the provider's limit of status calls for the account.
    """

    per_second: float
    slots: asyncio.Semaphore  # bounds the concurrent polls
    targets: dict[int, PollTarget] = field(default_factory=dict)
    queue: list[PollTarget] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    webhooks_until: float = 0.0  # monotonic; until then webhooks are assumed to work

    @property
    def running(self) -> bool:
        """Whether its task is running."""
        return self.task is not None and not self.task.done()

    def add(self, target: PollTarget) -> None:
        """Add a rental to poll."""
        self.targets[target.rental_id] = target
        heapq.heappush(self.queue, target)
        self.changed.set()

    def hasten(self, rental_id: int, due: float) -> None:
        """Poll a rental reported by a webhook at `due` at the latest."""
        target = self.targets.get(rental_id)
        if target is None:
            return
        target.hinted = True
        if target.due > due and target in self.queue:
            target.due = due
            heapq.heapify(self.queue)
            self.changed.set()

    def interval(self, target: PollTarget, now: float) -> float:
        """Seconds until the next poll of a rental."""
        if now < self.webhooks_until and not target.hinted:
            return max(_WEBHOOK_INTERVAL, len(self.targets) / (self.per_second * _WEBHOOK_SHARE))
        age = now - target.since
        return next((pause for until, pause in _INTERVALS if age < until), _LONGEST_INTERVAL)

    async def wait_for_change(self, seconds: float) -> None:
        """Wait until the schedule changes, at most `seconds`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.changed.wait()
