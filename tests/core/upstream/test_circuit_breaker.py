"""The circuit breaker: what counts as failing, when calls stop, and how they begin again."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.model.errors import GatewayError, OutcomeUnknown, RateLimited, RentalNotFound
from gateway.core.model.provider_errors import (
    OutOfStock,
    UpstreamAuthFailed,
    UpstreamBadResponse,
    UpstreamError,
    UpstreamMaintenance,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.core.model.upstream_call import AnyCall, Effect, UpstreamCall
from gateway.core.model.values import Charged
from gateway.core.ports.observer import NoObserver
from gateway.core.upstream.circuit_breaker import (
    BreakerPolicy,
    BreakerState,
    CircuitBreaker,
    CircuitBreakers,
    failed,
)
from gateway.core.upstream.retry import RetryBudget
from tests.support import calls as upstream
from tests.support.core import Clock

GOOD, BAD = True, False


@dataclass
class Noted(NoObserver):
    """Records the states of breakers."""

    states: list[str]

    def breaker_changed(self, group: str, state: str) -> None:
        self.states.append(state)


class Line:
    """One breaker, its clock and the states it reported."""

    def __init__(self, policy: BreakerPolicy | None = None) -> None:
        self.clock = Clock()
        observer = Noted([])
        self.states = observer.states
        self.breaker = CircuitBreaker("status", self.clock, policy or BreakerPolicy(), observer)

    def call(self, *endings: bool | None, account: str = "one") -> None:
        for ok in endings:
            self.breaker.ended(self.breaker.enter(), ok=ok, account_id=account)

    def refused(self) -> UpstreamUnavailable:
        with pytest.raises(UpstreamUnavailable) as refusal:
            self.breaker.enter()
        return refusal.value


@pytest.mark.parametrize(
    ("call", "error", "counts"),
    [
        (upstream.BALANCE, UpstreamUnavailable(), True),
        (upstream.BALANCE, UpstreamTimeout(), True),
        (upstream.BALANCE, UpstreamError(), True),
        (upstream.BALANCE, UpstreamBadResponse(), True),
        (upstream.BALANCE, UpstreamMaintenance(), True),
        (upstream.BALANCE, UpstreamAuthFailed(), False),
        (upstream.RENTAL_STATUS, RentalNotFound(), False),
        (upstream.RENTAL_STATUS, RateLimited(), False),
        (upstream.CANCEL, UpstreamRefused(), False),
        (upstream.CANCEL, UpstreamTimeout(), True),
        (upstream.RENT, OutOfStock(), False),
        (upstream.RENT, UpstreamUnavailable(), True),
        (upstream.RENT, UpstreamMaintenance(), False),
        (upstream.RENT, OutcomeUnknown(), False),
        (upstream.RENEW_LONG_RENTAL, UpstreamError(), False),
    ],
    ids=lambda value: value.name if isinstance(value, UpstreamCall) else getattr(value, "code", ""),
)
def test_what_counts_as_failing(call: AnyCall, error: GatewayError, counts: bool) -> None:
    assert failed(call, error) is counts


def test_failures_in_a_row_stop_the_calls_and_say_when_to_come_again() -> None:
    line = Line()
    line.call(*[BAD] * 5)
    line.clock.pass_by(0.5)
    refusal = line.refused()

    assert line.breaker.state is BreakerState.OPEN
    assert refusal.retry_after == 1.5
    assert refusal.charged is Charged.NO
    assert refusal.detail.startswith("The provider has been failing, so this call was not sent.")
    assert line.states == ["open"]


@pytest.mark.parametrize("ending", [GOOD, None])
def test_failures_that_are_not_in_a_row_are_borne(ending: bool | None) -> None:
    line = Line()
    line.call(BAD, BAD, BAD, BAD, ending, *[BAD] * (4 if ending else 0))

    assert line.breaker.state is BreakerState.CLOSED


def test_a_share_of_failures_stops_the_calls() -> None:
    line = Line()
    line.call(*[BAD, GOOD] * 10)

    assert line.breaker.state is BreakerState.OPEN


def test_a_smaller_share_is_borne_for_ever() -> None:
    line = Line()
    line.call(*[BAD, GOOD, GOOD] * 200)

    assert line.states == []


def test_what_only_one_account_sees_stops_nobody_while_another_is_served() -> None:
    line = Line()
    for _ in range(20):
        line.call(GOOD, account="another")
        line.call(*[BAD] * 6)
        line.clock.pass_by(10.0)

    assert line.states == []


def test_an_account_that_is_alone_is_believed() -> None:
    line = Line()
    line.call(GOOD, account="another")
    line.clock.pass_by(16.0)
    line.call(*[BAD] * 5)

    assert line.breaker.state is BreakerState.OPEN


def test_what_two_accounts_see_stops_the_calls_though_a_third_was_served() -> None:
    line = Line()
    line.call(GOOD, account="third")
    line.call(*[BAD] * 4)
    line.call(BAD, account="another")

    assert line.breaker.state is BreakerState.OPEN


def test_failures_of_long_ago_do_not_count() -> None:
    line = Line()
    for _ in range(20):
        line.call(BAD)
        line.clock.pass_by(20.0)

    assert line.states == []


def test_one_call_at_a_time_tries_whether_it_works_again() -> None:
    line = Line()
    line.call(*[BAD] * 5)
    line.clock.pass_by(2.0)
    ticket = line.breaker.enter()

    assert line.breaker.state is BreakerState.HALF_OPEN
    assert line.refused().retry_after == 1.0
    line.breaker.ended(ticket, ok=True, account_id="one")
    line.call(GOOD, BAD, GOOD)
    assert line.states == ["open", "half_open", "closed"]


def test_each_try_that_fails_makes_the_pause_longer_up_to_a_limit() -> None:
    line = Line()
    line.call(*[BAD] * 5)
    pauses = []
    for _ in range(6):
        pause = line.refused().retry_after or 0.0
        pauses.append(pause)
        line.clock.pass_by(pause)
        line.call(BAD)
    line.clock.pass_by(30.0)
    line.call(GOOD, *[BAD] * 5)

    assert pauses == [2.0, 4.0, 5.0, 5.0, 5.0, 5.0]
    assert line.refused().retry_after == 2.0


def test_a_try_that_says_nothing_makes_room_for_another() -> None:
    line = Line()
    line.call(*[BAD] * 5)
    line.clock.pass_by(2.0)
    line.call(None, GOOD)

    assert line.breaker.state is BreakerState.CLOSED


def test_calls_from_before_the_last_change_say_nothing() -> None:
    line = Line()
    early = [line.breaker.enter() for _ in range(3)]
    line.call(*[BAD] * 5)
    line.breaker.ended(early[0], ok=True, account_id="one")
    line.clock.pass_by(2.0)
    line.breaker.enter()
    line.breaker.ended(early[1], ok=False, account_id="one")
    line.breaker.ended(early[2], ok=None, account_id="one")

    assert line.states == ["open", "half_open"]
    line.refused()  # the one call that tries is still under way


@given(st.lists(st.tuples(st.sampled_from([True, False, None]), st.integers(0, 10))))
def test_a_breaker_always_closes_again(endings: list[tuple[bool | None, int]]) -> None:
    line = Line()
    waits: list[float] = []
    for ok, seconds in endings:
        line.clock.pass_by(seconds)
        try:
            ticket = line.breaker.enter()
        except UpstreamUnavailable as refusal:
            waits.append(refusal.retry_after or 0.0)
        else:
            line.breaker.ended(ticket, ok=ok, account_id="one")
    line.clock.pass_by(30.0)
    line.call(GOOD)

    assert line.breaker.state is BreakerState.CLOSED
    assert all(1.0 <= wait <= 30.0 for wait in waits)


def test_reads_that_fail_stop_no_purchase() -> None:
    states: list[str] = []
    breakers = CircuitBreakers(Clock(), upstream.CALLS, observer=Noted(states))
    for call in upstream.CALLS:
        for _ in range(5 if call.effect is Effect.READ else 0):
            if breakers.of(call).state is BreakerState.CLOSED:
                breaker = breakers.of(call)
                breaker.ended(breaker.enter(), ok=False, account_id="one")

    assert breakers.states() == {
        "spend": "closed",
        "status": "open",
        "change": "closed",
        "prices": "open",
        "balance": "open",
        "long_rentals": "open",
        "key_check": "open",
    }
    assert len(states) == 5


def test_repeats_are_a_share_of_the_calls_and_a_reserve() -> None:
    budget = RetryBudget(share=0.1, reserve=10.0)
    at_once = sum(budget.spend() for _ in range(100))
    later = 0
    for _ in range(1000):
        budget.earn()
        later += budget.spend()

    assert at_once == 10
    assert 98 <= later <= 100


def test_repeats_not_used_are_not_saved_up() -> None:
    budget = RetryBudget(share=0.1, reserve=3.0)
    for _ in range(1000):
        budget.earn()

    assert [budget.spend() for _ in range(4)] == [True, True, True, False]
