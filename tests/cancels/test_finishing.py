"""A tool's "done": completed with a code; without one the money comes back, now or later."""

import asyncio

from adapters.simulator import Fault, FaultKind
from gateway.core.model.errors import GatewayError
from gateway.core.model.rentals import Rental, RentalStatus
from gateway.core.operations.rentals import FINISH_RENTAL
from tests.cancels.support import LOST, PRICE, Bed, on_both_databases

LOCKED = {"cancel_locked": 300.0}


async def finish(bed: Bed, rental: int, node: int = 0) -> Rental:
    done = await bed.ask(FINISH_RENTAL, rental_id=rental, node=node)
    assert isinstance(done, Rental), done
    return done


@on_both_databases()
async def test_with_a_code_it_is_completed(bed: Bed) -> None:
    rental = await bed.rent()
    bed.receive(rental)
    first, again = await finish(bed, rental), await finish(bed, rental)

    assert (first.status, first.code) == (RentalStatus.COMPLETED, "012345")
    assert again.status is RentalStatus.COMPLETED
    assert bed.calls() == []


@on_both_databases()
async def test_without_a_code_it_is_cancelled_and_never_completed(bed: Bed) -> None:
    rental = await bed.rent()
    first, again = await finish(bed, rental), await finish(bed, rental)

    assert first.status is again.status is RentalStatus.CANCELLED
    assert (await bed.known(rental)).refunded == PRICE
    assert len(bed.calls()) == 1
    assert bed.calls("completed") == []


@on_both_databases(rules=LOCKED)
async def test_too_early_the_wish_to_cancel_stands(bed: Bed) -> None:
    rental = await bed.rent()
    told = await finish(bed, rental)
    await bed.pass_by(320)

    assert told.status is RentalStatus.ACTIVE
    assert told.cancel_requested_at is not None
    assert bed.status(rental) == "cancelled"
    assert (await bed.known(rental)).refunded == PRICE
    assert (await finish(bed, rental)).status is RentalStatus.CANCELLED


@on_both_databases(rules=LOCKED)
async def test_a_code_that_comes_before_the_cancel_is_completed(bed: Bed) -> None:
    rental = await bed.rent()
    await finish(bed, rental)
    await bed.pass_by(60)
    bed.receive(rental)
    done = await finish(bed, rental)
    await bed.pass_by(400)

    assert (done.status, done.code) == (RentalStatus.COMPLETED, "012345")
    assert await bed.wishes() == 0
    assert bed.status(rental) == "completed"


@on_both_databases()
async def test_a_lost_answer_to_the_cancel_is_looked_up(bed: Bed) -> None:
    rental = await bed.rent()
    bed.script(LOST)

    assert (await finish(bed, rental)).status is RentalStatus.CANCELLED
    assert (await bed.known(rental)).refunded == PRICE


@on_both_databases()
async def test_in_trouble_nothing_is_completed(bed: Bed) -> None:
    rental = await bed.rent()
    bed.script(Fault("*", FaultKind.STATUS, None, status=500))
    refused = await bed.ask(FINISH_RENTAL, rental_id=rental)
    bed.provider.sim.faults.clear()

    assert isinstance(refused, GatewayError)
    assert bed.status(rental) == "active"


@on_both_databases()
async def test_two_who_finish_at_once_cancel_it_once(bed: Bed) -> None:
    rental = await bed.rent()
    both = await asyncio.gather(finish(bed, rental), finish(bed, rental))

    assert RentalStatus.COMPLETED not in {each.status for each in both}
    assert bed.status(rental) == "cancelled"
    assert len(bed.calls()) == 1
