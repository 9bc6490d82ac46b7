"""The provider's GET form: the same bodies, the key in the query."""

from dataclasses import replace

from tests.adapters.simulator.support import Customer


async def test_it_answers_as_the_calls_do(alice: Customer) -> None:
    status, rented = await alice.stub(action="getNumber", service="whatsapp")
    rental_id = {"id": rented["id"]}

    assert (status, rented["status"]) == (201, "success")
    assert await alice.stub(
        action="getRentalStatus", rental_id=str(rented["id"])
    ) == await alice.post("rental-status", rental_id)
    assert await alice.stub(action="getBalance") == await alice.get("balance")
    assert await alice.stub(action="getPrices") == await alice.get("prices-info")


async def test_it_cancels(alice: Customer) -> None:
    alice.sim.change(cancel_locked=0)
    rented = await alice.rent()
    status, body = await alice.stub(action="cancelRental", rental_id=str(rented["id"]))

    assert (status, body["status"]) == (200, "cancelled")


async def test_a_wrong_key_no_key_and_an_unknown_action_are_refused(alice: Customer) -> None:
    stranger, nobody = replace(alice, key="sk_nobody"), replace(alice, key="")

    assert await stranger.stub(action="getBalance") == (
        403,
        {"errors": "Wrong Api Key or User is restricted"},
    )
    assert await nobody.stub(action="getBalance") == (
        403,
        {"errors": "Auth is not presented on the request"},
    )
    assert (await alice.stub(action="setStatus"))[0] == 400


async def test_the_key_is_not_among_what_is_noted(alice: Customer) -> None:
    await alice.stub(action="getNumber", service="cheap")
    noted = alice.sim.journal.received[-1]

    assert (noted.call, noted.account) == ("rent-a-number", alice.key)
    assert noted.json == {"action": "getNumber", "service": "cheap"}
