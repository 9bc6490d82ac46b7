"""Rentals, those who wait for them, nodes and faults come and go at random, in held time."""

import asyncio
import random
from collections import Counter
from datetime import timedelta
from typing import Any, cast

import pytest

from gateway.core.codes.poller import CodePoller
from gateway.core.model.errors import LedgerUnavailable, RateLimited, RentalNotFound
from gateway.core.model.provider_errors import UpstreamAuthFailed, UpstreamError
from gateway.core.model.rentals import RentalStatus
from tests.core.codes.test_following import CLOCK, Answer, World, rental
from tests.support.held_time import held, loop

FAULTS = (
    RateLimited(retry_after=3.0),
    UpstreamAuthFailed(),
    UpstreamError(),
    RentalNotFound(),
    LedgerUnavailable(),
)
HOUR = timedelta(hours=1)
SETTLED = 400.0  # seconds: longer than any pause after a fault


class Chance:
    """What happens at random, by a seed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.calm = False
        self.ended: set[int] = set()

    def says(self, number: int, at: float) -> Answer:
        if number in self.ended:
            return rental(number, status=RentalStatus.EXPIRED)
        if not self.calm and self.rng.random() < 0.3:
            # None: an answer that nobody has foreseen.
            return self.rng.choice((*FAULTS, cast(Any, None)))
        return rental(number)


class UnreliableWorld(World):
    """A world whose leases go to another node now and then, or cannot be had."""

    chance: Chance

    async def take(self, name: str, seconds: float) -> bool:
        await asyncio.sleep(self.chance.rng.choice((0.0, 0.0, 0.5)))
        if self.chance.calm:
            return True
        if self.chance.rng.random() < 0.1:
            raise LedgerUnavailable
        return self.chance.rng.random() < 0.8

    async def give_back(self, name: str) -> None: ...


def check(poller: CodePoller) -> None:
    """Each target that is wanted is polled now, or in just one queue, whose task runs."""
    for schedule in poller._schedules.values():
        valid = Counter(
            target
            for queue in schedule.queues.values()
            for _, entry, target in queue.entries
            if target.entry == entry
        )
        assert max(valid.values(), default=1) == 1
        for target in schedule.targets.values():
            assert (valid[target] == 1) is (target.entry != 0)
            assert target.priority is not None
        for queue in schedule.queues.values():
            of_it = [
                target for target in schedule.targets.values() if target.priority is queue.priority
            ]
            assert queue.size == len(of_it)
            assert queue.running or not of_it
            assert len(queue.entries) < 40 * (len(of_it) + 10)


def step(chance: Chance, world: World, poller: CodePoller, joined: list[Any]) -> None:
    """Something happens."""
    rng = chance.rng
    number = rng.randint(1, 12)
    upstream = world.upstream()
    known = rental(number, age=rng.choice((0.0, 100.0, 4000.0)))
    match rng.randint(0, 8):
        case 0 | 1 | 2:
            world.rentals = [each for each in world.rentals if each.id != number]
            if number not in chance.ended and rng.random() < 0.7:
                world.rentals.append(known)
            else:
                chance.ended.add(number)
        case 3:
            joined.append((poller.leave, poller.join(upstream, known)))
        case 4:
            joined.append((poller.unlisten, poller.listen(upstream, known)))
        case 5 | 6 if joined:
            leave, target = joined.pop(rng.randrange(len(joined)))
            leave(target)
        case 7:
            poller.keep_polling(upstream, known)
        case _:
            poller.hasten("account", number)


@pytest.mark.parametrize("seed", range(10))
def test_nothing_is_lost_or_left_behind_whatever_happens(seed: int) -> None:
    @held
    async def run() -> None:
        chance = Chance(seed)
        world = UnreliableWorld(chance.says, [], seconds_each=0.05)
        world.chance = chance
        following, poller = await world.follow(1.0)
        joined: list[Any] = []
        for _ in range(400):
            step(chance, world, poller, joined)
            await asyncio.sleep(chance.rng.choice((0.0, 0.01, 0.3, 3.0)))
            check(poller)
        chance.calm = True
        await asyncio.sleep(SETTLED)
        await all_is_read(world, poller, joined)
        for leave, target in joined:
            leave(target)
        world.rentals.clear()
        await asyncio.sleep(SETTLED)
        tasks = [task for task in asyncio.all_tasks() if "CodePoller" in repr(task)]

        assert poller._schedules == {}
        assert world.notifier._waited == {}
        assert tasks == []
        await following.close()
        await poller.close()

    run()


async def all_is_read(world: World, poller: CodePoller, joined: list[Any]) -> None:
    """Whatever is wanted is read in time, and nothing more often than it should be."""
    begun = loop().time()
    wanted = {
        target.rental_id: target.waiters + target.listeners
        for schedule in poller._schedules.values()
        for target in schedule.targets.values()
    }
    await asyncio.sleep(61.0)
    counts = Counter(read.rental for read in world.reads if read.at > begun)
    long_ago = CLOCK.now() - HOUR
    ended = {each.id for each in world.rentals if (each.created_at or long_ago) <= long_ago}
    alive = {each.id for each in world.rentals}
    assert alive <= set(wanted)
    for number, asking in wanted.items():
        assert counts[number] <= (61 if asking else 3)
        assert counts[number] >= (0 if number in ended and not asking else 1), number
