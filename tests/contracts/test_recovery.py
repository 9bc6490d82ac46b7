import asyncio

from adapters.store import open_store
from gateway.core.model.purchases import SpendState
from gateway.core.ports.ledger import Ledger
from tests.support.ledger import ACCOUNT, LATER, NOW, bought, intent, new_id, rental, spent
from tests.support.store_process import another
from tests.support.waiting import until


async def state(ledger: Ledger, ledger_id: str) -> SpendState:
    spend = await ledger.spend(ledger_id)
    assert spend is not None
    return spend.state


async def test_what_the_dead_left_open_is_ended(store_url: str, ledger: Ledger) -> None:
    with another(store_url, "leave_open") as other:
        other.go()
        assert other.line() == "left"
        assert await ledger.recover(NOW) == []
        other.kill()
        await until(lambda: _recovered(ledger))

    assert await state(ledger, "intended") is SpendState.RELEASED
    assert await ledger.by_request("caller", "intended") is None
    assert [one.ledger_id for one in await ledger.unknown()] == ["sent"]
    assert await spent(ledger) == ("0.55", "0.55")
    listed = await ledger.list_rentals(
        ACCOUNT, status=None, service_code=None, limit=9, before=None
    )
    assert [(one.ledger_id, one.id, one.created_at) for one in listed] == [("sent", None, NOW)]


async def _recovered(ledger: Ledger) -> bool:
    """A server may notice a moment later that its client has gone."""
    found = [one.ledger_id for one in await ledger.recover(NOW)]
    assert found in ([], ["sent"])
    return bool(found)


async def test_two_recover_at_once(store_url: str, ledger: Ledger) -> None:
    with another(store_url, "leave_open") as other:
        other.go()
        other.line()
    async with open_store(store_url, new_id=new_id) as second:
        found: list[str] = []

        async def one_found() -> bool:
            both = await asyncio.gather(ledger.recover(NOW), second.ledger.recover(NOW))
            found.extend(spend.ledger_id for spends in both for spend in spends)
            return bool(found)

        await until(one_found)

    assert found == ["sent"]
    assert await spent(ledger) == ("0.55", "0.55")


async def test_the_living_are_left_alone(store_url: str, ledger: Ledger) -> None:
    mine, theirs = intent(), intent()
    await ledger.begin(mine)
    async with open_store(store_url, new_id=new_id) as other:
        await other.ledger.begin(theirs)

        assert await ledger.recover(NOW) == []
        assert await other.ledger.recover(NOW) == []
        assert await state(ledger, mine.ledger_id) is SpendState.INTENDED
        assert await state(ledger, theirs.ledger_id) is SpendState.INTENDED


async def test_a_closed_store_counts_as_dead(store_url: str, ledger: Ledger) -> None:
    wanted = intent()
    async with open_store(store_url, new_id=new_id) as other:
        await other.ledger.begin(wanted)
        await other.ledger.mark_sent(wanted.ledger_id, NOW)

    await until(lambda: ledger.recover(NOW))

    assert await state(ledger, wanted.ledger_id) is SpendState.UNKNOWN


async def test_one_taken_for_dead_does_not_send_but_may_still_settle(
    store_url: str, ledger: Ledger
) -> None:
    unsent, sent = intent(), intent()
    async with open_store(store_url, new_id=new_id) as other:
        for wanted in (unsent, sent):
            await other.ledger.begin(wanted)
        await other.ledger.mark_sent(sent.ledger_id, NOW)
    await until(lambda: ledger.recover(NOW))

    assert not await ledger.mark_sent(unsent.ledger_id, LATER)
    assert not await ledger.settle(unsent.ledger_id, bought(rental()), LATER)
    assert await ledger.settle(sent.ledger_id, bought(rental()), LATER)
