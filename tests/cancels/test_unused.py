"""Numbers that no code has come to are given back shortly before their end."""

import asyncio
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

from adapters.simulator import Fault, FaultKind
from adapters.simulator.provider.renting import RentRequest
from gateway.core.model.purchases import View
from gateway.core.model.rentals import CancelWish, EndedReason, Rental
from gateway.core.operations.codes import WAIT_FOR_CODE
from gateway.core.operations.rentals import CANCEL_AT_ONCE, GET_RENTAL
from tests.cancels.support import (
    ADMIN,
    LOST,
    MINUTES,
    OWN,
    PASSING,
    PRICE,
    Bed,
    on_both_databases,
)

BEFORE: dict[str, Any] = {"gateway_cancel_before_end_seconds": 20}
LIFE = 60.0 * MINUTES


async def end_of(bed: Bed, rental: int) -> Rental:
    """A rental a minute after its end, whose cancels are over."""
    await bed.pass_by(LIFE + 60 - bed.clock.monotonic())
    assert await bed.wishes() == 0
    return await bed.known(rental)


@on_both_databases(**BEFORE)
async def test_a_silent_number_is_given_back_before_its_end_and_told(bed: Bed) -> None:
    rental = await bed.rent()
    await bed.pass_by(LIFE - 45)
    before = bed.calls()
    known = await end_of(bed, rental)

    assert before == []
    assert (bed.status(rental), known.ended_reason) == ("cancelled", EndedReason.CANCELLED_UNUSED)
    assert known.refunded == PRICE
    (called,) = bed.calls()
    assert LIFE - 21 <= called <= LIFE - 10
    looks = [at for at in bed.calls("rental-status") if called - 5 < at <= called]
    assert len(looks) == 1
    kinds = await bed.kinds(rental)
    assert kinds == ["rental.created", "rental.refunded", "rental.ended"]
    ended = (await bed.events(rental))[-1].data
    assert ended is not None
    assert ended.ended_reason is EndedReason.CANCELLED_UNUSED
    metrics = bed.nodes[0].gateway.metrics.render()
    assert b"getatext_gateway_returned_unused_total 1" in metrics


@on_both_databases()
async def test_a_setting_turns_it_off(bed: Bed) -> None:
    rental = await bed.rent()
    known = await end_of(bed, rental)

    assert bed.calls() == []
    assert known.ended_reason is EndedReason.EXPIRED


@on_both_databases(**BEFORE)
async def test_a_number_with_a_code_is_kept(bed: Bed) -> None:
    early, late = await bed.rent(), await bed.rent()
    await bed.pass_by(60)
    bed.receive(early)
    await bed.pass_by(LIFE - 24 - bed.clock.monotonic())
    bed.receive(late)
    await end_of(bed, late)

    assert bed.calls() == []
    for rental in (early, late):
        assert (await bed.known(rental)).code == "012345"


@on_both_databases(**BEFORE)
async def test_a_number_that_a_webhook_told_a_code_of_is_kept(bed: Bed) -> None:
    rental = await bed.rent()
    webhook = SimpleNamespace(rental_id=rental, code="12345", received_at=None)
    bed.script(Fault("rental-status", FaultKind.STATUS, None))
    await bed.nodes[0].gateway.core.webhooks.received(bed.account(OWN), webhook)
    await bed.pass_by(60)
    bed.provider.sim.faults.clear()
    await end_of(bed, rental)

    assert bed.calls() == []


@on_both_databases(nodes=2, **BEFORE)
async def test_a_number_that_somebody_waits_for_on_any_node_is_kept(bed: Bed) -> None:
    rentals = [await bed.rent(0) for _ in range(2)]
    await bed.pass_by(LIFE - 100)

    async def wait(node: int, rental: int) -> None:
        while bed.clock.monotonic() < LIFE:
            await bed.ask(WAIT_FOR_CODE, node, rental_id=rental, wait_seconds=20)
            await asyncio.sleep(1)

    await asyncio.gather(*(wait(node, rental) for node, rental in enumerate(rentals)))
    await end_of(bed, rentals[0])

    assert bed.calls() == []


@on_both_databases(**BEFORE)
async def test_a_wait_that_begins_while_the_last_look_is_under_way_keeps_it(bed: Bed) -> None:
    rental = await bed.rent()
    await bed.pass_by(LIFE - 21)
    waits: list[asyncio.Future[Any]] = []

    async def wait() -> None:
        while bed.clock.monotonic() < LIFE:
            await bed.ask(WAIT_FOR_CODE, rental_id=rental, wait_seconds=20)
            await asyncio.sleep(1)

    bed.when_asked("rental-status", lambda: waits.append(asyncio.ensure_future(wait())))
    await end_of(bed, rental)
    await asyncio.gather(*waits)

    assert len(waits) == 1
    assert bed.calls() == []


@on_both_databases(gateway_status_cache_seconds=60, **BEFORE)
async def test_the_last_look_asks_the_provider_whatever_was_read_before(bed: Bed) -> None:
    rental = await bed.rent()
    await bed.pass_by(LIFE - 30)
    await bed.ask(GET_RENTAL, rental_id=rental)
    await bed.pass_by(5)
    bed.receive(rental)
    await end_of(bed, rental)

    assert bed.calls() == []


@on_both_databases(**BEFORE)
async def test_many_that_are_given_back_hold_up_no_waiter(bed: Bed) -> None:
    for _ in range(60):
        await bed.rent()
    waited_for = await bed.rent()
    await bed.pass_by(LIFE - 60 - bed.clock.monotonic())
    begun = len(bed.calls())
    waiting = asyncio.ensure_future(bed.ask(WAIT_FOR_CODE, rental_id=waited_for, wait_seconds=20))
    await bed.pass_by(5)
    bed.receive(waited_for)
    received = bed.clock.monotonic()
    told = await waiting

    assert 0 < begun < 50
    assert told.code == "012345"
    assert bed.clock.monotonic() - received < 10


@on_both_databases(nodes=2, **BEFORE)
async def test_one_of_two_nodes_gives_it_back(bed: Bed) -> None:
    rentals = [await bed.rent(node) for node in (0, 1)]
    await end_of(bed, rentals[0])

    assert {bed.status(rental) for rental in rentals} == {"cancelled"}
    assert len(bed.calls()) == 2


@on_both_databases(getatext_timezone="Europe/Berlin", **BEFORE)
async def test_in_a_wrong_zone_nothing_is_given_back(bed: Bed) -> None:
    rental = await bed.rent()
    await bed.pass_by(LIFE + 60)

    assert bed.calls() == []
    assert bed.status(rental) == "expired"


@on_both_databases(**BEFORE)
async def test_what_was_not_bought_here_is_kept(bed: Bed) -> None:
    account = bed.provider.sim.books.accounts[OWN]
    sold = bed.provider.sim.renting.rent(account, RentRequest("silent"))
    await bed.ask(GET_RENTAL, key=ADMIN, rental_id=sold.id)
    await bed.pass_by(LIFE + 60)

    assert bed.calls() == []


@on_both_databases(rules={"cancel_locked": LIFE}, **BEFORE)
async def test_one_too_early_ends_the_try(bed: Bed) -> None:
    rental = await bed.rent()
    known = await end_of(bed, rental)

    assert len(bed.calls()) == 1
    assert known.ended_reason is EndedReason.EXPIRED
    assert (known.cancel_requested_at, known.refunded) == (None, None)


@on_both_databases(rules={"cancel_locked": LIFE}, **BEFORE)
async def test_what_a_tool_cancels_after_the_try_was_not_given_back_unused(bed: Bed) -> None:
    rental = await bed.rent()
    await bed.pass_by(LIFE - 10)
    tried = len(bed.calls())
    bed.change(cancel_locked=0.0)
    cancelled = await bed.ask(CANCEL_AT_ONCE, rental_id=rental)

    assert tried == 1
    assert cancelled.ended_reason is EndedReason.CANCELLED
    assert (await bed.known(rental)).ended_reason is EndedReason.CANCELLED
    ended = (await bed.events(rental))[-1].data
    assert ended is not None
    assert ended.ended_reason is EndedReason.CANCELLED


@on_both_databases(rules={"cancel_locked": LIFE}, gateway_cancel_before_end_seconds=300)
async def test_it_is_not_wanted_again_and_again_after_the_try(bed: Bed) -> None:
    rental = await bed.rent()
    ledger, wanted = bed.nodes[0].gateway.ledger, []
    want = ledger.want_cancel

    async def noted(*given: Any) -> CancelWish | None:
        wanted.append(bed.clock.monotonic())
        return await want(*given)

    ledger.want_cancel = noted  # type: ignore[method-assign, assignment]
    await end_of(bed, rental)

    assert len(bed.calls()) == 1
    assert len(wanted) <= 2


@on_both_databases(**BEFORE)
async def test_a_lost_answer_is_looked_for(bed: Bed) -> None:
    rental = await bed.rent()
    await bed.pass_by(LIFE - 60)
    bed.script(LOST)
    known = await end_of(bed, rental)

    assert len(bed.calls()) == 1
    assert known.ended_reason is EndedReason.CANCELLED_UNUSED


@on_both_databases(**BEFORE)
async def test_what_a_caller_asks_for_meanwhile_is_the_callers(bed: Bed) -> None:
    rental = await bed.rent()
    await bed.pass_by(LIFE - 26)
    assert (await bed.known(rental)).cancel_requested_at is not None
    told = await bed.cancel(rental)

    assert told.ended_reason is EndedReason.CANCELLED
    assert "rental.cancel_requested" in await bed.kinds(rental)


@on_both_databases(**BEFORE)
async def test_many_that_end_at_once_begin_early_enough_for_the_limit(bed: Bed) -> None:
    rentals = [await bed.rent() for _ in range(60)]
    await end_of(bed, rentals[0])

    assert {bed.status(rental) for rental in rentals} == {"cancelled"}
    calls = bed.calls()
    assert len(calls) == len(rentals)
    assert calls[0] < LIFE - 75
    assert all(later - one > 0.9 for one, later in pairwise(calls))
    assert {(await bed.known(each)).ended_reason for each in rentals} == {
        EndedReason.CANCELLED_UNUSED
    }


@on_both_databases(getatext_rates={"rent": 1000.0, "cancel": 0.05}, **BEFORE)
async def test_they_begin_as_early_as_a_low_limit_needs(bed: Bed) -> None:
    rentals = [await bed.rent(service="lasting") for _ in range(60)]
    await bed.pass_by(4 * LIFE + 60 - bed.clock.monotonic())

    assert {bed.status(rental) for rental in rentals} == {"cancelled"}
    assert bed.calls()[0] > 2 * LIFE


@on_both_databases(**BEFORE)
async def test_what_was_asked_for_goes_first(bed: Bed) -> None:
    rentals = [await bed.rent() for _ in range(20)]
    asked, unused = rentals[:10], rentals[10:]
    early = '{"errors": "You need to wait 865 seconds"}'
    await bed.pass_by(LIFE - 400)
    bed.script(Fault("cancel-rental", FaultKind.STATUS, times=10, status=400, body=early))
    for rental in asked:
        await bed.cancel(rental)
    await end_of(bed, rentals[0])

    assert {bed.status(rental) for rental in rentals} == {"cancelled"}
    ends = {each: (await bed.events(each))[-1].timestamp for each in rentals}
    last = max(ends[each] for each in asked)
    before = [each for each in unused if min(ends[one] for one in asked) < ends[each] < last]
    assert len(before) <= 2  # they had begun


@on_both_databases(**BEFORE)
async def test_it_goes_on_after_a_restart(bed: Bed) -> None:
    rental = await bed.rent()
    await bed.pass_by(LIFE - 70)
    await bed.restart()
    known = await end_of(bed, rental)

    assert known.ended_reason is EndedReason.CANCELLED_UNUSED


@on_both_databases(**BEFORE)
async def test_a_passing_callers_number_is_given_back_too(bed: Bed) -> None:
    rental = await bed.rent(key=PASSING)
    await bed.pass_by(LIFE + 60)
    ledger = bed.nodes[0].gateway.ledger
    known = await ledger.find(View(bed.account(PASSING)), "rental", rental)

    assert isinstance(known, Rental)
    assert known.ended_reason is EndedReason.CANCELLED_UNUSED
