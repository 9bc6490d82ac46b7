"""What a purchase buys and what it costs at the most, as a person is asked about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from gateway.core.model.errors import (
    AlreadyReplaced,
    GatewayError,
    NotFound,
    ServiceNotFound,
    Unauthorized,
)
from gateway.core.model.long_rentals import CreateLongRental, RenewLongRental
from gateway.core.model.quote import again_quote, rent_quote, replacement_quote
from gateway.core.model.rentals import RentAgain, RentNumber
from gateway.core.model.replacement import ReplaceRental
from gateway.core.model.values import MAX_PAGE
from gateway.core.operations.catalog import BY_NAME
from gateway.core.prices.service_names import not_found, services_called

if TYPE_CHECKING:
    from decimal import Decimal

    from gateway.cli.session import Operations
    from gateway.core.model.prices import Price
    from gateway.core.model.rentals import Rental
    from gateway.core.operations.operation import AnyOperation

_PERIODS = {"1w": "one week", "2w": "two weeks", "1m": "one month", "1y": "one year"}
_TOLD_LATER = "Its price is told only once it is bought."


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is to be bought. `price`: by the prices that were read, in USD; None: not known.

    `unpriced` is the sentence for why.
    """

    what: str
    price: Decimal | None = None
    unpriced: str = "Its price cannot be read now."


@dataclass(frozen=True, slots=True)
class Proposals:
    """Looks up what a purchase is and costs, by operations that only read."""

    operations: Operations
    trace_id: str

    async def of(self, op: AnyOperation, asked: BaseModel) -> Proposal:
        """The proposal for a purchase. Raises what would refuse it, where that is seen."""
        match asked:
            case RentNumber():
                return await self._rent(asked)
            case RentAgain():
                return await self._again(asked)
            case ReplaceRental():
                return await self._replacement(asked)
            case CreateLongRental():
                renewed = ", renewed by itself" if asked.auto_renew else ""
                what = f"a US number for {_PERIODS[asked.period]}{renewed}"
                return Proposal(what, unpriced=_TOLD_LATER)
            case RenewLongRental():
                return await self._renewal(asked)
        return Proposal(f"{op.summary[:1].lower()}{op.summary[1:]}", unpriced=_TOLD_LATER)

    async def _rent(self, asked: RentNumber) -> Proposal:
        listed = await self._service(asked.service_code)
        name = listed.service_name if listed else asked.service_code
        price = rent_quote(asked, listed).at_most if listed else None
        return Proposal(f"{asked.number or 'a US number'} for {name}{_wishes(asked)}", price)

    async def _again(self, asked: RentAgain) -> Proposal:
        rental = await self._rental(asked.rental_id)
        if rental is None:
            return Proposal(f"the number of rental {asked.rental_id} once more")
        listed = await self._listed(rental.service_code)
        what = f"{rental.number or 'the same number'} for {_service_of(rental)} once more"
        return Proposal(what, again_quote(rental, listed).at_most)

    async def _replacement(self, asked: ReplaceRental) -> Proposal:
        rental = await self._rental(asked.rental_id)
        if rental is None:
            return Proposal(f"another number in place of rental {asked.rental_id}")
        if rental.replaced_by is not None and asked.request_id is None:
            raise AlreadyReplaced(replaced_by=rental.replaced_by)
        listed = await self._listed(rental.service_code)
        first = rental.number or f"rental {asked.rental_id}"
        what = f"another US number for {_service_of(rental)}{_wishes(asked)} in place of {first}"
        return Proposal(what, replacement_quote(asked, rental, listed).at_most)

    async def _renewal(self, asked: RenewLongRental) -> Proposal:
        held = await self._read("list_long_rentals")
        rows = held.data if held else ()
        row = next((each for each in rows if each.id == asked.long_rental_id), None)
        if row is None:
            return Proposal(f"another period of long rental {asked.long_rental_id}")
        period = "period" if row.period is None else f"period ({_PERIODS[row.period]})"
        return Proposal(f"another {period} of {row.number or row.id}", row.price)

    async def _service(self, asked: str) -> Price | None:
        """The service with this code or name; None where no prices can be read."""
        page = await self._read("list_prices", service_code=asked)
        if page is None or page.data:
            return page.data[0] if page else None
        rows = await self._read("list_prices", limit=MAX_PAGE)
        called = services_called(rows.data, asked) if rows else []
        if len(called) > 1:
            raise not_found(rows.data, asked, called)
        if not called:
            raise ServiceNotFound(page.notice)
        return called[0]

    async def _listed(self, service_code: str | None) -> Price | None:
        if service_code is None:
            return None
        page = await self._read("list_prices", service_code=service_code)
        return page.data[0] if page and page.data else None

    async def _rental(self, rental_id: int) -> Rental | None:
        rental: Rental | None = await self._read("get_rental", rental_id=rental_id)
        return rental

    async def _read(self, name: str, **given: Any) -> Any:
        """The value of a reading operation; None where the provider fails it.

        That prevents no purchase. Raises Unauthorized, and NotFound.
        """
        try:
            return (await self.operations.answer(BY_NAME[name], given, self.trace_id)).value
        except (Unauthorized, NotFound):
            raise
        except GatewayError:
            return None


def _service_of(rental: Rental) -> str:
    return rental.service_name or rental.service_code or "the same service"


def _wishes(asked: RentNumber | ReplaceRental) -> str:
    """What else is asked of the number, in brackets."""
    wishes = []
    if asked.carrier not in ("any", "same"):
        wishes.append(f"{'only' if asked.keep_carrier else 'if possible'} of {asked.carrier}")
    if asked.area_codes not in (None, "any"):
        how = "only" if asked.lock_area_code else "if possible"
        wishes.append(f"{how} in {asked.area_codes}")
    return f" ({', '.join(wishes)})" if wishes else ""
