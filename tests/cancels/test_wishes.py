"""cancel_rental cancels now, or as soon as the provider allows."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

from adapters.simulator import Fault, FaultKind
from adapters.simulator.provider.renting import RentRequest
from gateway.core.model.errors import GatewayError
from gateway.core.model.purchases import View
from gateway.core.model.rentals import EndedReason, Rental, RentalStatus
from gateway.core.operations.rentals import CANCEL_AT_ONCE, COMPLETE_RENTAL, GET_RENTAL
from gateway.core.rentals.cancelling import Standing
from tests.cancels.support import (
    ADMIN,
    HOLDER,
    LOST,
    NOT_ARRIVED,
    OWN,
    PASSING,
    PRICE,
    Bed,
    on_both_databases,
)
from tests.model.node import Died

LOCKED = {"cancel_locked": 300.0}
IN_WORDS = {
    name: Fault(
        "cancel-rental", FaultKind.STATUS, None, status=400, body=f'{{"errors": "{words}"}}'
    )
    for name, words in {
        "early": "It is too early to cancel",
        "left": "wait 2 more minutes",
        "an hour": "You need to wait 60 minutes before cancelling",
        "unseen": "The moon is not full",
        "ended": "Rental is not active",
        "code": "Rental already has a code",
    }.items()
}
MAINTENANCE = Fault(
    "cancel-rental", FaultKind.STATUS, None, status=503, body='{"errors": "under maintenance"}'
)
KEY_REFUSED = Fault("*", FaultKind.STATUS, None, status=403, body='{"errors": "Wrong Api Key"}')


@on_both_databases()
async def test_it_is_cancelled_at_once_where_the_provider_allows(bed: Bed) -> None:
    rental = await bed.rent()
    cancelled = await bed.cancel(rental)
    again = await bed.cancel(rental)

    assert (cancelled.status, cancelled.ended_reason) == ("cancelled", EndedReason.CANCELLED)
    assert (cancelled.refunded, cancelled.notice) == (PRICE, None)
    assert again.status == "cancelled"
    assert len(bed.calls()) == 1
    assert await bed.kinds(rental) == [
        "rental.created", "rental.cancel_requested", "rental.refunded", "rental.ended",
    ]  # fmt: skip


@on_both_databases(rules=LOCKED)
async def test_too_early_it_stands_and_is_cancelled_when_the_provider_allows(bed: Bed) -> None:
    rental = await bed.rent()
    await bed.pass_by(10)
    told = await bed.cancel(rental)
    await bed.pass_by(20)
    again = await bed.cancel(rental)
    await bed.pass_by(265)
    before = bed.status(rental)
    await bed.pass_by(15)

    assert told.status == "active"
    assert told.cancel_requested_at is not None
    assert told.created_at is not None
    assert told.cancel_available_at == told.created_at + timedelta(seconds=301)
    assert (told.notice or "").startswith("The provider does not cancel it yet. The gateway ")
    assert again == told
    assert (before, bed.status(rental)) == ("active", "cancelled")
    assert len(bed.calls()) == 2
    known = await bed.known(rental)
    assert (known.status, known.refunded) == ("cancelled", PRICE)
    assert (await bed.kinds(rental)).count("rental.cancel_requested") == 1


@on_both_databases(rules=LOCKED)
async def test_without_minutes_it_is_tried_every_30_seconds(bed: Bed) -> None:
    bed.script(IN_WORDS["early"])
    rental = await bed.rent()
    told = await bed.cancel(rental)
    await bed.pass_by(121)
    tries = bed.calls()
    await bed.pass_by(200)
    bed.provider.sim.faults.clear()
    await bed.pass_by(30)

    assert (told.status, told.cancel_available_at) == ("active", None)
    assert [round(at - tries[0]) for at in tries] == [0, 30, 60, 90, 120]
    assert bed.status(rental) == "cancelled"


@on_both_databases(rules=LOCKED)
async def test_the_lock_is_learned_from_what_was_refused_and_done(bed: Bed) -> None:
    bed.change(cancel_locked=100.0)
    first = await bed.rent()
    bed.script(IN_WORDS["early"])
    await bed.cancel(first)
    await bed.pass_by(95)
    bed.provider.sim.faults.clear()
    await bed.pass_by(40)
    assert bed.status(first) == "cancelled"
    bed.script(IN_WORDS["early"])
    second = await bed.rent()
    told = await bed.cancel(second)
    bed.provider.sim.faults.clear()
    before = len(bed.calls())
    await bed.pass_by(115)
    assert (len(bed.calls()), bed.status(second)) == (before, "active")
    await bed.pass_by(15)

    assert told.created_at is not None
    assert told.cancel_available_at is not None
    assert 120 <= (told.cancel_available_at - told.created_at).total_seconds() <= 123
    assert bed.status(second) == "cancelled"
    assert len(bed.calls()) == before + 1


@on_both_databases()
async def test_minutes_that_are_left_count_from_now(bed: Bed) -> None:
    rental = await bed.rent()
    await bed.pass_by(200)
    bed.script(replace(IN_WORDS["left"], times=1))
    asked = bed.clock.now()
    told = await bed.cancel(rental)
    await bed.pass_by(115)
    before = bed.status(rental)
    await bed.pass_by(10)

    assert told.cancel_available_at is not None
    assert 120 <= (told.cancel_available_at - asked).total_seconds() < 121
    assert (before, bed.status(rental)) == ("active", "cancelled")


@on_both_databases()
async def test_more_than_ten_minutes_are_not_believed(bed: Bed) -> None:
    rental = await bed.rent()
    bed.script(replace(IN_WORDS["an hour"], times=1))
    told = await bed.cancel(rental)
    await bed.pass_by(595)
    before = bed.status(rental)
    await bed.pass_by(10)

    assert (told.status, told.cancel_available_at) == ("active", None)
    assert (before, bed.status(rental)) == ("active", "cancelled")


@on_both_databases()
async def test_a_lost_answer_is_asked_for_by_a_look_at_the_status(bed: Bed) -> None:
    rental = await bed.rent()
    bed.script(LOST)
    told = await bed.cancel(rental)

    assert (told.status, told.refunded) == ("cancelled", PRICE)
    assert (len(bed.calls()), len(bed.calls("rental-status"))) == (1, 1)


@on_both_databases()
async def test_a_lost_answer_is_not_taken_for_done(bed: Bed) -> None:
    rental = await bed.rent()
    bed.script(NOT_ARRIVED)
    told = await bed.cancel(rental)
    before = bed.status(rental)
    await bed.pass_by(10)

    assert (told.status, before) == ("active", "active")
    assert bed.status(rental) == "cancelled"


@on_both_databases()
async def test_while_the_provider_is_away_the_wish_stands_and_says_so(bed: Bed) -> None:
    rental = await bed.rent()
    bed.provider.reachable = False
    told = await bed.cancel(rental)
    await bed.pass_by(120)
    still = await bed.cancel(rental)
    bed.provider.reachable = True
    await bed.pass_by(40)

    for each in (told, still):
        assert (each.status, each.cancel_available_at) == ("active", None)
        assert (each.notice or "").startswith("The provider does not answer now. The gateway ")
    assert bed.status(rental) == "cancelled"
    assert (await bed.known(rental)).refunded == PRICE


@on_both_databases()
async def test_it_is_asked_ever_more_seldom_while_the_provider_is_away(bed: Bed) -> None:
    rentals = [await bed.rent() for _ in range(3)]
    bed.script(MAINTENANCE)
    for rental in rentals:
        await bed.cancel(rental)
    await bed.pass_by(300)
    calls = len(bed.calls())
    bed.provider.sim.faults.clear()
    await bed.pass_by(65)

    assert calls < 60
    assert {bed.status(rental) for rental in rentals} == {"cancelled"}


@on_both_databases()
async def test_a_refused_key_is_tried_again_seldom(bed: Bed) -> None:
    rental = await bed.rent()
    bed.script(KEY_REFUSED)
    error = await bed.refused(rental)
    await bed.pass_by(290)
    calls = len(bed.calls())
    bed.provider.sim.faults.clear()
    await bed.pass_by(20)

    assert error == "upstream_auth_failed"
    assert calls == 1
    assert bed.status(rental) == "cancelled"


@on_both_databases(rules=LOCKED)
async def test_a_code_ends_the_wish_and_is_told(bed: Bed) -> None:
    rental = await bed.rent()
    await bed.cancel(rental)
    await bed.pass_by(60)
    bed.receive(rental)
    await bed.pass_by(400)

    known = await bed.known(rental)
    assert (known.status, known.code) == ("code_received", "012345")
    assert len(bed.calls()) == 1
    assert "rental.code_received" in await bed.kinds(rental)
    assert await bed.wishes() == 0
    assert await bed.refused(rental) == "code_already_received"


@on_both_databases(rules=LOCKED)
async def test_a_code_that_only_the_provider_knows_ends_the_wish_at_its_try(bed: Bed) -> None:
    rental = await bed.rent()
    await bed.cancel(rental)
    await bed.pass_by(295)
    bed.receive(rental)
    await bed.pass_by(30)

    assert (await bed.known(rental)).code == "012345"
    assert await bed.wishes() == 0


@on_both_databases(rules=LOCKED)
async def test_completing_it_ends_the_wish(bed: Bed) -> None:
    rental = await bed.rent()
    await bed.cancel(rental)
    completed = await bed.ask(COMPLETE_RENTAL, rental_id=rental)
    await bed.pass_by(400)

    assert isinstance(completed, Rental)
    assert completed.status is RentalStatus.COMPLETED
    assert len(bed.calls()) == 1
    assert await bed.wishes() == 0
    assert await bed.refused(rental) == "rental_ended"


@on_both_databases(rules={"cancel_locked": 10_000.0})
async def test_its_end_ends_the_wish(bed: Bed) -> None:
    rental = await bed.rent()
    await bed.cancel(rental)
    await bed.pass_by(1000)

    assert (await bed.known(rental)).ended_reason is EndedReason.EXPIRED
    assert await bed.wishes() == 0
    calls = len(bed.calls())
    await bed.pass_by(1000)
    assert len(bed.calls()) == calls


@on_both_databases()
async def test_refusals_that_its_status_confirms_are_errors_and_leave_no_wish(bed: Bed) -> None:
    with_code, ended, unseen = [await bed.rent() for _ in range(3)]
    bed.receive(with_code)
    bed.provider.sim.renting.expire(ended, bed.provider.now())
    assert await bed.refused(with_code) == "code_already_received"
    assert await bed.refused(ended) == "rental_ended"
    bed.script(IN_WORDS["unseen"])
    assert await bed.refused(unseen) == "upstream_refused"
    bed.provider.sim.faults.clear()
    await bed.pass_by(100)

    assert await bed.wishes() == 0
    assert bed.status(unseen) == "active"


@on_both_databases(rules=LOCKED)
async def test_what_stands_outlives_a_refusal_in_unseen_words(bed: Bed) -> None:
    rental = await bed.rent()
    await bed.cancel(rental)
    bed.script(IN_WORDS["unseen"])
    await bed.pass_by(400)
    bed.provider.sim.faults.clear()
    await bed.pass_by(40)

    assert bed.status(rental) == "cancelled"


@on_both_databases()
async def test_what_nobody_has_is_not_found_and_wanted(bed: Bed) -> None:
    assert await bed.refused(4711, key=HOLDER) == "rental_not_found"
    assert await bed.refused(4711, key=ADMIN) == "rental_not_found"
    assert await bed.refused(4711, key=PASSING) == "rental_not_found"
    assert bed.calls() == []


@on_both_databases(rules=LOCKED)
async def test_what_was_not_bought_here_is_cancelled_later_too(bed: Bed) -> None:
    account = bed.provider.sim.books.accounts[OWN]
    sold = bed.provider.sim.renting.rent(account, RentRequest("silent"))
    told = await bed.cancel(sold.id, key=ADMIN)
    await bed.pass_by(310)

    assert told.status == "active"
    assert told.cancel_requested_at is not None
    assert bed.status(sold.id) == "cancelled"


@on_both_databases(rules=LOCKED)
async def test_a_revoked_key_ends_no_wish(bed: Bed) -> None:
    rental = await bed.rent()
    await bed.cancel(rental)
    await bed.nodes[0].gateway.keys.revoke(HOLDER, bed.clock.now())
    await bed.pass_by(310)

    assert await bed.refused(rental) == "unauthorized"
    assert bed.status(rental) == "cancelled"


@on_both_databases(rules=LOCKED)
async def test_a_passing_key_is_waited_for_after_a_restart(bed: Bed) -> None:
    rental = await bed.rent(key=PASSING)
    told = await bed.cancel(rental, key=PASSING)
    await bed.restart()
    await bed.pass_by(400)
    before = bed.status(rental)
    await bed.ask(GET_RENTAL, key=PASSING, rental_id=rental)
    await bed.pass_by(1)

    assert (told.notice or "").endswith("once this key is used again.")
    assert (before, bed.status(rental)) == ("active", "cancelled")


@on_both_databases(rules=LOCKED)
async def test_a_wish_outlives_any_restart(bed: Bed) -> None:
    rental = await bed.rent()
    await bed.cancel(rental)
    for number in range(10):
        await bed.pass_by(35)
        await bed.restart(killed=bool(number % 2))

    assert bed.status(rental) == "cancelled"
    assert (await bed.known(rental)).refunded == PRICE
    assert (await bed.kinds(rental)).count("rental.refunded") == 1


@on_both_databases()
async def test_a_death_at_each_step_cancels_it_once_or_leaves_nothing(bed: Bed) -> None:
    """Whatever the node was about to do: what the caller was not told may be asked for again."""
    for effects in range(14):
        rental = await bed.rent()
        bed.nodes[0].gate.fuse = effects
        await _dies_or_answers(bed, rental)
        bed.nodes[0].gate.fuse = None
        await bed.restart()
        if (await bed.known(rental)).cancel_requested_at is None:
            await bed.cancel(rental)
        await bed.pass_by(30)

        assert bed.status(rental) == "cancelled", effects
        assert (await bed.known(rental)).refunded == PRICE, effects
        assert (await bed.kinds(rental)).count("rental.refunded") == 1, effects


async def _dies_or_answers(bed: Bed, rental: int) -> None:
    try:
        await bed.cancel(rental)
    except Died:
        return


@on_both_databases(nodes=2, rules=LOCKED)
async def test_two_nodes_make_one_try(bed: Bed) -> None:
    rentals = [await bed.rent(node) for node in (0, 1)]
    for rental in rentals:
        for node in (0, 1):
            await bed.cancel(rental, node)
    before = len(bed.calls())
    await bed.pass_by(330)

    assert before == 2
    assert {bed.status(rental) for rental in rentals} == {"cancelled"}
    assert len(bed.calls()) == 4


@on_both_databases(nodes=2, rules=LOCKED)
async def test_the_other_node_carries_on_where_one_dies(bed: Bed) -> None:
    rental = await bed.rent(0)
    await bed.cancel(rental, 0)
    await bed.nodes[0].kill()
    await bed.pass_by(330)

    assert bed.status(rental) == "cancelled"
    assert (await bed.known(rental, 1)).refunded == PRICE


@on_both_databases()
async def test_callers_at_once_share_one_call(bed: Bed) -> None:
    rental = await bed.rent()
    told = await asyncio.gather(*(bed.cancel(rental) for _ in range(5)))

    assert [each.status for each in told] == ["cancelled"] * 5
    assert len(bed.calls()) == 1


@on_both_databases()
async def test_those_that_the_limit_holds_up_are_not_told_that_the_provider_is_away(
    bed: Bed,
) -> None:
    rentals = [await bed.rent() for _ in range(30)]
    told = await asyncio.gather(*(bed.cancel(rental) for rental in rentals))
    notices = {each.notice or "" for each in told if each.status is RentalStatus.ACTIVE}

    assert notices
    assert all(notice.startswith(Standing.TRIED.value) for notice in notices)


@on_both_databases(rules=LOCKED)
async def test_a_hundred_that_are_due_at_once_keep_to_the_limit_and_hold_up_no_read(
    bed: Bed,
) -> None:
    rentals = [await bed.rent() for _ in range(100)]
    for rental in rentals:
        await bed.cancel(rental)
    other = await bed.rent()
    await bed.pass_by(330)
    for _ in range(20):
        asked = bed.clock.monotonic()
        await bed.ask(GET_RENTAL, rental_id=other)
        assert bed.clock.monotonic() - asked < 5
        await bed.pass_by(5)
    await bed.pass_by(60)

    assert {bed.status(rental) for rental in rentals} == {"cancelled"}
    calls = bed.calls()
    assert all(later - one > 0.9 for one, later in pairwise(calls))
    assert len(calls) <= 2 * len(rentals)


@on_both_databases(rules=LOCKED)
async def test_the_drop_in_faces_keep_their_refusal_and_leave_no_wish(bed: Bed) -> None:
    rental = await bed.rent()
    early = await bed.ask(CANCEL_AT_ONCE, rental_id=rental)
    await bed.pass_by(400)

    assert isinstance(early, GatewayError)
    assert early.code == "cancel_too_early"
    assert (await bed.known(rental)).cancel_requested_at is None
    assert bed.status(rental) == "active"


@on_both_databases(rules=LOCKED)
async def test_the_wish_is_of_the_rental_that_is_shown(bed: Bed) -> None:
    rental = await bed.rent()
    told = await bed.cancel(rental)
    read = await bed.ask(GET_RENTAL, rental_id=rental)
    view = View(bed.account(OWN))
    listed = await bed.nodes[0].gateway.ledger.list_rentals(
        view, status=None, service_code=None, limit=10, before=None
    )

    for each in (read, listed[0]):
        assert each.cancel_requested_at == told.cancel_requested_at
        assert each.cancel_available_at == told.cancel_available_at
        assert each.notice is None
