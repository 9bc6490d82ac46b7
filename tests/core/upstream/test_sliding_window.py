"""When a sliding window expects to give the permits that are waited for."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.upstream.sliding_window import SlidingWindow


@given(
    st.integers(1, 4),
    st.lists(st.integers(0, 30), max_size=8),
    st.integers(0, 4),
    st.integers(0, 12),
    st.none() | st.integers(20, 60),
)
def test_a_permit_is_expected_when_those_before_it_leave_room(
    most: int, logged: list[int], granted: int, ahead: int, opens_at: int | None
) -> None:
    now, window = 30.0, SlidingWindow("alice:balance", float(most), margin=9.0)
    window.log.extend(sorted(map(float, logged)))
    window.granted = min(granted, most - len([each for each in window.log if each > 20.0]))
    window.opens_at = -inf if opens_at is None else float(opens_at)
    permits = [*window.log, *[now] * window.granted]
    for _ in range(ahead + 1):
        free = permits[-most] + 10.0 if len(permits) >= most else now
        permits.append(max(now, window.opens_at, free))

    assert window.seconds == 10.0
    assert window.expected(ahead, now) == permits[-1]
    assert window.has_room(now) == (window.expected(0, now) == now)


def test_the_next_permit_after_a_burst_is_expected_when_the_next_burst_may_come() -> None:
    window = SlidingWindow("alice:rent", 200.0, margin=0.1)
    window.log.extend([30.0] * 20)

    assert window.expected(0, 30.0) == pytest.approx(30.11)
    assert window.expected(20, 30.0) == pytest.approx(30.22)
