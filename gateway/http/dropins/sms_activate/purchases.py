"""How a purchase of this protocol is made, answered and refused."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import structlog

from gateway.core.invocation.invoker import Invoker
from gateway.core.model.errors import GatewayError
from gateway.core.model.legacy_parameters import LegacyParameters, read_purchase_parameters
from gateway.core.model.prices import Price
from gateway.core.model.provider_errors import UpstreamBadResponse
from gateway.core.model.quote import lowest_max_price
from gateway.core.model.rentals import Rental
from gateway.core.model.values import money_text
from gateway.core.operations.operation import Operation
from gateway.core.operations.rentals import GET_RENTAL
from gateway.core.prices.service_codes import Assortment
from gateway.http.dropins.common import DropInSettings
from gateway.http.dropins.delivery import Deliveries, request_id
from gateway.http.dropins.price_lists import PriceLists
from gateway.http.dropins.sms_activate.request import ActionRequest, country_key
from gateway.http.dropins.unknown_parameters import UnknownParameters
from gateway.http.wire.forms import is_body_unread

PRICE_HEADER = "X-Price"
log = structlog.get_logger("gateway.sms_activate")


class Purchases:
    """Reads what a purchase may carry, and makes it."""

    def __init__(
        self,
        invoker: Invoker,
        deliveries: Deliveries,
        assortments: PriceLists[Assortment],
        settings: DropInSettings,
        unknown: UnknownParameters,
    ) -> None:
        """`deliveries` makes the purchases and reports answers that could not be delivered."""
        self._invoker = invoker
        self._deliveries = deliveries
        self._assortments = assortments
        self._settings = settings
        self._unknown = unknown

    async def parameters(
        self, request: ActionRequest, given: Mapping[str, str]
    ) -> LegacyParameters | None:
        """The parameters of a purchase, read; None where some are repeated or unknown."""
        if request.parameters.repeated or await is_body_unread(request.http):
            return None
        parameters = read_purchase_parameters(given, self._settings.harmless)
        if parameters.unknown:
            self._unknown.refused(parameters.unknown, request.call.trace_id)
            return None
        return parameters

    def is_available(self, request: ActionRequest, impossible: tuple[str, ...]) -> bool:
        """Whether a number can be as wished; `impossible` names the parameters that none meets."""
        if impossible:
            log.info(
                "no number can have these parameters",
                parameters=", ".join(impossible),
                trace_id=request.call.trace_id,
            )
            return False
        any_country = self._settings.any_country
        return country_key(request.get("country"), any_country=any_country) is not None

    async def make(
        self, request: ActionRequest, op: Operation[Any, Rental], given: Mapping[str, object]
    ) -> Rental:
        """Buy; the rental has a number, and the response says what was paid."""
        own_id = request_id(request.get("orderId"))
        call = replace(request.call, request_id=own_id, redeliverable=own_id is None)

        async def with_number(rental: Rental) -> Rental:
            if rental.number is None:  # lost in the answer of the purchase
                asked = {"rental_id": rental.id}
                rental = await self._invoker.invoke(GET_RENTAL, request.call, asked)
            if rental.number is None:
                raise UpstreamBadResponse
            return await self._priced(request, rental, given)

        bought = await self._deliveries.buy(request.http, op, call, given, with_number)
        if bought.price is not None:
            request.headers[PRICE_HEADER] = money_text(bought.price)
        return bought

    async def _priced(
        self, request: ActionRequest, bought: Rental, given: Mapping[str, object]
    ) -> Rental:
        """With the price of the list and its surcharges, where the provider did not tell it."""
        listed = None
        if bought.price is None and bought.service_code is not None:
            listed = await self.listed(request, bought.service_code)
        if listed is None:
            return bought
        carrier, area = "carrier" in given, "area_codes" in given
        paid = lowest_max_price(listed.price, carrier=carrier, area=area)
        return bought.model_copy(update={"price": paid})

    async def listed(self, request: ActionRequest, service: str) -> Price | None:
        """The price of what was bought; an error must not hide that it was."""
        with suppress(GatewayError):
            return (await self._assortments.of(request.call)).find(service)
        return None
