"""setStatus: ready, another code, done, cancelled; and the actions for the last two.

None of them costs money, and none keeps it without a code.
"""

from gateway.core.invocation import lenient_changes as lenient
from gateway.core.invocation.invoker import Invoker
from gateway.core.model.errors import Forbidden, GatewayError, RentalNotFound, Unauthorized
from gateway.core.model.rentals import RentalStatus
from gateway.core.operations.polling import POLL_RENTAL
from gateway.core.prices.service_codes import Assortment
from gateway.http.dropins.price_lists import PriceLists
from gateway.http.dropins.sms_activate.replies import Body, waits_again
from gateway.http.dropins.sms_activate.request import Action, ActionRequest, read_rental_id
from gateway.http.dropins.sms_activate.retries import Retries
from gateway.http.dropins.sms_activate.tokens import (
    BAD_STATUS,
    EARLY_CANCEL_DENIED,
    WRONG_ACTIVATION_ID,
)

CANCEL_STATUSES = ("8", "-1")
FINISH_STATUS = "6"
_STATUSES = ("1", "3", FINISH_STATUS, *CANCEL_STATUSES)
_GIVEN_BACK = (RentalStatus.CANCELLED, RentalStatus.EXPIRED)
_REFUSALS = (RentalNotFound, Unauthorized, Forbidden)


class SetStatusAction:
    """Carries out what a tool sets an activation's status to."""

    def __init__(
        self, invoker: Invoker, assortments: PriceLists[Assortment], retries: Retries
    ) -> None:
        """`retries` records the codes after which another one is requested."""
        self._invoker = invoker
        self._assortments = assortments
        self._retries = retries

    def actions(self) -> dict[str, Action]:
        """The handlers by the protocol's action names."""
        return {
            "setStatus": self._set_status,
            "finishActivation": self._finish_activation,
            "cancelActivation": self._cancel_activation,
        }

    async def _set_status(self, request: ActionRequest) -> Body:
        return await self._set(request, request.get("status"))

    async def _finish_activation(self, request: ActionRequest) -> Body:
        return await self._set(request, FINISH_STATUS)

    async def _cancel_activation(self, request: ActionRequest) -> Body:
        return await self._set(request, CANCEL_STATUSES[0])

    async def _set(self, request: ActionRequest, status: str | None) -> Body:
        rental = read_rental_id(request.get("id"))
        if not rental or status not in _STATUSES:
            await self._assortments.if_readable(request.call)  # refuses a wrong key
        if rental is None:
            return WRONG_ACTIVATION_ID
        if rental == 0:
            raise RentalNotFound
        if status in CANCEL_STATUSES:
            await lenient.cancel(self._invoker, request.call, rental)
            return "ACCESS_CANCEL"
        match status:
            case "1":
                return await self._ready(request, rental)
            case "3":
                return await self._another(request, rental)
            case "6":
                return await self._finish(request, rental)
        return BAD_STATUS

    async def _finish(self, request: ActionRequest, rental_id: int) -> Body:
        """Without a code it is cancelled; where that may not be yet, as soon as it may."""
        rental = await lenient.finish(self._invoker, request.call, rental_id)
        if rental.code is not None or rental.status is RentalStatus.COMPLETED:
            return "ACCESS_ACTIVATION"
        return "ACCESS_CANCEL" if rental.status in _GIVEN_BACK else EARLY_CANCEL_DENIED

    async def _ready(self, request: ActionRequest, rental_id: int) -> Body:
        """Nothing to do, but for refusing an activation that does not exist."""
        try:
            await self._invoker.invoke(POLL_RENTAL, request.call, {"rental_id": rental_id})
        except _REFUSALS:
            raise
        except GatewayError:
            pass
        return "ACCESS_READY"

    async def _another(self, request: ActionRequest, rental_id: int) -> Body:
        """Wait for another code; free, never a paid re-rent. Without a first code: BAD_STATUS."""
        rental = await self._invoker.invoke(POLL_RENTAL, request.call, {"rental_id": rental_id})
        if rental.code is None or not waits_again(rental, rental.code):
            return BAD_STATUS
        self._retries.request(request.caller, rental_id, rental.code)
        return "ACCESS_RETRY_GET"
