"""Limits that several nodes keep together, by way of a store that is away now and then."""

import asyncio
from collections import deque
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.model.upstream_call import Priority
from tests.support import calls as upstream
from tests.support.held_time import held, loop
from tests.support.rate_limiter import (
    CALLERS,
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


class SharedLog:
    """One node's way to limits of several nodes: a sliding log, some milliseconds away."""

    def __init__(self, logs: dict[str, deque[float]] | None = None, takes: float = 0.002) -> None:
        self.logs = {} if logs is None else logs
        self.takes = takes
        self.broken = self.nobody_else = False
        self.under_way = self.taken = 0

    def alone(self) -> bool:
        return self.nobody_else

    async def take(self, bucket: str, places: int, window: float) -> float:
        self.under_way += 1
        self.taken += 1
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
    nodes = [limiter_of(per_second, shared=SharedLog(logs)) for _ in range(2)]
    permits = await asyncio.gather(all_want(nodes[0], here), all_want(nodes[1], there))
    together = sorted([*permits[0], *permits[1]])

    assert closest(together, places(per_second)) >= window(per_second) - 1e-9
    for caller in (*here, *there):
        assert caller.ended <= caller.at + caller.patience + TICK


@held
async def test_a_shared_place_goes_to_whoever_is_first_when_it_comes() -> None:
    prices = Caller(priority=Priority.PRICES)
    spend = Caller(at=0.001, priority=Priority.SPEND)
    await all_want(limiter_of(1.0, shared=SharedLog()), [prices, spend])

    assert spend.granted == pytest.approx(0.002)
    assert prices.granted == pytest.approx(1.054, abs=TICK)


@held
async def test_a_shared_place_that_comes_in_a_pause_is_not_used() -> None:
    limiter = limiter_of(1.0, shared=SharedLog(takes=0.1))
    caller = Caller()
    loop().call_later(0.05, limiter.slowed, "alice", upstream.BALANCE, 5.0)
    await all_want(limiter, [caller])

    assert caller.granted == pytest.approx(5.15, abs=TICK)


@held
async def test_a_probe_waits_for_a_shared_place_and_asks_for_it_twice() -> None:
    logs: dict[str, deque[float]] = {}
    await all_want(limiter_of(0.2, shared=SharedLog(logs)), [Caller()])
    shared = SharedLog(logs)
    limiter = limiter_of(0.2, shared=shared)
    limiter.slowed("alice", upstream.BALANCE)
    permit = await limiter.permit("alice", upstream.BALANCE, deadline_seconds=60.0)

    assert permit.probe
    assert permit.at > 5.0
    assert shared.taken == 2


@held
async def test_a_node_takes_no_shared_place_while_it_is_alone() -> None:
    shared = SharedLog()
    shared.nobody_else = True
    limiter = limiter_of(1.0, shared=shared)
    callers = [Caller(), Caller(at=0.1), Caller(at=0.2)]
    loop().call_later(1.5, setattr, shared, "nobody_else", False)
    await all_want(limiter, callers)

    assert [each.granted for each in callers] == pytest.approx([0.0, 1.05, 2.102], abs=TICK)
    assert shared.taken == 1


@held
async def test_a_deadline_holds_whatever_the_shared_store_does() -> None:
    slow = Caller(patience=0.3)
    await all_want(limiter_of(1.0, shared=SharedLog(takes=0.8)), [slow])

    assert slow.granted is None
    assert slow.ended == pytest.approx(0.3)


@held
async def test_who_cannot_wait_as_long_as_the_shared_store_says_is_told_at_once() -> None:
    logs: dict[str, deque[float]] = {}
    leaves = Caller(at=0.5, patience=0.4)
    await all_want(limiter_of(1.0, shared=SharedLog(logs)), [Caller()])
    await all_want(limiter_of(1.0, shared=SharedLog(logs)), [leaves])

    assert leaves.granted is None
    assert leaves.ended == pytest.approx(0.504, abs=TICK)


@pytest.mark.parametrize("hangs", [False, True])
def test_a_shared_store_that_fails_leaves_our_own_limits(hangs: bool) -> None:
    @held
    async def run() -> None:
        observer, shared = RecordingObserver(), SharedLog(takes=inf if hangs else 0.002)
        shared.broken = True
        limiter = limiter_of(2.0, observer=observer, shared=shared)
        permits = await all_want(limiter, [Caller(), Caller(), Caller(at=0.5), Caller(at=0.6)])

        assert closest(permits, 2) >= 1.05 - 1e-9
        assert len(permits) == 4
        assert observer.shared_failed == 1
        shared.broken, shared.takes = False, 0.002
        await all_want(limiter, [Caller(at=10.0)])
        assert [len(log) for log in shared.logs.values()] == [1]

    run()


@held
async def test_closing_ends_what_is_asked_of_the_shared_store() -> None:
    shared = SharedLog(takes=inf)
    limiter = limiter_of(1.0, shared=shared)
    caller = Caller()
    waiting = asyncio.ensure_future(all_want(limiter, [caller]))
    await asyncio.sleep(0.5)
    await limiter.close()
    await waiting

    assert caller.refusal is not None
    assert shared.under_way == 0
