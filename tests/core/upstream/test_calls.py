"""The provider's calls and their limits, as they are declared."""

from math import inf

import pytest

from gateway.core.model.upstream_call import Effect, Priority
from gateway.core.upstream.calls import rates
from tests.support import calls as upstream


def test_the_limits_are_the_providers_and_an_operator_may_set_others() -> None:
    standard, premium = (
        rates(upstream.CALLS),
        rates(upstream.CALLS, premium=True, overrides={"prices": 0.1}),
    )

    assert (standard["rent"], standard["rent_specific"], standard["rent_again"]) == (2.0, 2.0, 1.0)
    assert {rate for bucket, rate in standard.items() if not bucket.startswith("rent_")} >= {1.0}
    assert [premium[name] for name in ("rent", "rental_status", "cancel")] == [200.0] * 3
    assert (premium["rent_specific"], premium["balance"], premium["prices"]) == (2.0, 1.0, 0.1)
    for wrong in ({"rents": 1.0}, {"rent": 0.0}, {"rent": float("nan")}, {"rent": inf}):
        with pytest.raises(ValueError, match="limit"):
            rates(upstream.CALLS, overrides=wrong)


def test_only_reads_may_be_repeated_and_failing_reads_stand_apart_from_purchases() -> None:
    reads = {call.group for call in upstream.CALLS if call.effect is Effect.READ}
    others = {call.group for call in upstream.CALLS if call.effect is not Effect.READ}

    assert not reads & others
    assert all(call.group == "spend" for call in upstream.CALLS if call.effect is Effect.SPEND)
    assert [call.name for call in upstream.CALLS if call.priority is Priority.PRICES] == ["prices"]
