"""Pauses after the provider has said that it was asked too much."""

import asyncio

import pytest

from tests.support import calls as upstream
from tests.support.held_time import held, loop
from tests.support.rate_limiter import TICK, Caller, all_want, limiter_of


class Refusing:
    """An account the provider answers 429 to, again and again."""

    def __init__(self) -> None:
        self.limiter = limiter_of(10.0)

    async def permit(self) -> float:
        permit = await self.limiter.permit("alice", upstream.RENT, deadline_seconds=1000.0)
        return permit.at

    def slowed(self, retry_after: float | None = None) -> float:
        return self.limiter.slowed("alice", upstream.RENT, retry_after)


@held
async def test_pauses_grow_while_the_provider_goes_on_and_shrink_when_it_is_well() -> None:
    account = Refusing()
    pauses = []
    for _ in range(7):
        await account.permit()
        pauses.append(account.slowed())
    for _ in range(3):
        await account.permit()
        account.limiter.went_well("alice", upstream.RENT)

    assert pauses == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert account.slowed() == 32.0
    await asyncio.sleep(1000.0)
    assert account.slowed() == 2.0


@held
async def test_permits_come_slower_after_a_429_and_faster_again_while_all_is_well() -> None:
    limiter = limiter_of(1.0)

    async def apart() -> float:
        first = await limiter.permit("alice", upstream.RENT, deadline_seconds=1000.0)
        second = await limiter.permit("alice", upstream.RENT, deadline_seconds=1000.0)
        return second.at - first.at

    limiter.slowed("alice", upstream.RENT)
    after_one = await apart()
    for _ in range(50):
        await asyncio.sleep(100.0)
        limiter.slowed("alice", upstream.RENT)
    at_most = await apart()
    for _ in range(2000):
        limiter.went_well("alice", upstream.RENT)

    assert [after_one, at_most] == pytest.approx([1.05 * 1.05, 1.05 * 1.5], abs=TICK)
    assert await apart() == pytest.approx(1.05, abs=TICK)


@held
async def test_what_was_under_way_when_the_window_closed_does_not_count_again() -> None:
    account = Refusing()
    pauses = [account.slowed() for _ in range(5)]
    account.limiter.went_well("alice", upstream.RENT)

    assert pauses == [2.0] * 5
    assert await account.permit() == pytest.approx(2.0)
    assert account.slowed() == 4.0


@held
async def test_the_pause_the_provider_asks_for_is_kept_where_it_is_longer() -> None:
    account = Refusing()

    assert account.slowed(90.0) == 90.0
    assert await account.permit() == pytest.approx(90.0)


@held
async def test_a_pause_refuses_those_who_cannot_wait_for_its_end() -> None:
    limiter = limiter_of(1.0)
    waits, leaves = Caller(patience=10.0), Caller(patience=4.0)
    loop().call_later(0.5, limiter.slowed, "alice", upstream.BALANCE, 5.0)
    await all_want(limiter, [Caller(), waits, leaves])

    assert waits.granted == pytest.approx(5.5)
    assert leaves.ended == pytest.approx(0.5)
    assert leaves.refusal is not None
    assert "asked for a pause" in leaves.refusal.detail
    assert leaves.refusal.retry_after == pytest.approx(6.1, abs=0.01)  # after the one who waits
