"""The limiter: what holds in every window, who goes first, and who is told that it is no use."""

import asyncio
import functools
import selectors
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any, ParamSpec

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.core import upstream
from gateway.core.bucket import Bucket
from gateway.core.errors import RateLimited
from gateway.core.pacing import Pace, Pacer, Turn
from gateway.core.queueing import SharedBuckets
from gateway.core.upstream import Hooks, Priority, UpstreamCall, rates
from gateway.core.values import Charged

P = ParamSpec("P")
MARGIN = 0.05
TICK = 0.003  # what timers may be late by


class _Jumping(selectors.SelectSelector):
    """Where a loop would wait, its time jumps instead."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if not events:
            assert timeout is not None, "everybody waits, and nobody will come"
            self.seconds += timeout
        return events


class HeldLoop(asyncio.SelectorEventLoop):
    """An event loop that holds the time: nothing in it waits really."""

    def __init__(self) -> None:
        self.held = _Jumping()
        super().__init__(self.held)

    def time(self) -> float:
        return self.held.seconds

    def lag(self, seconds: float) -> None:
        """Something keeps the loop busy."""
        self.held.seconds += seconds


def held(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a test in held time."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=HeldLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run


def loop() -> HeldLoop:
    running = asyncio.get_running_loop()
    assert isinstance(running, HeldLoop)
    return running


class LoopClock:
    """The time of the loop as the core's clock."""

    def monotonic(self) -> float:
        return loop().time()

    def now(self) -> datetime:
        return datetime(2025, 7, 6, tzinfo=UTC) + timedelta(seconds=self.monotonic())


@dataclass
class Told:
    """Writes down what the hooks are told."""

    waited: list[tuple[str, float]] = field(default_factory=list)
    limited: list[tuple[str, str]] = field(default_factory=list)
    retried: list[str] = field(default_factory=list)
    tripped: list[tuple[str, str]] = field(default_factory=list)
    shared_failed: int = 0

    def hooks(self) -> Hooks:
        def shared_failed() -> None:
            self.shared_failed += 1

        return Hooks(
            waited=lambda call, seconds: self.waited.append((call, round(seconds, 2))),
            limited=lambda call, by: self.limited.append((call, by)),
            retried=self.retried.append,
            tripped=lambda group, state: self.tripped.append((group, state)),
            shared_failed=shared_failed,
        )


def pacer_of(
    per_second: float = 1.0,
    *,
    told: Told | None = None,
    longest_queue: int = 1000,
    shared: SharedBuckets | None = None,
) -> Pacer:
    pace = Pace(dict.fromkeys(upstream.BUCKETS, per_second), MARGIN, longest_queue)
    return Pacer(LoopClock(), loop(), pace, shared=shared, hooks=(told or Told()).hooks())


@dataclass
class Caller:
    """Somebody who wants a turn: when, how urgently, how long, and when it gives up."""

    at: float = 0.0
    priority: Priority = Priority.READ
    patience: float = 60.0
    hangs_up_after: float | None = None
    number: int = -1
    granted: float | None = None
    refusal: RateLimited | None = None
    ended: float = inf

    async def want(
        self, pacer: Pacer, count: Callable[[], int], call: UpstreamCall = upstream.BALANCE
    ) -> None:
        await asyncio.sleep(self.at)
        self.at, self.number = loop().time(), count()
        waiting = asyncio.ensure_future(
            pacer.turn("alice", call, self.priority, deadline_seconds=self.patience)
        )
        if self.hangs_up_after is not None:
            loop().call_later(self.hangs_up_after, waiting.cancel)
        await asyncio.wait([waiting])
        self.ended = loop().time()
        if waiting.cancelled():
            return
        error = waiting.exception()
        if error is None:
            self.granted = waiting.result().at
        else:
            assert isinstance(error, RateLimited)
            self.refusal = error


async def all_want(pacer: Pacer, callers: Sequence[Caller]) -> list[float]:
    """Let everybody come; the times of the turns given."""
    numbers = iter(range(len(callers)))
    await asyncio.gather(*(each.want(pacer, lambda: next(numbers)) for each in callers))
    return sorted(each.granted for each in callers if each.granted is not None)


def places(per_second: float) -> int:
    return max(1, int(per_second))


def window(per_second: float) -> float:
    return places(per_second) / per_second + MARGIN


def closest(turns: Sequence[float], most: int) -> float:
    """The shortest time from one turn to the one that must not share a window with it."""
    return min((late - soon for soon, late in zip(turns, turns[most:], strict=False)), default=inf)


RATES = st.sampled_from([0.2, 0.5, 1.0, 1.5, 2.0, 3.0, 10.0])
FAST_TOO = RATES | st.just(15.0)  # no more than ten of them at once
MOMENTS = st.integers(0, 500).map(lambda hundredths: hundredths / 100)
CALLERS = st.builds(
    Caller,
    at=MOMENTS,
    priority=st.sampled_from(Priority),
    patience=MOMENTS | st.just(100.0),
    hangs_up_after=st.none() | MOMENTS,
)


@given(FAST_TOO, st.lists(CALLERS, max_size=40))
@held
async def test_whoever_comes_and_goes_the_rules_hold(
    per_second: float, callers: list[Caller]
) -> None:
    pacer = pacer_of(per_second)
    turns = await all_want(pacer, callers)
    most, wide = places(per_second), window(per_second)

    assert closest(turns, most) >= wide - 1e-9
    assert pacer.waiting() == 0
    for caller in callers:
        left_after = min(caller.patience, caller.hangs_up_after or inf)
        assert caller.ended <= caller.at + left_after + TICK
        if caller.granted is not None:
            assert caller.granted <= caller.at + left_after + TICK
            before = [turn for turn in turns if turn < caller.granted]
            free = max(
                before[-limit] + wide * limit / most if len(before) >= limit else 0.0
                for limit in (most, min(most, 10))
            )
            assert caller.granted <= max(caller.at, free) + TICK  # no place was left empty
            assert not [
                other
                for other in callers
                if other.priority < caller.priority
                and other.at < caller.granted - TICK
                and other.ended > caller.granted + TICK
            ]
    for priority in Priority:
        served = [each for each in callers if each.priority is priority and each.granted]
        served.sort(key=lambda each: each.number)
        order = [each.granted or 0.0 for each in served]
        assert order == sorted(order)


@given(RATES, st.lists(st.builds(Caller, at=MOMENTS, patience=MOMENTS), max_size=40))
@held
async def test_a_queue_of_equals_is_served_and_refused_as_a_simple_model_says(
    per_second: float, callers: list[Caller]
) -> None:
    await all_want(pacer_of(per_second), callers)
    log: deque[float] = deque([-inf] * places(per_second), maxlen=places(per_second))

    for caller in sorted(callers, key=lambda each: each.number):
        turn = max(caller.at, log[0] + window(per_second))
        assume(abs(turn - caller.at - caller.patience) > 0.05)
        if turn - caller.at <= caller.patience:
            log.append(turn)
            assert caller.granted == pytest.approx(turn, abs=0.05)
        else:
            assert caller.granted is None
            assert caller.ended == caller.at  # at once


@given(RATES, st.lists(CALLERS, max_size=30), st.lists(st.tuples(MOMENTS, MOMENTS), max_size=4))
@held
async def test_nobody_has_a_turn_in_a_pause_the_provider_asked_for(
    per_second: float, callers: list[Caller], pauses: list[tuple[float, float]]
) -> None:
    pacer = pacer_of(per_second)
    for at, seconds in pauses:
        loop().call_later(at, pacer.slowed, "alice", upstream.BALANCE, seconds)
    turns = await all_want(pacer, callers)

    assert not [
        turn for turn in turns for at, seconds in pauses if at + TICK < turn < at + seconds - TICK
    ]
    assert closest(turns, places(per_second)) >= window(per_second) - 1e-9


@held
async def test_many_turns_are_spread_over_their_window() -> None:
    turns = await all_want(pacer_of(200.0), [Caller() for _ in range(450)])

    assert closest(turns, 200) >= 1.05 - 1e-9
    assert closest(turns, 20) >= 0.105 - 1e-9
    assert turns[-1] == pytest.approx(22 * 0.105, abs=0.03)


@held
async def test_a_turn_that_is_free_is_had_at_once() -> None:
    told = Told()
    pacer = pacer_of(2.0, told=told)
    turns = [await pacer.turn("alice", upstream.RENT, deadline_seconds=0.0) for _ in range(2)]

    assert turns == [Turn("alice", upstream.RENT, 0.0)] * 2
    assert told.waited == []


@held
async def test_accounts_and_calls_do_not_wait_for_each_other() -> None:
    pacer = pacer_of(1.0)
    for account in ("alice", "bob"):
        for call in (upstream.RENT, upstream.CANCEL, upstream.PRICES, upstream.UPDATE_LONG_RENTAL):
            await pacer.turn(account, call, deadline_seconds=0.0)

    assert loop().time() == 0.0
    with pytest.raises(RateLimited):  # an update as well, by the provider's count
        await pacer.turn("bob", upstream.RENEW_LONG_RENTAL, deadline_seconds=1.0)


@held
async def test_a_wait_is_told_with_its_seconds() -> None:
    told = Told()
    await all_want(pacer_of(1.0, told=told), [Caller(), Caller(at=0.5)])

    assert told.waited == [("balance", 0.55)]


@held
async def test_who_cannot_be_served_in_time_is_told_at_once_and_when_to_come_again() -> None:
    told = Told()
    callers = [Caller(), Caller(), Caller(), Caller(patience=2.0)]
    await all_want(pacer_of(1.0, told=told), callers)
    refusal = callers[-1].refusal

    assert callers[-1].ended == 0.0
    assert refusal is not None
    assert refusal.retry_after == pytest.approx(3.15)
    assert refusal.charged is Charged.NO
    assert "was not sent" in refusal.detail
    assert told.limited == [("balance", "gateway")]


@held
async def test_who_is_pushed_back_too_far_is_told_then() -> None:
    spends = [Caller(at=0.5, priority=Priority.SPEND), Caller(at=0.6, priority=Priority.SPEND)]
    reader = Caller(at=0.1, patience=2.5)
    await all_want(pacer_of(1.0), [Caller(), reader, *spends])

    assert [each.granted for each in spends] == pytest.approx([1.05, 2.10])
    assert reader.granted is None
    assert reader.ended == pytest.approx(0.6)


@held
async def test_nobody_overtakes_the_queue_before_a_late_alarm_rings() -> None:
    pacer = pacer_of(1.0)
    waits = Caller(at=0.5)
    everybody = asyncio.ensure_future(all_want(pacer, [Caller(), waits]))
    await asyncio.sleep(1.0)
    loop().lag(0.1)
    late = await pacer.turn("alice", upstream.BALANCE, deadline_seconds=9.0)
    await everybody

    assert waits.granted == pytest.approx(1.1)
    assert late.at == pytest.approx(2.15)


@held
async def test_a_turn_that_comes_too_late_because_of_a_lag_is_not_given() -> None:
    waits, next_one = Caller(patience=1.2), Caller(patience=9.0)
    loop().call_at(1.05 - 1e-12, loop().lag, 0.3)
    await all_want(pacer_of(1.0), [Caller(), waits, next_one])

    assert waits.granted is None
    assert next_one.granted == pytest.approx(1.35)


@given(
    st.integers(1, 4),
    st.lists(st.integers(0, 30), max_size=8),
    st.integers(0, 4),
    st.integers(0, 12),
    st.none() | st.integers(20, 60),
)
def test_a_turn_is_expected_when_those_before_it_leave_room(
    most: int, logged: list[int], granted: int, ahead: int, opens_at: int | None
) -> None:
    now, bucket = 30.0, Bucket("alice:balance", float(most), margin=9.0)
    bucket.log.extend(sorted(map(float, logged)))
    bucket.granted = min(granted, most - len([each for each in bucket.log if each > 20.0]))
    bucket.opens_at = -inf if opens_at is None else float(opens_at)
    turns = [*bucket.log, *[now] * bucket.granted]
    for _ in range(ahead + 1):
        free = turns[-most] + 10.0 if len(turns) >= most else now
        turns.append(max(now, bucket.opens_at, free))

    assert bucket.window == 10.0
    assert bucket.expected(ahead, now) == turns[-1]
    assert bucket.room(now) == (bucket.expected(0, now) == now)


def test_the_next_turn_after_a_burst_is_expected_when_the_next_burst_may_come() -> None:
    bucket = Bucket("alice:rent", 200.0, margin=0.1)
    bucket.log.extend([30.0] * 20)

    assert bucket.expected(0, 30.0) == pytest.approx(30.11)
    assert bucket.expected(20, 30.0) == pytest.approx(30.22)


@held
async def test_a_full_queue_turns_the_least_urgent_away() -> None:
    prices = Caller(at=0.1, priority=Priority.PRICES)
    reads = [Caller(at=0.2), Caller(at=0.3), Caller(at=0.4)]
    await all_want(pacer_of(1.0, longest_queue=2), [Caller(), prices, *reads])

    assert prices.ended == pytest.approx(0.3)
    assert reads[2].ended == pytest.approx(0.4)
    assert [each.granted for each in reads[:2]] == pytest.approx([1.05, 2.10])


@held
async def test_the_place_of_a_waiter_who_hangs_up_is_free_at_once() -> None:
    callers = [Caller(), Caller(hangs_up_after=0.5), Caller(at=0.6, patience=0.6)]
    await all_want(pacer_of(1.0), callers)

    assert callers[2].granted == pytest.approx(1.05)


@pytest.mark.parametrize("after", [-1e-12, 1e-12], ids=["before", "after"])
def test_a_grant_and_a_cancellation_in_one_moment_lose_no_place(after: float) -> None:
    @held
    async def run() -> None:
        pacer = pacer_of(1.0)
        await pacer.turn("alice", upstream.BALANCE, deadline_seconds=0.0)
        first, second = (
            asyncio.ensure_future(pacer.turn("alice", upstream.BALANCE, deadline_seconds=9.0))
            for _ in range(2)
        )
        await asyncio.sleep(0)
        # In the same round of the loop as the pacer's own alarm, before the waiter goes on.
        loop().call_at(1.05 + after, first.cancel)
        turn = await second

        assert first.cancelled()
        assert turn.at == pytest.approx(1.05, abs=TICK)

    run()


@held
async def test_a_turn_counts_from_when_its_caller_goes_on_however_late() -> None:
    pacer = pacer_of(1.0)
    callers = [Caller(), Caller(), Caller()]
    loop().call_at(1.05 + 1e-12, loop().lag, 0.3)
    turns = await all_want(pacer, callers)

    assert turns == pytest.approx([0.0, 1.35, 2.40], abs=TICK)


@held
async def test_a_call_that_goes_out_later_than_its_turn_counts_from_then() -> None:
    pacer = pacer_of(1.0)
    turn = await pacer.turn("alice", upstream.RENT, deadline_seconds=0.0)
    await asyncio.sleep(0.4)
    pacer.going_out(turn)
    after = await pacer.turn("alice", upstream.RENT, deadline_seconds=9.0)

    assert after.at == pytest.approx(1.45)


@held
async def test_a_late_call_counts_once() -> None:
    pacer = pacer_of(2.0)
    turn = await pacer.turn("alice", upstream.RENT, deadline_seconds=0.0)
    await asyncio.sleep(0.4)
    pacer.going_out(turn)
    after = [await pacer.turn("alice", upstream.RENT, deadline_seconds=9.0) for _ in range(2)]

    assert [each.at for each in after] == pytest.approx([0.4, 1.45])


@held
async def test_a_thousand_who_hang_up_leave_nothing() -> None:
    pacer = pacer_of(1.0)
    callers = [Caller(patience=5000.0, hangs_up_after=0.5) for _ in range(1000)]
    turns = await all_want(pacer, callers)

    assert len(turns) == 1
    assert pacer.waiting() == 0


@held
async def test_idle_accounts_are_forgotten_and_limits_in_force_are_not() -> None:
    pacer = pacer_of(1.0)
    for number in range(50_000):
        await pacer.turn(f"account {number}", upstream.BALANCE, deadline_seconds=0.0)
        loop().lag(0.01)
    await pacer.turn("alice", upstream.BALANCE, deadline_seconds=0.0)
    pacer.slowed("bob", upstream.BALANCE, 500.0)
    for number in range(10_000):
        await pacer.turn(f"other {number}", upstream.BALANCE, deadline_seconds=0.0)

    assert len(pacer._buckets) < 20_000  # the 10,000 are all in force
    for account in ("alice", "bob"):
        with pytest.raises(RateLimited):
            await pacer.turn(account, upstream.BALANCE, deadline_seconds=0.5)


class Refusing:
    """An account the provider answers 429 to, again and again."""

    def __init__(self) -> None:
        self.pacer = pacer_of(10.0)

    async def turn(self) -> float:
        turn = await self.pacer.turn("alice", upstream.RENT, deadline_seconds=1000.0)
        return turn.at

    def slowed(self, retry_after: float | None = None) -> float:
        return self.pacer.slowed("alice", upstream.RENT, retry_after)


@held
async def test_pauses_grow_while_the_provider_goes_on_and_shrink_when_it_is_well() -> None:
    account = Refusing()
    pauses = []
    for _ in range(7):
        await account.turn()
        pauses.append(account.slowed())
    for _ in range(3):
        await account.turn()
        account.pacer.went_well("alice", upstream.RENT)

    assert pauses == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert account.slowed() == 32.0
    await asyncio.sleep(1000.0)
    assert account.slowed() == 2.0


@held
async def test_turns_come_slower_after_a_429_and_faster_again_while_all_is_well() -> None:
    pacer = pacer_of(1.0)

    async def apart() -> float:
        first = await pacer.turn("alice", upstream.RENT, deadline_seconds=1000.0)
        second = await pacer.turn("alice", upstream.RENT, deadline_seconds=1000.0)
        return second.at - first.at

    pacer.slowed("alice", upstream.RENT)
    after_one = await apart()
    for _ in range(50):
        await asyncio.sleep(100.0)
        pacer.slowed("alice", upstream.RENT)
    at_most = await apart()
    for _ in range(2000):
        pacer.went_well("alice", upstream.RENT)

    assert [after_one, at_most] == pytest.approx([1.05 * 1.05, 1.05 * 1.5], abs=TICK)
    assert await apart() == pytest.approx(1.05, abs=TICK)


@held
async def test_what_was_under_way_when_the_bucket_closed_does_not_count_again() -> None:
    account = Refusing()
    pauses = [account.slowed() for _ in range(5)]
    account.pacer.went_well("alice", upstream.RENT)

    assert pauses == [2.0] * 5
    assert await account.turn() == pytest.approx(2.0)
    assert account.slowed() == 4.0


@held
async def test_the_pause_the_provider_asks_for_is_kept_where_it_is_longer() -> None:
    account = Refusing()

    assert account.slowed(90.0) == 90.0
    assert await account.turn() == pytest.approx(90.0)


@held
async def test_a_pause_refuses_those_who_cannot_wait_for_its_end() -> None:
    pacer = pacer_of(1.0)
    waits, leaves = Caller(patience=10.0), Caller(patience=4.0)
    loop().call_later(0.5, pacer.slowed, "alice", upstream.BALANCE, 5.0)
    await all_want(pacer, [Caller(), waits, leaves])

    assert waits.granted == pytest.approx(5.5)
    assert leaves.ended == pytest.approx(0.5)
    assert leaves.refusal is not None
    assert "asked for a pause" in leaves.refusal.detail
    assert leaves.refusal.retry_after == pytest.approx(6.1, abs=0.01)  # after the one who waits


@held
async def test_closing_refuses_all_who_wait_and_all_who_would_have_to() -> None:
    pacer = pacer_of(1.0)
    callers = [Caller(), Caller(), Caller(), Caller(at=0.7)]
    everybody = asyncio.ensure_future(all_want(pacer, callers))
    await asyncio.sleep(0.5)
    await pacer.close()
    await everybody

    assert [each.ended for each in callers] == pytest.approx([0.0, 0.5, 0.5, 0.7])


class SharedLog:
    """One node's way to limits of several nodes: a sliding log, some milliseconds away."""

    def __init__(self, logs: dict[str, deque[float]] | None = None, takes: float = 0.002) -> None:
        self.logs = {} if logs is None else logs
        self.takes = takes
        self.broken = False
        self.under_way = 0

    async def take(self, bucket: str, places: int, window: float) -> float:
        self.under_way += 1
        assert self.under_way == 1
        try:
            await asyncio.sleep(self.takes)
        finally:
            self.under_way -= 1
        if self.broken:
            raise ConnectionError
        log = self.logs.setdefault(bucket, deque(maxlen=places))
        now = loop().time()
        if len(log) == places and (wait := log[0] + window - now) > 0:
            return wait
        log.append(now)
        return 0.0


@given(RATES, st.lists(CALLERS, max_size=25), st.lists(CALLERS, max_size=25))
@held
async def test_nodes_keep_the_shared_limits_together(
    per_second: float, here: list[Caller], there: list[Caller]
) -> None:
    logs: dict[str, deque[float]] = {}
    nodes = [pacer_of(per_second, shared=SharedLog(logs)) for _ in range(2)]
    turns = await asyncio.gather(all_want(nodes[0], here), all_want(nodes[1], there))
    together = sorted([*turns[0], *turns[1]])

    assert closest(together, places(per_second)) >= window(per_second) - 1e-9
    for caller in (*here, *there):
        assert caller.ended <= caller.at + caller.patience + TICK


@held
async def test_a_shared_place_goes_to_whoever_is_first_when_it_comes() -> None:
    prices = Caller(priority=Priority.PRICES)
    spend = Caller(at=0.001, priority=Priority.SPEND)
    await all_want(pacer_of(1.0, shared=SharedLog()), [prices, spend])

    assert spend.granted == pytest.approx(0.002)
    assert prices.granted == pytest.approx(1.054, abs=TICK)


@held
async def test_a_shared_place_that_comes_in_a_pause_is_not_used() -> None:
    pacer = pacer_of(1.0, shared=SharedLog(takes=0.1))
    caller = Caller()
    loop().call_later(0.05, pacer.slowed, "alice", upstream.BALANCE, 5.0)
    await all_want(pacer, [caller])

    assert caller.granted == pytest.approx(5.15, abs=TICK)


@held
async def test_a_deadline_holds_whatever_the_shared_store_does() -> None:
    slow = Caller(patience=0.3)
    await all_want(pacer_of(1.0, shared=SharedLog(takes=0.8)), [slow])

    assert slow.granted is None
    assert slow.ended == pytest.approx(0.3)


@held
async def test_who_cannot_wait_as_long_as_the_shared_store_says_is_told_at_once() -> None:
    logs: dict[str, deque[float]] = {}
    leaves = Caller(at=0.5, patience=0.4)
    await all_want(pacer_of(1.0, shared=SharedLog(logs)), [Caller()])
    await all_want(pacer_of(1.0, shared=SharedLog(logs)), [leaves])

    assert leaves.granted is None
    assert leaves.ended == pytest.approx(0.504, abs=TICK)


@pytest.mark.parametrize("hangs", [False, True])
def test_a_shared_store_that_fails_leaves_our_own_limits(hangs: bool) -> None:
    @held
    async def run() -> None:
        told, shared = Told(), SharedLog(takes=inf if hangs else 0.002)
        shared.broken = True
        pacer = pacer_of(2.0, told=told, shared=shared)
        turns = await all_want(pacer, [Caller(), Caller(), Caller(at=0.5), Caller(at=0.6)])

        assert closest(turns, 2) >= 1.05 - 1e-9
        assert len(turns) == 4
        assert told.shared_failed == 1
        shared.broken, shared.takes = False, 0.002
        await all_want(pacer, [Caller(at=10.0)])
        assert [len(log) for log in shared.logs.values()] == [1]

    run()


@held
async def test_closing_ends_what_is_asked_of_the_shared_store() -> None:
    shared = SharedLog(takes=inf)
    pacer = pacer_of(1.0, shared=shared)
    caller = Caller()
    waiting = asyncio.ensure_future(all_want(pacer, [caller]))
    await asyncio.sleep(0.5)
    await pacer.close()
    await waiting

    assert caller.refusal is not None
    assert shared.under_way == 0


def test_the_limits_are_the_providers_and_an_operator_may_set_others() -> None:
    standard, premium = rates(), rates(premium=True, overrides={"prices": 0.1})

    assert (standard["rent"], standard["rent_specific"], standard["rent_again"]) == (2.0, 2.0, 1.0)
    assert {rate for bucket, rate in standard.items() if not bucket.startswith("rent_")} >= {1.0}
    assert [premium[name] for name in ("rent", "rental_status", "cancel")] == [200.0] * 3
    assert (premium["rent_specific"], premium["balance"], premium["prices"]) == (2.0, 1.0, 0.1)
    for wrong in ({"rents": 1.0}, {"rent": 0.0}, {"rent": float("nan")}, {"rent": inf}):
        with pytest.raises(ValueError, match="limit"):
            rates(overrides=wrong)


def test_only_reads_may_be_repeated_and_failing_reads_stand_apart_from_purchases() -> None:
    reads = {call.group for call in upstream.CALLS if call.kind == "read"}
    others = {call.group for call in upstream.CALLS if call.kind != "read"}

    assert not reads & others
    assert all(call.group == "spend" for call in upstream.CALLS if call.kind == "spend")
    assert [call.name for call in upstream.CALLS if call.priority is Priority.PRICES] == ["prices"]
