"""The rental that is replaced, as the nodes show it."""

import asyncio
from typing import Any

from adapters.simulator import Fault, FaultKind
from gateway.core.model.errors import GatewayError
from gateway.core.model.rentals import Rental
from gateway.core.operations.rentals import CANCEL_RENTAL, GET_RENTAL
from gateway.core.operations.replacement import REPLACE_RENTAL
from tests.cancels.support import ADMIN, Bed, on_both_databases

LOCKED = {"cancel_locked": 200.0}


async def replaced_by(bed: Bed, rental: int, node: int) -> int | None:
    """As a node tells it."""
    read = await bed.ask(GET_RENTAL, node, ADMIN, rental_id=rental)
    assert isinstance(read, Rental), read
    return read.replaced_by


@on_both_databases(nodes=2, rules=LOCKED)
async def test_the_other_node_tells_it_also_of_one_to_be_cancelled_already(bed: Bed) -> None:
    first = await bed.rent()
    await bed.cancel(first)
    before = await replaced_by(bed, first, 1)
    new = await bed.ask(REPLACE_RENTAL, rental_id=first, max_price="1")
    await bed.pass_by(3)

    assert before is None
    assert [await replaced_by(bed, first, node) for node in (0, 1)] == [new.id, new.id]


@on_both_databases(nodes=2, rules=LOCKED)
async def test_a_lost_one_that_is_matched_is_told_at_once(bed: Bed) -> None:
    first = await bed.rent(key=ADMIN)
    before = [await replaced_by(bed, first, node) for node in (0, 1)]
    bed.script(Fault("rent-a-number", FaultKind.DROP_AFTER))
    lost = await bed.ask(REPLACE_RENTAL, key=ADMIN, rental_id=first, max_price="1")
    new = max(bed.provider.sim.books.rentals)
    found = await bed.ask(GET_RENTAL, key=ADMIN, rental_id=new)
    await bed.pass_by(2)

    assert before == [None, None]
    assert isinstance(lost, GatewayError)
    assert found.replaces == first
    assert [await replaced_by(bed, first, node) for node in (0, 1)] == [new, new]


@on_both_databases()
async def test_its_cancel_is_no_error_while_the_wish_of_its_replacement_stands(bed: Bed) -> None:
    first = await bed.rent()
    bed.script(
        Fault("cancel-rental", FaultKind.STATUS, status=400, body='{"errors": "The moon is new"}')
    )
    asked: list[asyncio.Future[Any]] = []
    bed.when_asked(
        "cancel-rental",
        lambda: asked.append(asyncio.ensure_future(bed.ask(CANCEL_RENTAL, rental_id=first))),
    )
    await bed.ask(REPLACE_RENTAL, rental_id=first, max_price="1")
    await bed.pass_by(10)
    (told,) = await asyncio.gather(*asked)
    tried, status = len(bed.calls()), bed.status(first)
    await bed.pass_by(40)

    assert (tried, status) == (1, "active")
    assert isinstance(told, Rental), told
    assert told.cancel_requested_at is not None
    assert bed.status(first) == "cancelled"
