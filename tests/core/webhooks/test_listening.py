"""What is polled for webhooks, where the ledger or the provider does not answer."""

from datetime import UTC, datetime
from typing import cast

import pytest

from gateway.core.codes.subscription import Subscription
from gateway.core.model.errors import LedgerUnavailable
from gateway.core.model.purchases import View
from gateway.core.webhooks.listening import WebhookListening

VIEW = View("account")


class Clock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return 0.0


class Starting:
    """A subscription whose start fails where the ledger is away."""

    def __init__(self, *, away: bool) -> None:
        self.away = away
        self.started = self.closed = 0

    async def start(self, now: datetime) -> None:
        if self.away:
            raise LedgerUnavailable
        self.started += 1

    def close(self) -> None:
        self.closed += 1


async def test_a_view_whose_start_failed_is_started_at_the_next_look() -> None:
    made = [Starting(away=True), Starting(away=False)]
    left = iter(made)
    listening = WebhookListening(lambda _: cast(Subscription, next(left)), Clock())

    with pytest.raises(LedgerUnavailable):
        await listening.just({VIEW})
    states = [listening.is_on]
    for _ in range(2):
        await listening.just({VIEW})
        states.append(listening.is_on)

    assert states == [False, True, True]
    assert [(each.started, each.closed) for each in made] == [(0, 1), (1, 0)]
