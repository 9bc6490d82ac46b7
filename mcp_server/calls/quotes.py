"""Estimates what a purchase would cost before it is made, from prices and earlier rentals."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from gateway.core.model.errors import AlreadyReplaced, GatewayError
from gateway.core.model.prices import Price
from gateway.core.model.provider_errors import PriceTooHigh
from gateway.core.model.quote import again_quote, price_needed, rent_quote, replacement_quote
from gateway.core.model.rentals import Rental, RentNumber
from gateway.core.model.replacement import ReplaceRental
from gateway.core.model.values import money_text
from gateway.core.operations.call import Call
from gateway.core.operations.catalog import BY_NAME
from gateway.core.operations.operation import AnyOperation
from mcp_server.ports import OperationInvoker
from mcp_server.tools.adjustments import adjustment_of
from mcp_server.tools.sanitize import clean_text, defanged

_CHOICES = 3
_UNSAID_INPUTS = {"request_id", "max_price", "reference"}


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a purchase would cost in USD, and its max_price; each None where it is not known.

    `what` is the sentence by which a person is asked about it.
    """

    what: str
    price: Decimal | None = None
    cap: Decimal | None = None

    @property
    def likely(self) -> Decimal | None:
        """The most that will be charged if no price changes meanwhile."""
        known = [amount for amount in (self.price, self.cap) if amount is not None]
        return min(known, default=None)


class Estimator:
    """Looks prices up by operations that only read."""

    def __init__(
        self, invoker: OperationInvoker, operations: Mapping[str, AnyOperation] = BY_NAME
    ) -> None:
        """`invoker` runs the reading operations, which `operations` has by their names."""
        self._invoker = invoker
        self._operations = operations

    async def estimate(self, op: AnyOperation, call: Call, asked: BaseModel) -> Estimate:
        """The estimate of a purchase.

        Raises PriceTooHigh where the price exceeds max_price, and ServiceNotFound.
        """
        given = asked.model_dump()
        match adjustment_of(op).priced:
            case "service" if isinstance(asked, RentNumber):
                return await self._rent(op, call, asked)
            case "rental":
                return await self._rent_again(call, given["rental_id"])
            case "replacement" if isinstance(asked, ReplaceRental):
                return await self._replace(call, asked)
            case "long_rental":
                return await self._renewal(call, given["long_rental_id"])
            case _:
                return Estimate(f"{op.summary} ({_inputs(given)})", cap=given.get("max_price"))

    async def _rent(self, op: AnyOperation, call: Call, asked: RentNumber) -> Estimate:
        rows = await self._prices(call, service_code=asked.service_code)
        if not rows:  # a name, or no service at all
            asked = await self._invoker.resolved(op, call, asked)
            rows = await self._prices(call, service_code=asked.service_code)
        code, most = asked.service_code, asked.max_price
        number = asked.number or "a US number"
        if not rows:
            return Estimate(f"Rent {number} for {_named(code)}", cap=most)
        if most is not None and rows[0].price > most:
            raise await self._too_high(call, rows[0], asked, most)
        name = _named(rows[0].service_name)
        return Estimate(f"Rent {number} for {name}", rent_quote(asked, rows[0]).at_most, most)

    async def _too_high(
        self, call: Call, row: Price, asked: RentNumber, most: Decimal
    ) -> GatewayError:
        word = row.service_name.split()[0][:20] if row.service_name.split() else row.service_code
        alike = await self._prices(call, query=word, max_price=most, in_stock=True, sort="price")
        allowed = call.caller.limits.services if call.caller.limits else None
        choices = [each for each in alike if allowed is None or each.service_code in allowed]
        cheaper = ", ".join(
            f"{clean_text(each.service_code, 40)} at {money_text(each.price)}"
            for each in choices[:_CHOICES]
        )
        return PriceTooHigh(
            f"{clean_text(row.service_code, 40)} costs {money_text(row.price)} USD now, "
            f"above max_price {money_text(most)}.",
            price_needed=price_needed(asked, row),
            advice=(
                f"Cheaper services with such a name: {cheaper}."
                if cheaper
                else "No service with such a name is within max_price."
            )
            + " Raise max_price only if the user agrees.",
        )

    async def _prices(self, call: Call, **given: Any) -> list[Price]:
        """The matching prices; none where the read fails, which must not prevent the purchase."""
        page = await self._read("list_prices", call, **given)
        rows: list[Price] = page.data if page else []
        return rows

    async def _rent_again(self, call: Call, rental_id: int) -> Estimate:
        """An earlier rental once more, at its price then or now, whichever is higher."""
        rental: Rental | None = await self._read("get_rental", call, rental_id=rental_id)
        if rental is None:
            return Estimate("Rent the number of an earlier rental once more")
        code = rental.service_code
        rows = await self._prices(call, service_code=code) if code else []
        price = again_quote(rental, rows[0] if rows else None).at_most
        service = _named(rental.service_name or code or "the same service")
        return Estimate(f"Rent {rental.number or 'the same number'} for {service} once more", price)

    async def _replace(self, call: Call, asked: ReplaceRental) -> Estimate:
        """Another number for a rental's service, at the rental's price or the one now.

        What was wished for the first number is not known here, so the estimate is its own cap.
        """
        rental: Rental | None = await self._read("get_rental", call, rental_id=asked.rental_id)
        if rental is None or rental.service_code is None:
            return Estimate("Rent another number in place of an earlier one", cap=asked.max_price)
        if rental.replaced_by is not None and asked.request_id is None:
            raise AlreadyReplaced(replaced_by=rental.replaced_by)
        rows = await self._prices(call, service_code=rental.service_code)
        price = replacement_quote(asked, rental, rows[0] if rows else None).at_most
        service = _named(rental.service_name or rental.service_code)
        what = f"Rent another US number for {service} in place of {rental.number or 'the first'}"
        return Estimate(what, price, asked.max_price or price)

    async def _renewal(self, call: Call, long_rental_id: int) -> Estimate:
        """Another period of a long rental, at its price in the account's list."""
        held = await self._read("list_long_rentals", call)
        rows = held.data if held else ()
        row = next((each for each in rows if each.id == long_rental_id), None)
        if row is None:
            return Estimate("Pay for another period of a long rental")
        return Estimate(f"Pay for another period ({row.period}) of {row.number}", row.price)

    async def _read(self, reading: str, call: Call, **given: Any) -> Any:
        """The result of a reading operation; None where it fails."""
        try:
            return await self._invoker.invoke(self._operations[reading], call, given)
        except GatewayError:
            return None


def _named(service: str) -> str:
    """A service in a question to a person, whose client may render it as Markdown."""
    return defanged(clean_text(service, 40), hosts=False)


def _inputs(given: Mapping[str, Any]) -> str:
    said = {name: value for name, value in given.items() if name not in _UNSAID_INPUTS}
    return ", ".join(
        f"{name} {str(value).lower() if isinstance(value, bool) else clean_text(str(value), 40)}"
        for name, value in said.items()
    )
