"""setStatus: ready, another code, done, cancelled. None of it costs anything."""

from gateway.core.invocation import repeatable_changes as repeats
from gateway.core.invocation.invoker import Invoker
from gateway.core.model.errors import Forbidden, GatewayError, RentalNotFound, Unauthorized
from gateway.core.operations.polling import POLL_RENTAL
from gateway.core.prices.service_codes import Assortment
from gateway.http.dropins.price_lists import PriceLists
from gateway.http.dropins.sms_activate.replies import Body, waits_again
from gateway.http.dropins.sms_activate.request import Action, Asked, rental_id
from gateway.http.dropins.sms_activate.retries import Retries
from gateway.http.dropins.sms_activate.tokens import BAD_STATUS, WRONG_ACTIVATION_ID

_STATUSES = ("1", "3", "6", "8", "-1")
_REFUSALS = (RentalNotFound, Unauthorized, Forbidden)


class Changing:
    """What a tool tells about an activation."""

    def __init__(
        self, invoker: Invoker, assortments: PriceLists[Assortment], retries: Retries
    ) -> None:
        """Take the one door, and what is remembered of activations."""
        self._invoker = invoker
        self._assortments = assortments
        self._retries = retries

    def actions(self) -> dict[str, Action]:
        """By the name of the protocol."""
        return {"setStatus": self._set_status}

    async def _set_status(self, asked: Asked) -> Body:
        wanted, status = rental_id(asked.get("id")), asked.get("status")
        if not wanted or status not in _STATUSES:
            await self._assortments.if_readable(asked.call)  # a wrong key learns so even here
        if wanted is None:
            return WRONG_ACTIVATION_ID
        if wanted == 0:
            raise RentalNotFound
        match status:
            case "1":
                return await self._ready(asked, wanted)
            case "3":
                return await self._another(asked, wanted)
            case "6":
                await repeats.complete(self._invoker, asked.call, wanted)
                return "ACCESS_ACTIVATION"
            case "8" | "-1":
                await repeats.cancel(self._invoker, asked.call, wanted)
                return "ACCESS_CANCEL"
        return BAD_STATUS

    async def _ready(self, asked: Asked, wanted: int) -> Body:
        """Nothing to do; an activation that is not there is told all the same."""
        try:
            await self._invoker.invoke(POLL_RENTAL, asked.call, {"rental_id": wanted})
        except _REFUSALS:
            raise
        except GatewayError:
            pass
        return "ACCESS_READY"

    async def _another(self, asked: Asked, wanted: int) -> Body:
        """Wait for another code; free, never a paid re-rent. Without a first code: BAD_STATUS."""
        rental = await self._invoker.invoke(POLL_RENTAL, asked.call, {"rental_id": wanted})
        if rental.code is None or not waits_again(rental, rental.code):
            return BAD_STATUS
        self._retries.ask(asked.caller, wanted, rental.code)
        return "ACCESS_RETRY_GET"
