"""getExtraActivation and reactivate: the number of an earlier activation once more, paid."""

from gateway.core.model.errors import RentalNotFound
from gateway.core.operations.rentals import RENT_AGAIN
from gateway.core.prices.service_codes import Assortment
from gateway.http.dropins.price_lists import PriceLists
from gateway.http.dropins.sms_activate import replies
from gateway.http.dropins.sms_activate.purchases import Purchases
from gateway.http.dropins.sms_activate.replies import Body
from gateway.http.dropins.sms_activate.request import Action, ActionRequest, read_rental_id
from gateway.http.dropins.sms_activate.tokens import BAD_ACTION, NO_NUMBERS

_IDS = ("activationId", "id")
# What is rented is the earlier number for its service, at the price of today.
_DECIDED = ("service", "maxPrice", "max_price")
_WISHES = ("areas", "carriers", "operator", "number")


class RentingAgainActions:
    """Rents a number again, for those who ask just for that."""

    def __init__(self, purchases: Purchases, assortments: PriceLists[Assortment]) -> None:
        self._purchases = purchases
        self._assortments = assortments

    def actions(self) -> dict[str, Action]:
        """The handlers by the protocol's action names."""
        return {"getExtraActivation": self._again, "reactivate": self._again}

    async def _again(self, request: ActionRequest) -> Body:
        values = request.parameters.values
        given = {name: value for name, value in values.items() if name not in _IDS}
        parameters = await self._purchases.parameters(request, given)
        ids = {values[name] for name in _IDS if name in values}
        if parameters is None or len(ids) > 1:
            return BAD_ACTION
        refused = (*_DECIDED, *_WISHES) if parameters.inputs else _DECIDED
        wished = tuple(name for name in refused if name in given)
        if not self._purchases.is_available(request, (*parameters.impossible, *wished)):
            await self._assortments.if_readable(request.call)  # refuses a wrong key
            return NO_NUMBERS
        rental_id = read_rental_id(ids.pop()) if ids else None
        if not rental_id:
            await self._assortments.if_readable(request.call)  # refuses a wrong key
            raise RentalNotFound
        bought = await self._purchases.make(request, RENT_AGAIN, {"rental_id": rental_id})
        return replies.number(bought)
