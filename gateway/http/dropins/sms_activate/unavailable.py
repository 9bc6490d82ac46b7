"""Actions for numbers that are rented by the day and renew: this protocol has none of them here."""

from gateway.core.model.errors import RentalNotFound
from gateway.core.prices.service_codes import Assortment
from gateway.http.dropins.price_lists import PriceLists
from gateway.http.dropins.sms_activate.replies import Body
from gateway.http.dropins.sms_activate.request import Action, ActionRequest

_RENT_ACTIONS = (
    "getRentServicesAndCountries",
    "getRentNumber",
    "getRentStatus",
    "setRentStatus",
    "getRentList",
    "continueRentNumber",
)
_RENEWALS = ("setAutoRenew", "keep")


class UnavailableActions:
    """Refuses them in words that no client takes for success."""

    def __init__(self, assortments: PriceLists[Assortment]) -> None:
        self._assortments = assortments

    def actions(self) -> dict[str, Action]:
        """The handlers by the protocol's action names."""
        return {
            **dict.fromkeys(_RENT_ACTIONS, self._rent),
            **dict.fromkeys(_RENEWALS, self._renewal),
        }

    async def _rent(self, request: ActionRequest) -> Body:
        await self._assortments.if_readable(request.call)  # refuses a wrong key
        return {"status": "error", "message": "RENT_NOT_AVAILABLE"}

    async def _renewal(self, request: ActionRequest) -> Body:
        """No activation renews; a client of DaisySMS takes BAD_ACTION for success."""
        await self._assortments.if_readable(request.call)  # refuses a wrong key
        raise RentalNotFound
