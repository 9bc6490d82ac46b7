"""Pauses after the provider has said that it was asked too much."""

import asyncio

import pytest

from gateway.core.upstream.rate_limiter import Permit
from tests.support import calls as upstream
from tests.support.held_time import held, loop
from tests.support.rate_limiter import TICK, Caller, all_want, closest, limiter_of


class Refusing:
    """An account the provider answers 429 to, again and again."""

    def __init__(self, per_second: float = 10.0) -> None:
        self.limiter = limiter_of(per_second)

    async def permit(self) -> Permit:
        return await self.limiter.permit("alice", upstream.RENT, deadline_seconds=1000.0)

    async def answered(self) -> float:
        """When a call is sent, which the provider answers."""
        permit = await self.permit()
        self.limiter.ended(permit, answered=True)
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
        await account.answered()

    assert pauses == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert account.slowed() == 32.0
    await asyncio.sleep(1000.0)
    assert account.slowed() == 2.0


@held
async def test_permits_come_slower_after_a_429_and_faster_again_while_all_is_well() -> None:
    account = Refusing(1.0)

    async def apart() -> float:
        return -await account.answered() + await account.answered()

    account.slowed()
    after_one = await apart()
    for _ in range(50):
        await asyncio.sleep(100.0)
        account.slowed()
    at_most = await apart()
    permit = await account.permit()
    for _ in range(2000):
        account.limiter.ended(permit, answered=True)

    assert [after_one, at_most] == pytest.approx([1.05 * 1.05, 1.05 * 1.5], abs=TICK)
    assert await apart() == pytest.approx(1.05, abs=TICK)


@held
async def test_what_was_under_way_when_the_window_closed_does_not_count_again() -> None:
    account = Refusing()
    under_way = [await account.permit() for _ in range(6)]
    pauses = [account.slowed() for _ in range(5)]
    account.limiter.ended(under_way[-1], answered=True)

    assert pauses == [2.0] * 5
    assert (await account.permit()).at == pytest.approx(2.0)
    assert account.slowed() == 4.0


@held
async def test_the_pause_the_provider_asks_for_is_kept_where_it_is_longer() -> None:
    account = Refusing()

    assert account.slowed(90.0) == 90.0
    assert await account.answered() == pytest.approx(90.0)


@held
async def test_no_pause_is_longer_than_five_minutes() -> None:
    account = Refusing()

    assert account.slowed(999_999_999.0) == 300.0
    assert (await account.permit()).at == pytest.approx(300.0)


@held
async def test_one_call_probes_after_a_pause_and_its_answer_lets_the_others_go() -> None:
    account = Refusing(200.0)
    account.slowed()
    waiting = [asyncio.ensure_future(account.permit()) for _ in range(50)]
    await asyncio.sleep(10.0)
    (probe,) = [each.result() for each in waiting if each.done()]
    account.limiter.ended(probe, answered=True)
    await asyncio.wait(waiting)
    at = sorted(each.result().at for each in waiting)

    assert at[0] == pytest.approx(2.0)
    assert at[1] == pytest.approx(10.0)
    assert closest(at, 20) > 0.1  # bursts are as large as before


@held
async def test_a_probe_that_is_refused_closes_again() -> None:
    account = Refusing()
    account.slowed()
    probe = await account.permit()
    pause = account.slowed()
    account.limiter.ended(probe, answered=False)

    assert pause == 4.0
    assert (await account.permit()).at == pytest.approx(6.0)


@held
async def test_what_was_under_way_before_the_pause_is_no_answer_to_the_probe() -> None:
    account = Refusing()
    slow = await account.permit()
    account.slowed()
    probe = await account.permit()
    waiting = asyncio.ensure_future(account.permit())
    account.limiter.ended(slow, answered=True)
    await asyncio.sleep(1.0)
    early = waiting.done()
    account.slowed()  # another one that was under way
    account.limiter.ended(probe, answered=True)
    second = await waiting

    assert not early
    assert second.probe
    assert second.at == pytest.approx(7.0)


@pytest.mark.parametrize("after", [-1e-12, 1e-12], ids=["before", "after"])
def test_a_probe_whose_caller_hangs_up_as_it_is_granted_is_left_to_another(after: float) -> None:
    @held
    async def run() -> None:
        account = Refusing()
        account.slowed()
        first, second = (asyncio.ensure_future(account.permit()) for _ in range(2))
        await asyncio.sleep(0)
        loop().call_at(2.0 + after, first.cancel)

        assert (await second).at == pytest.approx(2.0, abs=TICK)
        assert first.cancelled()

    run()


@held
async def test_who_cannot_wait_for_the_answer_of_a_probe_is_refused_in_time() -> None:
    limiter = limiter_of(1.0)
    limiter.slowed("alice", upstream.BALANCE, 1.0)
    await limiter.permit("alice", upstream.BALANCE, deadline_seconds=9.0)
    waits = Caller(patience=3.0)
    await all_want(limiter, [waits])

    assert waits.ended == pytest.approx(5.0)
    assert waits.refusal is not None
    assert "asked for a pause" in waits.refusal.detail
    assert waits.refusal.retry_after is not None
    assert 0 < waits.refusal.retry_after <= 1.05


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
