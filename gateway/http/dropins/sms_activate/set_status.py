"""setStatus: ready, another code, done, cancelled. None of them costs money."""

from gateway.core.invocation import lenient_changes as lenient
from gateway.core.invocation.invoker import Invoker
from gateway.core.model.errors import Forbidden, GatewayError, RentalNotFound, Unauthorized
from gateway.core.operations.polling import POLL_RENTAL
from gateway.core.prices.service_codes import Assortment
from gateway.http.dropins.price_lists import PriceLists
from gateway.http.dropins.sms_activate.replies import Body, waits_again
from gateway.http.dropins.sms_activate.request import Action, ActionRequest, read_rental_id
from gateway.http.dropins.sms_activate.retries import Retries
from gateway.http.dropins.sms_activate.tokens import BAD_STATUS, WRONG_ACTIVATION_ID

_STATUSES = ("1", "3", "6", "8", "-1")
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
        """The handler by the protocol's action name."""
        return {"setStatus": self._set_status}

    async def _set_status(self, request: ActionRequest) -> Body:
        rental, status = read_rental_id(request.get("id")), request.get("status")
        if not rental or status not in _STATUSES:
            await self._assortments.if_readable(request.call)  # refuses a wrong key
        if rental is None:
            return WRONG_ACTIVATION_ID
        if rental == 0:
            raise RentalNotFound
        match status:
            case "1":
                return await self._ready(request, rental)
            case "3":
                return await self._another(request, rental)
            case "6":
                await lenient.complete(self._invoker, request.call, rental)
                return "ACCESS_ACTIVATION"
            case "8" | "-1":
                await lenient.cancel(self._invoker, request.call, rental)
                return "ACCESS_CANCEL"
        return BAD_STATUS

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
