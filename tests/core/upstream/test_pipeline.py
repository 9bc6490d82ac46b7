"""One call through the pipeline: its permit, its breaker, its bookkeeping, its retries."""

import asyncio
from collections.abc import Sequence
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.model.errors import (
    GatewayError,
    LedgerUnavailable,
    OutcomeUnknown,
    RateLimited,
    RentalNotFound,
)
from gateway.core.model.provider_errors import (
    OutOfStock,
    UpstreamAuthFailed,
    UpstreamBadResponse,
    UpstreamError,
    UpstreamMaintenance,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.core.model.upstream_call import AnyCall, Effect, Priority
from gateway.core.model.values import Charged
from gateway.core.upstream.account import SendNumber
from gateway.core.upstream.circuit_breaker import BreakerPolicy, CircuitBreakers
from gateway.core.upstream.pipeline import Pipeline
from gateway.core.upstream.rate_limiter import RateLimiter
from gateway.core.upstream.retry import RetryPolicy
from tests.support import calls as upstream
from tests.support.held_time import LoopClock, held, loop
from tests.support.rate_limiter import RecordingObserver, limiter_of

Ending = str | Exception


class Provider:
    """Answers as scripted, the last answer for ever; notes when it was asked."""

    def __init__(self, *endings: Ending, takes: float = 0.0) -> None:
        self.endings = list(endings)
        self.takes = takes
        self.asked: list[float] = []

    async def answer(self) -> str:
        self.asked.append(round(loop().time(), 3))
        ending = self.endings.pop(0) if len(self.endings) > 1 else self.endings[0]
        if self.takes:
            await asyncio.sleep(self.takes)
        if isinstance(ending, Exception):
            raise ending
        return ending


class Way:
    """A pipeline before a provider, with everything around it."""

    def __init__(
        self,
        *endings: Ending,
        per_second: float = 100.0,
        takes: float = 0.0,
        retry_policy: RetryPolicy | None = None,
    ) -> None:
        self.observer = RecordingObserver()
        self.provider = Provider(*endings, takes=takes)
        self.limiter: RateLimiter = limiter_of(per_second, observer=self.observer)
        self.breakers = CircuitBreakers(
            LoopClock(), upstream.CALLS, BreakerPolicy(), observer=self.observer
        )
        self.pipeline = Pipeline(
            LoopClock(),
            asyncio.sleep,
            self.limiter,
            self.breakers,
            retry_policy,
            observer=self.observer,
            jitter=lambda: 0.5,
        )

    async def ask(self, call: AnyCall = upstream.RENTAL_STATUS, **more: Any) -> str:
        return await self.pipeline.ask("alice", call, self.provider.answer, **more)

    async def endings(self, call: AnyCall, times: int) -> list[str]:
        """What so many calls come to: an answer, or the code of an error."""
        found = []
        for _ in range(times):
            try:
                found.append(await self.ask(call))
            except GatewayError as error:
                found.append(error.code)
        return found


@held
async def test_an_answer_passes_through() -> None:
    way = Way("here")

    assert await way.ask() == "here"
    assert await way.ask(upstream.RENT) == "here"
    assert way.observer == RecordingObserver()
    assert set(way.breakers.states().values()) == {"closed"}


@pytest.mark.parametrize(
    "fault",
    [UpstreamUnavailable(), UpstreamTimeout(), UpstreamError(), UpstreamBadResponse()],
    ids=lambda fault: fault.code,
)
def test_a_read_that_failed_is_put_again(fault: GatewayError) -> None:
    @held
    async def run() -> None:
        way = Way(fault, fault, "here")

        assert await way.ask() == "here"
        assert way.provider.asked == [0.0, 0.2, 0.6]
        assert way.observer.retried == ["rental_status"] * 2

    run()


@pytest.mark.parametrize(
    "answer",
    [RentalNotFound(), OutOfStock(), UpstreamAuthFailed(), UpstreamMaintenance()],
    ids=lambda answer: answer.code,
)
def test_a_definite_answer_is_not_asked_for_again(answer: GatewayError) -> None:
    @held
    async def run() -> None:
        way = Way(answer)
        with pytest.raises(type(answer)):
            await way.ask()

        assert way.provider.asked == [0.0]

    run()


@pytest.mark.parametrize(
    "call",
    [call for call in upstream.CALLS if call.effect is not Effect.READ],
    ids=lambda call: call.name,
)
@pytest.mark.parametrize(
    "fault",
    [UpstreamUnavailable(), UpstreamTimeout(), OutcomeUnknown(), RateLimited()],
    ids=lambda fault: fault.code,
)
def test_changes_and_purchases_are_never_put_again(call: AnyCall, fault: GatewayError) -> None:
    @held
    async def run() -> None:
        way = Way(fault)
        with pytest.raises(type(fault)):
            await way.ask(call)

        assert way.provider.asked == [0.0]
        assert way.observer.retried == []

    run()


@pytest.mark.parametrize("priority", [Priority.LISTENED, Priority.FOLLOWED])
@pytest.mark.parametrize("fault", [UpstreamError(), RateLimited()], ids=lambda fault: fault.code)
def test_a_poll_that_comes_again_by_itself_is_not_put_again(
    priority: Priority, fault: GatewayError
) -> None:
    @held
    async def run() -> None:
        way = Way(fault, "here")
        with pytest.raises(type(fault)):
            await way.ask(priority=priority, deadline=60.0)

        assert way.provider.asked == [0.0]

    run()


@held
async def test_a_read_is_put_three_times_at_most() -> None:
    way = Way(UpstreamError("First."), UpstreamError("Second."), UpstreamError("Third."))
    with pytest.raises(UpstreamError, match="Third"):
        await way.ask()

    assert len(way.provider.asked) == 3


@held
async def test_no_try_begins_after_the_deadline() -> None:
    way = Way(UpstreamTimeout(), takes=1.0)
    with pytest.raises(UpstreamTimeout):
        await way.ask(deadline=1.5)

    assert way.provider.asked == [0.0, 1.2]


@held
async def test_a_repeat_waits_for_a_permit_of_its_own() -> None:
    way = Way(UpstreamError(), "here", per_second=1.0)

    assert await way.ask() == "here"
    assert way.provider.asked == [0.0, 1.05]


@held
async def test_a_repeat_that_has_no_permit_in_time_leaves_the_fault_as_the_answer() -> None:
    way = Way(UpstreamError(), "here", per_second=1.0)
    with pytest.raises(UpstreamError):
        await way.ask(deadline=0.9)

    assert way.provider.asked == [0.0]


@held
async def test_repeats_are_few_where_much_fails() -> None:
    way = Way("here", per_second=1000.0)
    for _ in range(500):
        way.provider.endings = [UpstreamError(), "here"]
        await way.endings(upstream.RENTAL_STATUS, 1)
        way.provider.endings = ["here"]
        await way.endings(upstream.RENTAL_STATUS, 2)
        await asyncio.sleep(1.0)

    assert set(way.breakers.states().values()) == {"closed"}
    assert 150 <= len(way.observer.retried) <= 10 + 1500 * 0.1


@held
async def test_a_429_is_honoured_and_a_read_waits_for_its_end() -> None:
    way = Way(RateLimited(retry_after=3.0), "here")

    assert await way.ask() == "here"
    assert way.provider.asked == [0.0, 3.0]
    assert way.observer.limited == [("rental_status", "provider")]


@held
async def test_a_429_names_the_pause_where_the_provider_did_not() -> None:
    way = Way(RateLimited(), "here")
    with pytest.raises(RateLimited) as refusal:
        await way.ask(upstream.RENT)

    assert refusal.value.retry_after == 2.0
    assert refusal.value.charged is Charged.NO
    assert await way.ask(upstream.RENT) == "here"
    assert way.provider.asked == [0.0, 2.0]


@held
async def test_only_one_call_is_sent_until_the_provider_answers_after_a_pause() -> None:
    way = Way(RateLimited(), "here", per_second=200.0)
    await way.endings(upstream.RENT, 1)
    way.provider.takes = 3.0
    await asyncio.gather(*(way.ask(upstream.RENT) for _ in range(30)))

    assert way.provider.asked[:3] == [0.0, 2.0, 5.0]
    assert len(way.provider.asked) == 31


@pytest.mark.parametrize(
    "fault",
    [UpstreamTimeout(), UpstreamUnavailable(), OutcomeUnknown(), UpstreamAuthFailed(), OSError()],
    ids=lambda fault: type(fault).__name__,
)
def test_a_probe_that_fails_is_left_to_another(fault: Exception) -> None:
    @held
    async def run() -> None:
        way = Way(RateLimited(), fault, fault, "here", "here", takes=1.0)
        await way.endings(upstream.RENT, 1)
        asking = [asyncio.ensure_future(way.ask(upstream.RENT)) for _ in range(4)]
        await asyncio.wait(asking)

        assert way.provider.asked == [0.0, 3.0, 4.0, 5.0, 6.0]
        assert [each.exception() for each in asking] == [fault, fault, None, None]

    run()


@held
async def test_a_probe_that_is_not_sent_or_whose_caller_leaves_is_left_to_another() -> None:
    way = Way(RateLimited(), "here")
    await way.endings(upstream.RENT, 1)
    way.provider.takes = 60.0

    async def ledger_fails() -> None:
        raise LedgerUnavailable

    with pytest.raises(LedgerUnavailable):
        await way.ask(upstream.RENT, before_sending=ledger_fails)
    leaves = asyncio.ensure_future(way.ask(upstream.RENT))
    stays = asyncio.ensure_future(way.ask(upstream.RENT))
    await asyncio.sleep(1.0)
    leaves.cancel()
    await stays

    assert way.provider.asked == [0.0, 2.0, 3.0]


@held
async def test_answers_make_later_pauses_shorter_again() -> None:
    way = Way(RateLimited(), RateLimited(), "here", OutOfStock(), RateLimited())
    codes, pauses = [], []
    for _ in range(5):
        before = loop().time()
        codes += await way.endings(upstream.RENT, 1)
        pauses.append(round(loop().time() - before, 2))

    assert codes == ["rate_limited", "rate_limited", "here", "out_of_stock", "rate_limited"]
    assert pauses == [0.0, 2.0, 4.0, 0.0, 0.0]
    with pytest.raises(RateLimited) as refusal:
        await way.ask(upstream.RENT, deadline=0.0)
    assert refusal.value.retry_after == 2.0


@held
async def test_purchases_are_rate_limited_and_refused_before_they_are_sent() -> None:
    way = Way("bought", per_second=2.0, retry_policy=RetryPolicy(spend_seconds=3.0))
    buys = [asyncio.ensure_future(way.ask(upstream.RENT)) for _ in range(10)]
    await asyncio.wait(buys)
    errors = [error for buy in buys if (error := buy.exception())]

    assert way.provider.asked == [0.0, 0.0, 1.05, 1.05, 2.1, 2.1]
    assert len(errors) == 4
    assert all(isinstance(error, RateLimited) for error in errors)


@held
async def test_a_purchase_is_noted_between_its_permit_and_its_question() -> None:
    way = Way("bought", per_second=1.0)
    asked_before: list[float] = []

    async def ledger_writes() -> None:
        asked_before.extend(way.provider.asked)
        await asyncio.sleep(0.3)

    assert await way.ask(upstream.RENT, before_sending=ledger_writes) == "bought"
    assert asked_before == []
    await way.ask(upstream.RENT)
    assert way.provider.asked == [0.3, 1.35]


@held
async def test_a_purchase_that_cannot_be_noted_is_not_sent_and_blames_nobody() -> None:
    way = Way("bought")

    async def ledger_fails() -> None:
        raise LedgerUnavailable

    for _ in range(10):
        with pytest.raises(LedgerUnavailable):
            await way.ask(upstream.RENT, before_sending=ledger_fails)

    assert way.provider.asked == []
    assert set(way.breakers.states().values()) == {"closed"}


@held
async def test_a_purchase_that_cannot_be_noted_leaves_a_half_open_breaker_to_the_next() -> None:
    way = Way(UpstreamUnavailable())
    await way.endings(upstream.RENT, 5)
    opened = way.breakers.of(upstream.RENT).state
    way.provider.endings = ["bought"]
    await asyncio.sleep(2.0)

    async def ledger_fails() -> None:
        raise LedgerUnavailable

    with pytest.raises(LedgerUnavailable):
        await way.ask(upstream.RENT, before_sending=ledger_fails)

    assert opened == "open"
    assert await way.ask(upstream.RENT) == "bought"


@held
async def test_a_read_is_numbered_anew_whenever_it_is_sent() -> None:
    way = Way(UpstreamError(), "here")
    counter = count(1)
    first, second = SendNumber(counter), SendNumber(counter)
    await way.ask(before_sending=first)
    await way.ask(before_sending=second)

    assert (first.number, second.number) == (2, 3)


@held
async def test_a_purchase_held_up_by_the_ledger_and_then_by_its_connection_counts_once() -> None:
    way = Way("bought", per_second=2.0)

    async def ledger_writes() -> None:
        await asyncio.sleep(0.1)

    async def question() -> str:
        await asyncio.sleep(0.2)  # a connection is opened
        way.pipeline.going_out()
        return await way.provider.answer()

    await way.pipeline.ask("alice", upstream.RENT, question, before_sending=ledger_writes)
    await way.ask(upstream.RENT)
    await way.ask(upstream.RENT)

    assert way.provider.asked == [0.3, 0.3, 1.35]


@held
async def test_a_question_that_goes_out_late_counts_from_then() -> None:
    way = Way("here", per_second=1.0)
    way.pipeline.going_out()  # outside of any question it means nothing

    async def question() -> str:
        await asyncio.sleep(0.4)  # a connection is opened
        way.pipeline.going_out()
        return await way.provider.answer()

    asking = [
        asyncio.ensure_future(way.pipeline.ask("alice", upstream.BALANCE, each))
        for each in (question, way.provider.answer)
    ]
    await asyncio.wait(asking)

    assert way.provider.asked == [0.4, 1.45]


@held
async def test_a_caller_may_be_more_urgent_than_its_call() -> None:
    way = Way("here", per_second=1.0)
    order: list[str] = []

    async def ask(name: str, priority: Priority | None) -> None:
        await way.pipeline.ask(
            "alice", upstream.RENTAL_STATUS, way.provider.answer, priority=priority, deadline=9.0
        )
        order.append(name)

    await asyncio.gather(
        ask("first", None), ask("plain", None), ask("waited for", Priority.WAITED_FOR)
    )

    assert order == ["first", "waited for", "plain"]


@held
async def test_reads_that_fail_are_stopped_and_purchases_are_not() -> None:
    way = Way(UpstreamTimeout(), retry_policy=RetryPolicy(retries=0))
    await way.endings(upstream.RENTAL_STATUS, 5)
    way.provider.endings = ["here"]

    assert await way.endings(upstream.RENTAL_STATUS, 2) == ["upstream_unavailable"] * 2
    assert await way.endings(upstream.RENT, 1) == ["here"]
    assert await way.endings(upstream.CANCEL, 1) == ["here"]
    assert len(way.provider.asked) == 7
    assert way.observer.tripped == [("status", "open")]
    await asyncio.sleep(2.0)
    assert await way.endings(upstream.RENTAL_STATUS, 2) == ["here"] * 2


@held
async def test_purchases_stop_only_where_nothing_could_be_sent() -> None:
    unknown, dead = Way(OutcomeUnknown()), Way(UpstreamUnavailable())
    await unknown.endings(upstream.RENT, 20)
    await dead.endings(upstream.RENT, 20)

    assert len(unknown.provider.asked) == 20
    assert len(dead.provider.asked) == 5


@held
async def test_waiting_for_a_permit_does_not_keep_a_breaker_half_open() -> None:
    way = Way(*[UpstreamError()] * 5, "here", per_second=1.0, retry_policy=RetryPolicy(retries=0))
    await way.endings(upstream.RENTAL_STATUS, 5)
    await asyncio.sleep(2.0)
    callers = [asyncio.ensure_future(way.ask(deadline=9.0)) for _ in range(4)]
    await asyncio.wait(callers)

    assert [caller.result() for caller in callers] == ["here"] * 4


@held
async def test_a_caller_who_hangs_up_ends_its_question_and_proves_nothing() -> None:
    way = Way(UpstreamError(), retry_policy=RetryPolicy(retries=0))
    await way.endings(upstream.RENTAL_STATUS, 5)
    await asyncio.sleep(2.0)
    way.provider.takes = 60.0
    trying = asyncio.ensure_future(way.ask())
    await asyncio.sleep(1.0)
    trying.cancel()
    await asyncio.wait([trying])
    way.provider.takes, way.provider.endings = 0.0, ["here"]

    assert await way.ask() == "here"


@held
async def test_a_fault_of_ours_proves_nothing_either() -> None:
    way = Way(ZeroDivisionError())
    for _ in range(20):
        with pytest.raises(ZeroDivisionError):
            await way.ask()

    assert set(way.breakers.states().values()) == {"closed"}


FAULTS: Sequence[Ending] = (
    "here",
    UpstreamTimeout(),
    UpstreamError(),
    RateLimited(),
    RentalNotFound(),
)


@given(
    st.lists(st.sampled_from(FAULTS), min_size=1, max_size=30),
    st.lists(st.integers(0, 50), min_size=1, max_size=15),
)
@held
async def test_whatever_the_provider_does_every_caller_has_an_answer_in_time(
    endings: list[Ending], arrivals: list[int]
) -> None:
    way = Way(*endings, "here", per_second=2.0, takes=0.3)

    async def caller(at: float) -> float:
        await asyncio.sleep(at)
        before = loop().time()
        await way.endings(upstream.RENTAL_STATUS, 1)
        return loop().time() - before

    waits = await asyncio.gather(*(caller(at / 10) for at in arrivals))
    asked = way.provider.asked

    assert max(waits) <= 5.0 + 0.3 + 0.01
    assert all(late - soon > 1.0 for soon, late in zip(asked, asked[2:], strict=False))
    assert len(asked) <= 3 * len(arrivals)
