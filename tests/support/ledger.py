"""Short ways to make what the ledger takes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from gateway.core.model.events import Event
from gateway.core.model.long_rentals import LongRental, LongRentalStatus, Period
from gateway.core.model.purchases import AnyRental, Intent, Outcome, SpendState, StoredAnswer, View
from gateway.core.model.rentals import ReceivedCode, Rental, RentalStatus
from gateway.core.model.values import first_ledger_id
from gateway.core.ports.ledger import Ledger

NOW = datetime(2026, 3, 14, 9, 26, 53, 589793, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
ACCOUNT = View("account")
MINE = View("account", "caller")
ANSWER = StoredAnswer(201, b'{"id":1}')
_ids = count(1)


def new_id(at: datetime) -> str:
    """A ledger_id as the product's, sorting by time and then by when it was made."""
    return f"{first_ledger_id(at)}{next(_ids):012x}"


def intent(at: datetime = NOW, **given: Any) -> Intent:
    """An intent to rent a number for 0.55."""
    usual = Intent(
        ledger_id=new_id(at),
        operation="rent_number",
        kind="rental",
        account_id="account",
        caller_id="caller",
        request_id=None,
        fingerprint="rent whatsapp",
        subject_id=None,
        service_code="whatsapp",
        reserved=Decimal("0.55"),
        active_until=at + timedelta(minutes=5),
        at=at,
    )
    return replace(usual, **given)


def rental(id: int | None = 12345, **given: Any) -> Rental:
    """A fresh rental."""
    usual: dict[str, Any] = {
        "id": id,
        "status": RentalStatus.ACTIVE,
        "service_code": "whatsapp",
        "service_name": "Whatsapp",
        "number": "+11234567890",
        "price": Decimal("0.55"),
        "created_at": NOW,
        "ends_at": NOW + timedelta(minutes=5),
    }
    return Rental(**usual | given)


def stored(whole: Rental) -> Rental:
    """A rental as the ledger answers it alone: with its codes, here the newest one at most."""
    code, at = whole.code, whole.code_received_at or NOW
    codes = () if code is None else (ReceivedCode(code=code, received_at=at),)
    return whole.model_copy(update={"codes": codes})


def long_rental(id: int | None = 1, **given: Any) -> LongRental:
    """A fresh long rental."""
    usual: dict[str, Any] = {
        "id": id,
        "status": LongRentalStatus.ACTIVE,
        "number": "+11234567890",
        "price": Decimal("10.55"),
        "period": Period.ONE_WEEK,
        "auto_renew": True,
        "rented_on": NOW.date(),
        "ends_on": (NOW + timedelta(days=7)).date(),
    }
    return LongRental(**usual | given)


def rental_of(event: Event) -> Rental:
    """The rental that an event is about."""
    assert event.data is not None
    return event.data


def bought(thing: AnyRental | None, answer: StoredAnswer | None = ANSWER) -> Outcome:
    """An outcome: it was bought."""
    return Outcome(SpendState.BOUGHT, answer, thing)


UNKNOWN = Outcome(SpendState.UNKNOWN, StoredAnswer(409, b"lost"))
REFUSED = Outcome(SpendState.REFUSED, StoredAnswer(409, b"out of stock"))
RELEASED = Outcome(SpendState.RELEASED)


async def buy(ledger: Ledger, thing: AnyRental, **given: Any) -> str:
    """Buy it from begin to end; its ledger_id."""
    at = given.pop("at", NOW)
    return await end(ledger, bought(thing), at=at, **given)


async def end(ledger: Ledger, outcome: Outcome, at: datetime = NOW, **given: Any) -> str:
    """A purchase that ended so; its ledger_id."""
    wanted = intent(at, **given)
    assert await ledger.begin(wanted) is None
    assert await ledger.mark_sent(wanted.ledger_id, at)
    assert await ledger.settle(wanted.ledger_id, outcome, at)
    return wanted.ledger_id


async def spent(ledger: Ledger, caller_id: str = "caller", at: datetime = NOW) -> tuple[str, str]:
    """What the caller spent on that day and in all, as text."""
    spending = await ledger.spending(caller_id, at)
    return str(spending.today), str(spending.total)
