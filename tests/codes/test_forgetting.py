"""Codes are kept for so long, and not longer."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.core.jobs.housekeeping import Housekeeping
from gateway.wiring import SystemClock
from tests.codes.support import premium, rent, wait


@pytest.mark.parametrize("by_another", [False, True])
async def test_a_code_that_was_deleted_after_its_time_is_remembered_by_nobody(
    by_another: bool,
) -> None:
    async with premium() as stand:
        rental = await rent(stand.client)
        stand.sim.receive_code(rental, "012345")
        before = await wait(stand.client, rental)
        repository = stand.gateway.core.services.repository
        housekeeping = Housekeeping(
            stand.gateway.ledger,
            SystemClock(),
            stand.gateway.metrics,
            retention=timedelta(0),
            purged=repository.forget_all,
        )
        if by_another:
            now = datetime.now(UTC)
            await stand.gateway.ledger.purge(now, now)
        await housekeeping.purge()
        caller = await stand.gateway.callers.identify(stand.client.key)
        known = await repository.known(caller.account.id, rental)

    assert before["code"] == "012345"
    assert known is not None
    assert known.code is None
