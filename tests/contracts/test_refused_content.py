"""What the ledger cannot hold is left out and logged; the rest is written."""

from decimal import Decimal

from gateway.core.model.purchases import SpendState
from gateway.core.model.rentals import Rental
from gateway.core.ports.ledger import Ledger
from gateway.core.prices.cache import PriceCache
from gateway.core.rentals.notifier import Notifier
from gateway.core.rentals.repository import RentalRepository
from gateway.core.rentals.unwritten import Unwritten, UnwrittenEnd
from tests.support.core import Clock, RecordingObserver
from tests.support.ledger import MINE, NOW, bought, buy, intent, rental, spent

BEYOND_64_BITS = Decimal(10) ** 15


async def test_an_end_is_written_without_the_field_that_is_refused(ledger: Ledger) -> None:
    observer, wanted = RecordingObserver(), intent()
    await ledger.begin(wanted)
    await ledger.mark_sent(wanted.ledger_id, NOW)
    outcome = bought(rental(price=BEYOND_64_BITS))

    await Unwritten(ledger, Clock(), observer).write_storable(UnwrittenEnd(wanted, outcome))

    spend, found = await ledger.spend(wanted.ledger_id), await ledger.find(MINE, "rental", 12345)
    assert spend is not None
    assert (spend.state, spend.charged, spend.answer) == (
        SpendState.BOUGHT,
        wanted.reserved,
        outcome.answer,
    )
    assert isinstance(found, Rental)
    assert (found.price, found.number, found.service_name) == (None, "+11234567890", "Whatsapp")
    assert await spent(ledger) == ("0.55", "0.55")
    assert observer.faults == ["left out: price"]
    assert observer.outages == []


async def test_a_state_is_recorded_without_the_field_that_is_refused(ledger: Ledger) -> None:
    observer, clock = RecordingObserver(), Clock()
    await buy(ledger, rental())
    unwritten = Unwritten(ledger, clock, observer)
    repository = RentalRepository(ledger, unwritten, PriceCache(clock, observer), Notifier(), clock)

    told = await repository.record("account", rental(price=BEYOND_64_BITS, code="012345"))

    found = await ledger.find(MINE, "rental", 12345)
    assert isinstance(found, Rental)
    assert (told.code, found.code, found.price) == ("012345", "012345", Decimal("0.55"))
    assert observer.faults == ["left out: price"]
