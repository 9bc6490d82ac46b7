"""When a delivery is tried again."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.core.webhooks.schedule import WAITS, next_try_at

AT = datetime(2026, 12, 1, tzinfo=UTC)
SECONDS = [0, 5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600]
MANY = 300


def waits(failed: int, retry_after: float | None = None) -> list[float]:
    tries = [next_try_at(failed, AT, retry_after) for _ in range(MANY)]
    return [(each - AT).total_seconds() for each in tries if each is not None]


def test_the_waits_are_those_of_the_standards_example() -> None:
    assert [wait.total_seconds() for wait in WAITS] == SECONDS


@pytest.mark.parametrize("failed", range(1, 10))
def test_each_wait_is_spread_by_a_tenth(failed: int) -> None:
    usual, drawn = SECONDS[failed], waits(failed)

    assert len(drawn) == MANY
    assert usual * 0.9 <= min(drawn) < usual * 0.96
    assert usual * 1.04 < max(drawn) <= usual * 1.1


@pytest.mark.parametrize("retry_after", [None, 0.0, 60.0, 1e12])
def test_after_ten_tries_it_is_given_up(retry_after: float | None) -> None:
    assert next_try_at(10, AT, retry_after) is None
    assert next_try_at(11, AT, retry_after) is None


@pytest.mark.parametrize("failed", range(1, 10))
@pytest.mark.parametrize("retry_after", [0.0, 1.0, 60.0, 3600.0, 3601.0, 999_999_999.0])
def test_what_a_receiver_asks_for_lengthens_up_to_an_hour_and_never_shortens(
    failed: int, retry_after: float
) -> None:
    usual, drawn = SECONDS[failed], waits(failed, retry_after)

    assert min(drawn) >= max(usual * 0.9, min(retry_after, 3600.0))
    assert max(drawn) <= max(usual * 1.1, 3600.0)
    if retry_after >= 3600.0 > usual * 1.1:
        assert set(drawn) == {3600.0}


def test_a_time_stays_aware() -> None:
    again = next_try_at(1, AT, 30.0)

    assert again == AT + timedelta(seconds=30)
    assert again.tzinfo is UTC
