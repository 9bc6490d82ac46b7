"""How often a rental is looked at, in held time: by its age, for whom, and by the limit."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, cast

import pytest

from gateway.core.codes.poll_schedule import PollTarget
from gateway.core.codes.poller import CodePoller
from gateway.core.model.rentals import Rental
from gateway.core.rentals.notifier import Notifier
from gateway.core.rentals.status_reads import StatusReads
from gateway.core.upstream.account import AccountUpstream
from gateway.core.upstream.calls import RENTAL_STATUS
from gateway.core.upstream.rate_limiter import RateLimiter, RateLimits
from tests.core.codes.test_following import CLOCK, rental
from tests.support.held_time import held, loop

FRESH = 60.0  # seconds that an answer is shared


@dataclass
class World:
    """A provider that tells no code, behind its limit, and a store that grants every lease."""

    per_second: float
    looks: dict[int, list[float]] = field(default_factory=dict)
    leases: list[tuple[float, float]] = field(default_factory=list)  # from and until
    ledger_away: bool = False

    def __post_init__(self) -> None:
        limits = RateLimits({RENTAL_STATUS.bucket: self.per_second}, margin_seconds=0.1)
        self._limiter = RateLimiter(CLOCK, loop(), limits)

    # As Pipeline.
    async def ask(
        self, account_id: str, call: Any, question: Callable[[], Any], **terms: Any
    ) -> Rental:
        await self._limiter.permit(account_id, call, terms["priority"], deadline_seconds=60.0)
        await terms["before_sending"]()
        return cast(Rental, await question())

    # As Provider.
    async def call(self, call: object, asked: int) -> Rental:
        self.looks.setdefault(asked, []).append(loop().time())
        return rental(asked)

    # As RentalRepository.
    async def known(self, account_id: str, rental_id: int) -> None: ...

    async def record(self, account_id: str, reported: Rental) -> Rental:
        return reported

    # As Leases.
    async def take(self, name: str, seconds: float) -> bool:
        self.leases.append((loop().time(), loop().time() + seconds))
        return True

    async def give_back(self, name: str) -> None: ...

    async def poll(
        self,
        seconds: float,
        rentals: int = 1,
        age: float = 0.0,
        want: Callable[[CodePoller, AccountUpstream, Rental], PollTarget] = CodePoller.join,
    ) -> None:
        """Poll so many rentals for so long, as `want` registers them."""
        fake = cast(Any, self)
        reads = StatusReads(fake, CLOCK, fresh=FRESH)
        poller = CodePoller(reads, fake, Notifier(), fake, fake, CLOCK, per_second=self.per_second)
        upstream = AccountUpstream("account", fake, fake)
        for number in range(1, rentals + 1):
            want(poller, upstream, rental(number, age=age))
        await pause(seconds)
        await poller.close()

    @property
    def gaps(self) -> set[float]:
        """The seconds between the looks at each rental."""
        times = self.looks.values()
        return {round(later - sooner, 3) for each in times for sooner, later in pairwise(each)}


async def pause(seconds: float) -> None:
    done = loop().create_future()
    loop().call_later(seconds, done.set_result, None)
    await done


@pytest.mark.parametrize(("rentals", "gap"), [(1, 0.25), (12, 0.25), (25, 0.5), (50, 1), (90, 1)])
def test_where_the_limit_allows_it_a_young_rental_that_is_waited_for_is_looked_at_often(
    rentals: int, gap: float
) -> None:
    @held
    async def run() -> None:
        world = World(200.0)
        await world.poll(20.0, rentals)

        assert len(world.looks) == rentals
        assert world.gaps
        # However long an answer serves others; the limit takes no more than twenty at one time.
        assert all(abs(each - gap) < 0.12 for each in world.gaps), world.gaps

    run()


@pytest.mark.parametrize("rentals", [1, 2, 10])
def test_at_one_call_a_second_each_is_looked_at_in_turn(rentals: int) -> None:
    @held
    async def run() -> None:
        world = World(1.0)
        await world.poll(60.0, rentals)
        counts = [len(each) for each in world.looks.values()]

        assert world.gaps == {round(1.1 * rentals, 3)}
        assert sum(counts) == 55  # one each 1.1 s
        assert len(counts) == rentals

    run()


@held
async def test_a_rental_that_is_not_young_is_looked_at_at_the_pace_of_its_age() -> None:
    world = World(200.0)
    await world.poll(200.0, age=110.0)
    gaps = [round(later - sooner, 3) for sooner, later in pairwise(world.looks[1])]

    assert gaps == [0.25] * 40 + [2.0] * 90 + [4.0] * 2


@held
async def test_a_rental_that_is_only_listened_to_is_looked_at_once_a_second() -> None:
    world = World(200.0)
    await world.poll(20.0, want=CodePoller.listen)

    assert world.gaps == {1.0}


@pytest.mark.parametrize(("per_second", "age"), [(200.0, 0.0), (1.0, 0.0), (1.0, 4000.0)])
def test_a_lease_holds_at_every_look_and_is_not_taken_for_each(
    per_second: float, age: float
) -> None:
    @held
    async def run() -> None:
        world = World(per_second)
        await world.poll(60.0, age=age)
        looks = world.looks[1]

        for look, following in pairwise(looks):
            taken = [until for since, until in world.leases if since <= look]
            assert taken[-1] >= following + 2.0
        assert len(world.leases) <= min(len(looks), 25)

    run()
