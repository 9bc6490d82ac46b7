"""The actions that tell how activations stand."""

from gateway.core.invocation.invoker import Invoker
from gateway.core.model.errors import Forbidden, GatewayError, RentalNotFound, Unauthorized
from gateway.core.model.rentals import Rental, RentalStatus
from gateway.core.operations.polling import POLL_RENTAL
from gateway.core.operations.rentals import LIST_RENTALS
from gateway.core.prices.service_codes import Assortment
from gateway.http.dropins.common import Legacy, naive_text
from gateway.http.dropins.price_lists import PriceLists
from gateway.http.dropins.sms_activate import replies
from gateway.http.dropins.sms_activate.replies import WAITING, Body
from gateway.http.dropins.sms_activate.request import Action, Asked, one_rental
from gateway.http.dropins.sms_activate.retries import Retries

_MOST = 1000
_ACTIVE = (RentalStatus.ACTIVE, RentalStatus.CODE_RECEIVED)


class Watching:
    """What a tool asks every second; the one door answers from what it has read already."""

    def __init__(
        self,
        invoker: Invoker,
        assortments: PriceLists[Assortment],
        retries: Retries,
        legacy: Legacy,
    ) -> None:
        """Take the one door, and what is remembered of activations."""
        self._invoker = invoker
        self._assortments = assortments
        self._retries = retries
        self._legacy = legacy

    def actions(self) -> dict[str, Action]:
        """By the names of the protocol."""
        return {
            "getStatus": self._status,
            "getStatusV2": self._status_v2,
            "getFullSms": self._full_sms,
            "getActiveActivations": self._active,
        }

    async def _status(self, asked: Asked) -> Body:
        rental, retried = await self._look(asked)
        return replies.status(rental, retried) if rental else WAITING

    async def _status_v2(self, asked: Asked) -> Body:
        rental, retried = await self._look(asked)
        received_at = rental.code_received_at if rental else None
        seen_at = naive_text(received_at or self._legacy.now(), self._legacy.zone)
        return replies.status_v2(rental, retried, seen_at)

    async def _full_sms(self, asked: Asked) -> Body:
        rental, _ = await self._look(asked)
        return replies.full_sms(rental) if rental else WAITING

    async def _look(self, asked: Asked) -> tuple[Rental | None, str | None]:
        """How an activation stands, and the code after which another was asked for.

        In upstream trouble as it stood last; None for one that nothing is known of.
        """
        wanted = one_rental(asked.get("id"))
        if wanted is None:
            await self._assortments.if_readable(asked.call)  # a wrong key learns so even here
            raise RentalNotFound
        try:
            rental = (await self._invoker.answer(POLL_RENTAL, asked.call, wanted)).value
        except (RentalNotFound, Unauthorized, Forbidden):
            raise
        except GatewayError:
            return None, None
        if rental.code is None:
            return rental, None
        return rental, self._retries.after(asked.caller, wanted.rental_id)

    async def _active(self, asked: Asked) -> Body:
        rentals = [rental for status in _ACTIVE for rental in await self._list(asked, status)]
        # Asked for even where there are no rentals: a wrong key learns so.
        assortment = await self._assortments.if_readable(asked.call)
        known = assortment or Assortment(self._legacy.codes, ())
        rows = [self._row(asked, rental, known) for rental in rentals]
        return {"status": "success", "activeActivations": rows, "data": rows}

    async def _list(self, asked: Asked, status: RentalStatus) -> list[Rental]:
        given = {"status": status, "limit": _MOST}
        page = await self._invoker.invoke(LIST_RENTALS, asked.call, given)
        return [rental for rental in page.data if rental.id is not None]

    def _row(self, asked: Asked, rental: Rental, assortment: Assortment) -> replies.Json:
        service = rental.service_code or ""
        price = assortment.find(service)
        return replies.active_activation(
            rental,
            code=assortment.code_of(service),
            again=price.multiple_sms if price else False,
            retried=self._retries.after(asked.caller, rental.id or 0),
            zone=self._legacy.zone,
        )
