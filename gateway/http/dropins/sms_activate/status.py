"""The actions that read the state of activations."""

from collections.abc import Callable

from gateway.core.invocation.invoker import Invoker
from gateway.core.model.errors import Forbidden, GatewayError, RentalNotFound, Unauthorized
from gateway.core.model.rentals import OneRental, Rental, RentalStatus
from gateway.core.operations.polling import POLL_RENTAL
from gateway.core.operations.rentals import LIST_RENTALS
from gateway.core.prices.service_codes import Assortment
from gateway.http.dropins.common import DropInSettings, naive_text
from gateway.http.dropins.price_lists import PriceLists
from gateway.http.dropins.sms_activate import replies
from gateway.http.dropins.sms_activate.replies import RECEIVED, WAITING, Body
from gateway.http.dropins.sms_activate.request import Action, ActionRequest, one_rental
from gateway.http.dropins.sms_activate.retries import Retries

TEXT_HEADER = "X-Text"
_MOST = 1000
_TRUE = ("1", "true")
_ACTIVE = (RentalStatus.ACTIVE, RentalStatus.CODE_RECEIVED)


class StatusActions:
    """Answers the polls of tools, which come every second, from statuses that were read already."""

    def __init__(
        self,
        invoker: Invoker,
        assortments: PriceLists[Assortment],
        retries: Retries,
        settings: DropInSettings,
    ) -> None:
        """`retries` holds the codes after which another one was requested."""
        self._invoker = invoker
        self._assortments = assortments
        self._retries = retries
        self._settings = settings

    def actions(self) -> dict[str, Action]:
        """The handlers by the protocol's action names."""
        return {
            "getStatus": self._status,
            "getCode": self._status,
            "getStatusV2": self._status_v2,
            "getFullSms": self._full_sms,
            "getAllSms": self._all_sms,
            "getActiveActivations": self._active,
            "getCurrentActivations": self._active,
            "getActivationHistory": self._history,
        }

    async def _status(self, request: ActionRequest) -> Body:
        rental, retried = await self._look(request)
        if rental is None:
            return WAITING
        if (asked := one_rental(request.get("id"))) is not None:
            request.again = self._again(request, asked)
        told = replies.status(rental, retried)
        if request.get("text") in _TRUE and told.startswith(RECEIVED):
            request.headers[TEXT_HEADER] = told.removeprefix(RECEIVED)
        return told

    def _again(self, request: ActionRequest, asked: OneRental) -> Callable[[], Body | None] | None:
        """Tells from memory that there is still no code, or no rental any more."""
        read = self._invoker.at_once(POLL_RENTAL, request.caller, asked)
        if read is None:
            return None

        def again() -> Body | None:
            rental = read()
            return replies.status(rental, None) if rental and rental.code is None else None

        return again

    async def _status_v2(self, request: ActionRequest) -> Body:
        rental, retried = await self._look(request)
        received_at = rental.code_received_at if rental else None
        seen_at = naive_text(received_at or self._settings.now(), self._settings.zone)
        return replies.status_v2(rental, retried, seen_at)

    async def _full_sms(self, request: ActionRequest) -> Body:
        rental, _ = await self._look(request)
        return replies.full_sms(rental) if rental else WAITING

    async def _all_sms(self, request: ActionRequest) -> Body:
        rental, _ = await self._look(request)
        return replies.all_sms(rental, self._settings.zone)

    async def _look(self, request: ActionRequest) -> tuple[Rental | None, str | None]:
        """An activation's rental, and the code after which another one was requested.

        The rental is None where it cannot be read. Raises RentalNotFound, Unauthorized, Forbidden.
        """
        rental_input = one_rental(request.get("id"))
        if rental_input is None:
            await self._assortments.if_readable(request.call)  # refuses a wrong key
            raise RentalNotFound
        try:
            rental = (await self._invoker.answer(POLL_RENTAL, request.call, rental_input)).value
        except (RentalNotFound, Unauthorized, Forbidden):
            raise
        except GatewayError:
            return None, None
        if rental.code is None:
            return rental, None
        return rental, self._retries.code_before(request.caller, rental_input.rental_id)

    async def _active(self, request: ActionRequest) -> Body:
        rentals = [rental for status in _ACTIVE for rental in await self._list(request, status)]
        rows = await self._rows(request, rentals)
        return {"status": "success", "activeActivations": rows, "data": rows}

    async def _history(self, request: ActionRequest) -> Body:
        rows = await self._rows(request, await self._list(request, "any"))
        return {"status": "success", "list": rows}

    async def _list(self, request: ActionRequest, status: str) -> list[Rental]:
        given = {"status": status, "limit": _MOST}
        page = await self._invoker.invoke(LIST_RENTALS, request.call, given)
        return [rental for rental in page.data if rental.id is not None]

    async def _rows(self, request: ActionRequest, rentals: list[Rental]) -> list[replies.Json]:
        # Read even where there are no rentals: it refuses a wrong key.
        assortment = await self._assortments.if_readable(request.call)
        known = assortment or Assortment(self._settings.codes, ())
        return [self._row(request, rental, known) for rental in rentals]

    def _row(self, request: ActionRequest, rental: Rental, assortment: Assortment) -> replies.Json:
        service = rental.service_code or ""
        price = assortment.find(service)
        return replies.active_activation(
            rental,
            code=assortment.code_of(service),
            again=price.multiple_sms if price else False,
            retried=self._retries.code_before(request.caller, rental.id or 0),
            zone=self._settings.zone,
        )
