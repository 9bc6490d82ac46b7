"""When one bucket expects the turns that are waited for."""

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
def test_a_turn_is_expected_when_those_before_it_leave_room(
    most: int, logged: list[int], granted: int, ahead: int, opens_at: int | None
) -> None:
    now, bucket = 30.0, SlidingWindow("alice:balance", float(most), margin=9.0)
    bucket.log.extend(sorted(map(float, logged)))
    bucket.granted = min(granted, most - len([each for each in bucket.log if each > 20.0]))
    bucket.opens_at = -inf if opens_at is None else float(opens_at)
    turns = [*bucket.log, *[now] * bucket.granted]
    for _ in range(ahead + 1):
        free = turns[-most] + 10.0 if len(turns) >= most else now
        turns.append(max(now, bucket.opens_at, free))

    assert bucket.seconds == 10.0
    assert bucket.expected(ahead, now) == turns[-1]
    assert bucket.has_room(now) == (bucket.expected(0, now) == now)


def test_the_next_turn_after_a_burst_is_expected_when_the_next_burst_may_come() -> None:
    bucket = SlidingWindow("alice:rent", 200.0, margin=0.1)
    bucket.log.extend([30.0] * 20)

    assert bucket.expected(0, 30.0) == pytest.approx(30.11)
    assert bucket.expected(20, 30.0) == pytest.approx(30.22)
