"""The rate limiter: what holds in every window, who goes first, and who is refused at once."""

import asyncio
from collections import deque
from math import inf

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.core.model.errors import RateLimited
from gateway.core.model.upstream_call import Priority
from gateway.core.model.values import Charged
from gateway.core.upstream.rate_limiter import Permit, RateLimiter
from tests.support import calls as upstream
from tests.support.held_time import held, loop
from tests.support.rate_limiter import (
    CALLERS,
    FAST_TOO,
    MOMENTS,
    RATES,
    TICK,
    Caller,
    RecordingObserver,
    all_want,
    closest,
    limiter_of,
    places,
    window,
)


@given(FAST_TOO, st.lists(CALLERS, max_size=40))
@held
async def test_whoever_comes_and_goes_the_rules_hold(
    per_second: float, callers: list[Caller]
) -> None:
    limiter = limiter_of(per_second)
    permits = await all_want(limiter, callers)
    most, wide = places(per_second), window(per_second)

    assert closest(permits, most) >= wide - 1e-9
    assert limiter.waiting() == 0
    for caller in callers:
        left_after = min(caller.patience, caller.hangs_up_after or inf)
        assert caller.ended <= caller.at + left_after + TICK
        if caller.granted is not None:
            assert caller.granted <= caller.at + left_after + TICK
            before = [permit for permit in permits if permit < caller.granted]
            free = max(
                before[-limit] + wide * limit / most if len(before) >= limit else 0.0
                for limit in (most, min(most, 10))
            )
            assert caller.granted <= max(caller.at, free) + TICK  # no place was left empty
            assert not [
                other
                for other in callers
                if other.priority < caller.priority < Priority.LISTENED  # these have a share
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
    await all_want(limiter_of(per_second), callers)
    log: deque[float] = deque([-inf] * places(per_second), maxlen=places(per_second))

    for caller in sorted(callers, key=lambda each: each.number):
        permit = max(caller.at, log[0] + window(per_second))
        assume(abs(permit - caller.at - caller.patience) > 0.05)
        if permit - caller.at <= caller.patience:
            log.append(permit)
            assert caller.granted == pytest.approx(permit, abs=0.05)
        else:
            assert caller.granted is None
            assert caller.ended == caller.at  # at once


@given(RATES, st.lists(CALLERS, max_size=30), st.lists(st.tuples(MOMENTS, MOMENTS), max_size=4))
@held
async def test_nobody_has_a_permit_in_a_pause_the_provider_asked_for(
    per_second: float, callers: list[Caller], pauses: list[tuple[float, float]]
) -> None:
    limiter = limiter_of(per_second)
    for at, seconds in pauses:
        loop().call_later(at, limiter.slowed, "alice", upstream.BALANCE, seconds)
    permits = await all_want(limiter, callers)

    assert not [
        permit
        for permit in permits
        for at, seconds in pauses
        if at + TICK < permit < at + seconds - TICK
    ]
    assert closest(permits, places(per_second)) >= window(per_second) - 1e-9


async def _served(limiter: RateLimiter, **waiting: int) -> str:
    """Who is served, one letter for each permit, of so many who wait at each priority."""
    ranks = {"w": Priority.WAITED_FOR, "l": Priority.LISTENED, "f": Priority.FOLLOWED}
    callers = [
        Caller(priority=ranks[letter], patience=1000.0)
        for letter, count in waiting.items()
        for _ in range(count)
    ]
    await limiter.permit("alice", upstream.BALANCE, deadline_seconds=0.0)
    await all_want(limiter, callers)
    names = {priority: letter for letter, priority in ranks.items()}
    served = sorted(callers, key=lambda each: each.granted or inf)
    return "".join(names[each.priority] for each in served)


@held
async def test_one_permit_in_four_is_for_listeners_and_slow_rounds() -> None:
    assert (await _served(limiter_of(), f=9, l=9, w=40))[:24] == "wwwlwwwlwwwf" * 2


@held
@pytest.mark.parametrize(
    ("waiting", "order"),
    [
        ({"f": 3, "w": 8}, "wwwfwwwfwwf"),
        ({"l": 3, "w": 8}, "wwwlwwwlwwl"),
        ({"f": 2, "l": 13}, "lllllllllllfllf"),
        ({"f": 3}, "fff"),
        ({"l": 2}, "ll"),
    ],
)
async def test_a_share_that_nobody_wants_is_left_to_the_others(
    waiting: dict[str, int], order: str
) -> None:
    assert await _served(limiter_of(), **waiting) == order


@held
async def test_many_permits_are_spread_over_their_window() -> None:
    permits = await all_want(limiter_of(200.0), [Caller() for _ in range(450)])

    assert closest(permits, 200) >= 1.05 - 1e-9
    assert closest(permits, 20) >= 0.105 - 1e-9
    assert permits[-1] == pytest.approx(22 * 0.105, abs=0.03)


@held
async def test_a_permit_that_is_free_is_given_at_once() -> None:
    observer = RecordingObserver()
    limiter = limiter_of(2.0, observer=observer)
    permits = [await limiter.permit("alice", upstream.RENT, deadline_seconds=0.0) for _ in range(2)]

    assert permits == [Permit("alice", upstream.RENT, 0.0)] * 2
    assert observer.waited == []


@held
async def test_accounts_and_calls_do_not_wait_for_each_other() -> None:
    limiter = limiter_of(1.0)
    for account in ("alice", "bob"):
        for call in (upstream.RENT, upstream.CANCEL, upstream.PRICES, upstream.UPDATE_LONG_RENTAL):
            await limiter.permit(account, call, deadline_seconds=0.0)

    assert loop().time() == 0.0
    with pytest.raises(RateLimited):  # an update as well, by the provider's count
        await limiter.permit("bob", upstream.RENEW_LONG_RENTAL, deadline_seconds=1.0)


@held
async def test_a_wait_is_told_with_its_seconds() -> None:
    observer = RecordingObserver()
    await all_want(limiter_of(1.0, observer=observer), [Caller(), Caller(at=0.5)])

    assert observer.waited == [("balance", 0.55)]


@held
async def test_who_cannot_be_served_in_time_is_told_at_once_and_when_to_come_again() -> None:
    observer = RecordingObserver()
    callers = [Caller(), Caller(), Caller(), Caller(patience=2.0)]
    await all_want(limiter_of(1.0, observer=observer), callers)
    refusal = callers[-1].refusal

    assert callers[-1].ended == 0.0
    assert refusal is not None
    assert refusal.retry_after == pytest.approx(3.15)
    assert refusal.charged is Charged.NO
    assert "was not sent" in refusal.detail
    assert observer.limited == [("balance", "gateway")]


@held
async def test_who_is_pushed_back_too_far_is_told_then() -> None:
    spends = [Caller(at=0.5, priority=Priority.SPEND), Caller(at=0.6, priority=Priority.SPEND)]
    reader = Caller(at=0.1, patience=2.5)
    await all_want(limiter_of(1.0), [Caller(), reader, *spends])

    assert [each.granted for each in spends] == pytest.approx([1.05, 2.10])
    assert reader.granted is None
    assert reader.ended == pytest.approx(0.6)


@held
async def test_nobody_overtakes_the_queue_before_a_late_alarm_rings() -> None:
    limiter = limiter_of(1.0)
    waits = Caller(at=0.5)
    everybody = asyncio.ensure_future(all_want(limiter, [Caller(), waits]))
    await asyncio.sleep(1.0)
    loop().lag(0.1)
    late = await limiter.permit("alice", upstream.BALANCE, deadline_seconds=9.0)
    await everybody

    assert waits.granted == pytest.approx(1.1)
    assert late.at == pytest.approx(2.15)


@held
async def test_a_permit_that_comes_too_late_because_of_a_lag_is_not_given() -> None:
    waits, next_one = Caller(patience=1.2), Caller(patience=9.0)
    loop().call_at(1.05 - 1e-12, loop().lag, 0.3)
    await all_want(limiter_of(1.0), [Caller(), waits, next_one])

    assert waits.granted is None
    assert next_one.granted == pytest.approx(1.35)


@held
async def test_a_full_queue_turns_the_least_urgent_away() -> None:
    prices = Caller(at=0.1, priority=Priority.PRICES)
    reads = [Caller(at=0.2), Caller(at=0.3), Caller(at=0.4)]
    await all_want(limiter_of(1.0, longest_queue=2), [Caller(), prices, *reads])

    assert prices.ended == pytest.approx(0.3)
    assert reads[2].ended == pytest.approx(0.4)
    assert [each.granted for each in reads[:2]] == pytest.approx([1.05, 2.10])


@held
async def test_the_place_of_a_waiter_who_hangs_up_is_free_at_once() -> None:
    callers = [Caller(), Caller(hangs_up_after=0.5), Caller(at=0.6, patience=0.6)]
    await all_want(limiter_of(1.0), callers)

    assert callers[2].granted == pytest.approx(1.05)


@pytest.mark.parametrize("after", [-1e-12, 1e-12], ids=["before", "after"])
def test_a_grant_and_a_cancellation_in_one_moment_lose_no_place(after: float) -> None:
    @held
    async def run() -> None:
        limiter = limiter_of(1.0)
        await limiter.permit("alice", upstream.BALANCE, deadline_seconds=0.0)
        first, second = (
            asyncio.ensure_future(limiter.permit("alice", upstream.BALANCE, deadline_seconds=9.0))
            for _ in range(2)
        )
        await asyncio.sleep(0)
        # In the same round of the loop as the limiter's own alarm, before the waiter goes on.
        loop().call_at(1.05 + after, first.cancel)
        permit = await second

        assert first.cancelled()
        assert permit.at == pytest.approx(1.05, abs=TICK)

    run()


@held
async def test_a_permit_counts_from_when_its_caller_goes_on_however_late() -> None:
    limiter = limiter_of(1.0)
    callers = [Caller(), Caller(), Caller()]
    loop().call_at(1.05 + 1e-12, loop().lag, 0.3)
    permits = await all_want(limiter, callers)

    assert permits == pytest.approx([0.0, 1.35, 2.40], abs=TICK)


@held
async def test_a_call_that_goes_out_later_than_its_permit_counts_from_then() -> None:
    limiter = limiter_of(1.0)
    permit = await limiter.permit("alice", upstream.RENT, deadline_seconds=0.0)
    await asyncio.sleep(0.4)
    limiter.going_out(permit)
    after = await limiter.permit("alice", upstream.RENT, deadline_seconds=9.0)

    assert after.at == pytest.approx(1.45)


@held
async def test_a_late_call_counts_once() -> None:
    limiter = limiter_of(2.0)
    permit = await limiter.permit("alice", upstream.RENT, deadline_seconds=0.0)
    await asyncio.sleep(0.4)
    limiter.going_out(permit)
    after = [await limiter.permit("alice", upstream.RENT, deadline_seconds=9.0) for _ in range(2)]

    assert [each.at for each in after] == pytest.approx([0.4, 1.45])


@held
async def test_a_thousand_who_hang_up_leave_nothing() -> None:
    limiter = limiter_of(1.0)
    callers = [Caller(patience=5000.0, hangs_up_after=0.5) for _ in range(1000)]
    permits = await all_want(limiter, callers)

    assert len(permits) == 1
    assert limiter.waiting() == 0


@held
async def test_idle_accounts_are_forgotten_and_limits_in_force_are_not() -> None:
    limiter = limiter_of(1.0)
    for number in range(50_000):
        await limiter.permit(f"account {number}", upstream.BALANCE, deadline_seconds=0.0)
        loop().lag(0.01)
    await limiter.permit("alice", upstream.BALANCE, deadline_seconds=0.0)
    limiter.slowed("bob", upstream.BALANCE, 500.0)
    for number in range(10_000):
        await limiter.permit(f"other {number}", upstream.BALANCE, deadline_seconds=0.0)

    assert len(limiter._windows) < 20_000  # the 10,000 are all in force
    for account in ("alice", "bob"):
        with pytest.raises(RateLimited):
            await limiter.permit(account, upstream.BALANCE, deadline_seconds=0.5)


@held
async def test_closing_refuses_all_who_wait_and_all_who_would_have_to() -> None:
    limiter = limiter_of(1.0)
    callers = [Caller(), Caller(), Caller(), Caller(at=0.7)]
    everybody = asyncio.ensure_future(all_want(limiter, callers))
    await asyncio.sleep(0.5)
    await limiter.close()
    await everybody

    assert [each.ended for each in callers] == pytest.approx([0.0, 0.5, 0.5, 0.7])
