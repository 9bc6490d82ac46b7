"""Slow rounds, in held time: when a rental that nobody waits for is read, and when it is over."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, cast

import pytest

from gateway.core.codes.following import Following
from gateway.core.codes.poller import CodePoller
from gateway.core.model.errors import GatewayError, RentalNotFound
from gateway.core.model.provider_errors import UpstreamAuthFailed, UpstreamUnavailable
from gateway.core.model.rentals import Rental, RentalStatus
from gateway.core.model.upstream_call import Priority
from gateway.core.model.values import new_ledger_id
from gateway.core.prices.cache import PriceCache
from gateway.core.rentals.notifier import Notifier
from gateway.core.upstream.account import AccountUpstream
from tests.support.core import RecordingObserver, price
from tests.support.held_time import LoopClock, held, loop

CLOCK = LoopClock()
TTL = 20  # minutes
DAY = 86_400.0
Answer = Rental | GatewayError


@dataclass
class Read:
    """A status read: when, of which rental, and for whom."""

    at: float
    rental: int
    priority: Priority


@dataclass
class World:
    """A provider that answers as `says`, one call at a time and a second, and a ledger."""

    says: Callable[[int, float], Answer]
    rentals: list[Rental]
    seconds_each: float = 0.0
    per_second: float = 1.0  # the limit of the account
    reads: list[Read] = field(default_factory=list)
    given_up: list[tuple[int, float]] = field(default_factory=list)
    leases: dict[str, str] = field(default_factory=dict)
    observer: RecordingObserver = field(default_factory=RecordingObserver)
    notifier: Notifier = field(default_factory=Notifier)
    ledger_away: bool = False
    lease_takes: float = 0.0
    unreadable: Sequence[str] = ()  # accounts

    def __post_init__(self) -> None:
        self._turn = asyncio.Lock()

    # As StatusReads.
    async def status(
        self,
        upstream: object,
        rental_id: int,
        priority: Priority,
        deadline: float | None,
        max_age: float,
    ) -> Rental:
        async with self._turn:
            await asyncio.sleep(self.seconds_each)
            self.reads.append(Read(loop().time(), rental_id, priority))
            said = self.says(rental_id, loop().time())
        if isinstance(said, GatewayError):
            raise said
        if said.status is RentalStatus.EXPIRED:
            self.rentals = [each for each in self.rentals if each.id != rental_id]
        return said

    def hasten(self, upstream: object, rental_id: int, priority: Priority) -> None: ...

    # As RentalRepository.
    async def give_up(self, account_id: str, rental_id: int) -> None:
        self.given_up.append((rental_id, loop().time()))
        self.rentals = [each for each in self.rentals if each.id != rental_id]

    # As Ledger.
    async def accounts_with_unended(self) -> Sequence[str]:
        return [*self.unreadable, *(["account"] if self.rentals else [])]

    async def unended(self, account_id: str) -> Sequence[Rental]:
        if account_id in self.unreadable:
            raise ValueError(account_id)
        return list(self.rentals)

    # As Leases.
    async def take(self, name: str, seconds: float) -> bool:
        await asyncio.sleep(self.lease_takes)
        return self.leases.setdefault(name, "mine") == "mine"

    async def give_back(self, name: str) -> None:
        del self.leases[name]

    # As Inbox: of no code a webhook has told.
    async def announced(self, account_id: str, rental_id: int, code: str) -> bool:
        return False

    async def plan(self, upstream: AccountUpstream, rentals: list[Rental]) -> None:
        """Nothing is given back."""

    def times(self, rental: int = 1) -> list[float]:
        return [round(read.at) for read in self.reads if read.rental == rental]

    def upstream(self, account: str = "account") -> AccountUpstream:
        return AccountUpstream(account, cast(Any, self), cast(Any, self))

    def poller(self) -> CodePoller:
        fake = cast(Any, self)
        return CodePoller(fake, fake, self.notifier, fake, fake, CLOCK, per_second=self.per_second)

    async def follow(self, seconds: float, key_at: float = 0.0) -> tuple[Following, CodePoller]:
        """Follow for so long; the account's key is seen at `key_at`."""
        fake = cast(Any, self)
        poller = self.poller()
        prices = PriceCache(CLOCK, self.observer)
        following = Following(
            fake,
            fake,
            poller,
            prices,
            fake,
            lambda account: self.upstream(account) if loop().time() >= key_at else None,
            cast(Any, self.observer),
        )
        loop().call_later(key_at, following.key_seen)
        following.start()
        await asyncio.sleep(seconds)
        return following, poller

    async def watch(self, seconds: float, key_at: float = 0.0) -> None:
        following, poller = await self.follow(seconds, key_at)
        await following.close()
        await poller.close()


def rental(number: int = 1, age: float = 0.0, **more: Any) -> Rental:
    """A rental of so many seconds ago, which ends after its service's twenty minutes."""
    at = CLOCK.now() - timedelta(seconds=age)
    usual: dict[str, Any] = {
        "id": number,
        "ledger_id": new_ledger_id(at),
        "status": RentalStatus.ACTIVE,
        "service_code": "whatsapp",
        "price": Decimal("0.55"),
        "created_at": at,
        "ends_at": at + timedelta(minutes=TTL),
    }
    return Rental(**{**usual, **more})


def active(number: int, at: float) -> Rental:
    return rental(number)


def expires_at(seconds: float) -> Callable[[int, float], Answer]:
    """A provider that says `expired` from then on."""

    def says(number: int, at: float) -> Answer:
        status = RentalStatus.EXPIRED if at >= seconds else RentalStatus.ACTIVE
        return rental(number, status=status)

    return says


@held
async def test_a_rental_is_read_every_half_minute_and_no_more_once_it_is_over() -> None:
    world = World(expires_at(100.0), [rental()])
    await world.watch(1000.0)

    assert world.times() == [30, 60, 90, 120]
    assert {read.priority for read in world.reads} == {Priority.FOLLOWED}
    assert not world.given_up


@held
async def test_it_is_read_just_after_its_end_by_the_provider_s_time_and_by_its_duration() -> None:
    made = rental(ends_at=CLOCK.now() + timedelta(seconds=132))
    world = World(active, [made])
    await world.watch(3620.0)

    assert 137 in world.times()  # five seconds after ends_at
    assert 3605 in world.times()  # and after an hour: no price list tells the duration


@held
async def test_after_the_end_the_rounds_back_off_and_after_a_day_it_is_given_up() -> None:
    hour = 3600.0  # nothing tells its duration: an hour is assumed
    world = World(active, [rental()])
    await world.watch(hour + DAY + hour)
    after = [at - hour for at in world.times() if at > hour + 5]
    gaps = [later - sooner for sooner, later in pairwise(after)]

    assert set(gaps[:9]) == {30}
    assert set(gaps[10:20]) == {300}
    assert set(gaps[-20:]) == {3600}
    ((number, at),) = world.given_up
    assert number == 1
    assert DAY <= at - hour <= DAY + hour
    assert world.times()[-1] == round(at)


@held
async def test_not_found_ends_a_rental_only_twice_and_surely_after_its_end() -> None:
    world = World(lambda number, at: RentalNotFound(), [rental()])
    await world.watch(8000.0)

    surely = 3600.0 + 300.0
    late = [at for at in world.times() if at >= surely]
    assert len([at for at in world.times() if at < surely]) > 100  # it is not ended by these
    assert len(late) == 2
    assert late[1] - late[0] >= 60
    ((number, at),) = world.given_up
    assert (number, round(at)) == (1, late[1])


@held
async def test_a_not_found_that_does_not_last_ends_nothing() -> None:
    def says(number: int, at: float) -> Answer:
        return RentalNotFound() if 3900 <= at < 3960 else rental(number)

    world = World(says, [rental()])
    await world.watch(20_000.0)

    assert not world.given_up


@held
async def test_a_provider_that_fails_is_asked_no_more_often_and_ends_nothing() -> None:
    world = World(lambda number, at: UpstreamUnavailable(), [rental()])
    await world.watch(3600.0 + DAY + 8000.0)

    assert world.times()[:3] == [30, 60, 90]
    assert not world.given_up


@held
async def test_an_end_that_fell_into_an_outage_is_read_soon_after_it() -> None:
    back = 10 * 3600.0 + 7.0
    ended = expires_at(0)
    world = World(
        lambda number, at: UpstreamUnavailable() if at < back else ended(number, at), [rental()]
    )
    await world.watch(back + 60.0)

    assert not world.rentals
    assert world.times()[-1] - back <= 30


@held
async def test_an_end_in_an_outage_is_read_soon_after_it_also_where_somebody_had_waited() -> None:
    back = 10 * 3600.0
    ended = expires_at(0)
    world = World(
        lambda number, at: UpstreamUnavailable() if at < back else ended(number, at), [rental()]
    )
    following, poller = await world.follow(back - 20.0)
    upstream = AccountUpstream("account", cast(Any, world), cast(Any, world))
    waited = poller.join(upstream, rental())
    await asyncio.sleep(15.0)
    poller.leave(waited)
    await asyncio.sleep(60.0)
    await following.close()
    await poller.close()

    assert not world.rentals
    assert world.times()[-1] - back <= 30


@held
async def test_an_end_that_nobody_looked_for_is_read_soon_however_late() -> None:
    """As where the process stood still meanwhile."""
    world = World(expires_at(30_000), [rental()])
    following, poller = await world.follow(10.0)
    upstream = AccountUpstream("account", cast(Any, world), cast(Any, world))
    waited = poller.join(upstream, rental())
    await asyncio.sleep(3.0)
    poller.leave(waited)
    loop().lag(50_000)
    await asyncio.sleep(60.0)
    await following.close()
    await poller.close()

    assert not world.rentals


@held
async def test_an_account_whose_key_is_refused_is_asked_seldom() -> None:
    world = World(lambda number, at: UpstreamAuthFailed(), [rental()])
    await world.watch(1000.0)

    assert world.times() == [30, 330, 630, 930]


@held
async def test_what_a_restart_finds_is_read_at_once() -> None:
    world = World(active, [rental(1, age=400.0), rental(2, age=10.0)])
    await world.watch(25.0)

    assert world.times(1) == [0]
    assert world.times(2) == [20]


@held
async def test_more_than_the_limit_serves_are_read_less_often_evenly_and_the_lag_is_told() -> None:
    world = World(active, [rental(number) for number in range(1, 91)], seconds_each=1.0)
    following, poller = await world.follow(600.0)
    await following.look()
    counts = [len(world.times(number)) for number in range(1, 91)]
    await following.close()
    await poller.close()

    assert sum(counts) > 560
    assert max(counts) - min(counts) <= 1
    rentals, lag = world.observer.following[-1]
    assert rentals == 90
    assert 50 <= lag <= 70  # each is read every 90 seconds, not every 30


@held
async def test_only_the_node_with_the_lease_follows_and_hands_it_back() -> None:
    world = World(active, [rental()])
    world.leases["follow:account"] = "another's"
    following, poller = await world.follow(100.0)
    before = world.times()
    del world.leases["follow:account"]
    await asyncio.sleep(50.0)
    await following.close()
    await poller.close()

    assert before == []
    assert world.times()
    assert world.leases == {}


@held
async def test_an_account_is_followed_as_soon_as_its_key_is_seen() -> None:
    world = World(active, [rental(age=400.0)])
    await world.watch(200.0, key_at=97.0)

    assert world.times()[0] == 97


@held
async def test_who_waits_is_served_at_full_pace_and_then_the_rounds_go_on() -> None:
    world = World(active, [rental(age=10.0)])
    following, poller = await world.follow(45.0)
    target = poller.join(world.upstream(), rental())
    await asyncio.sleep(10.5)
    poller.leave(target)
    await asyncio.sleep(100.0)
    await following.close()
    await poller.close()
    priorities = [read.priority for read in world.reads]

    waited = [read.at for read in world.reads if read.priority is Priority.WAITED_FOR]
    assert len(waited) == 11
    assert priorities[-1] is Priority.FOLLOWED
    assert [later - sooner for sooner, later in pairwise(world.times()[-3:])] == [30, 30]


@held
async def test_who_joins_before_the_read_of_a_poll_begins_is_served_at_once() -> None:
    world = World(active, [rental()], lease_takes=3.0)
    poller = world.poller()
    poller.listen(world.upstream(), rental())
    await asyncio.sleep(1.0)  # the listener's lease is asked for
    poller.join(world.upstream(), rental())
    await asyncio.sleep(2.5)
    await poller.close()

    assert [read.priority for read in world.reads] == [Priority.WAITED_FOR]


@held
async def test_a_lease_is_given_back_as_soon_as_nobody_waits() -> None:
    world = World(active, [rental(age=10_000.0)])
    following, poller = await world.follow(1.0)
    target = poller.join(world.upstream(), rental())
    await asyncio.sleep(1.0)
    held_while = set(world.leases)
    poller.leave(target)
    await asyncio.sleep(6.0)
    held_after = set(world.leases)
    await following.close()
    await poller.close()

    assert held_while == {"follow:account", "watch:account:1"}
    assert held_after == {"follow:account"}


@held
async def test_each_who_waits_for_what_is_not_found_is_told_so_at_once() -> None:
    world = World(lambda number, at: RentalNotFound(), [rental()])
    following, poller = await world.follow(40.0)
    told = []
    for _ in range(3):
        news = world.notifier.next_news("account", 1)
        target = poller.join(world.upstream(), rental())
        begun = loop().time()
        answer = await news
        poller.leave(target)
        told.append((type(answer), loop().time() - begun))
    await following.close()
    await poller.close()

    assert told == [(RentalNotFound, 0.0)] * 3


@held
async def test_a_code_that_was_there_before_says_nothing_of_webhooks() -> None:
    coded = rental(code="123456", status=RentalStatus.CODE_RECEIVED)
    world = World(lambda number, at: coded, [coded])
    following, poller = await world.follow(10.0)
    schedule = poller._schedules["account"]
    schedule.webhooks_until = 1000.0
    await asyncio.sleep(100.0)
    kept = schedule.webhooks_until
    coded = rental(code="654321", status=RentalStatus.CODE_RECEIVED)
    await asyncio.sleep(100.0)
    await following.close()
    await poller.close()

    assert len(world.reads) >= 5
    assert (kept, schedule.webhooks_until) == (1000.0, 0.0)


@held
async def test_who_waits_is_told_an_end_that_was_written_elsewhere_without_a_notice() -> None:
    world = World(expires_at(20.0), [rental()])
    poller = world.poller()
    news = world.notifier.next_news("account", 1)
    target = poller.join(world.upstream(), rental())
    told = await news
    at = loop().time()
    poller.leave(target)
    await poller.close()

    assert isinstance(told, Rental)
    assert (told.status, at) == (RentalStatus.EXPIRED, 20.0)
    assert not world.notifier.waited_for("account", 1)


@held
async def test_an_account_that_cannot_be_read_keeps_no_other_from_being_followed() -> None:
    world = World(active, [rental()], unreadable=["a damaged one"])
    await world.watch(100.0)

    assert world.times() == [30, 60, 90]
    assert world.observer.faults


@held
async def test_an_unforeseen_fault_makes_no_round_quicker() -> None:
    world = World(lambda number, at: cast(Any, None), [rental()])
    await world.watch(100.0)

    assert world.times() == [30, 60, 90]


@held
async def test_a_key_that_is_refused_is_tried_seldom_however_many_its_rentals() -> None:
    many = [rental(number, age=400.0) for number in range(1, 101)]
    world = World(lambda number, at: UpstreamAuthFailed(), many, seconds_each=0.1)
    await world.watch(1000.0)

    assert len(world.reads) <= 4 * 4  # those under way at a time, every five minutes


@held
async def test_what_another_node_reads_is_not_behind() -> None:
    world = World(active, [rental()])
    world.leases["watch:account:1"] = "another's"
    following, poller = await world.follow(40.0)
    poller.join(world.upstream(), rental())
    await asyncio.sleep(300.0)
    lag = poller.lag()
    await following.close()
    await poller.close()

    assert lag == 0.0


@held
async def test_the_durations_of_the_price_list_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = [price(ttl_minutes=TTL)]
    monkeypatch.setattr(PriceCache, "known", lambda self, account_id: listed)
    world = World(lambda number, at: RentalNotFound(), [rental()])
    await world.watch(4000.0)

    ((_, at),) = world.given_up
    assert TTL * 60 + 300 + 60 <= at <= TTL * 60 + 300 + 400
