"""getNumber and getNumberV2: the only actions that cost money."""

from dataclasses import replace
from decimal import Decimal

import structlog

from gateway.core.invocation.invoker import Invoker
from gateway.core.model.legacy_parameters import LegacyParameters, read_purchase_parameters
from gateway.core.model.prices import Price
from gateway.core.model.provider_errors import PriceTooHigh, UpstreamBadResponse
from gateway.core.model.redact import redacted
from gateway.core.model.rentals import Rental
from gateway.core.operations.rentals import GET_RENTAL, RENT_BY_CODE
from gateway.core.prices.service_codes import Assortment
from gateway.http.dropins.common import DropInSettings
from gateway.http.dropins.delivery import Deliveries, request_id
from gateway.http.dropins.price_lists import PriceLists
from gateway.http.dropins.sms_activate import replies
from gateway.http.dropins.sms_activate.replies import USA, Body
from gateway.http.dropins.sms_activate.request import (
    Action,
    ActionRequest,
    country_key,
    highest_price,
)
from gateway.http.dropins.sms_activate.tokens import (
    BAD_ACTION,
    BAD_SERVICE,
    NO_NUMBERS,
    wrong_max_price,
)
from gateway.http.wire.forms import is_body_unread

log = structlog.get_logger("gateway.sms_activate")
_MOST_LOGGED = 5


class BuyingActions:
    """Buys one number for one service."""

    def __init__(
        self,
        invoker: Invoker,
        deliveries: Deliveries,
        assortments: PriceLists[Assortment],
        settings: DropInSettings,
    ) -> None:
        """`deliveries` makes the purchases and reports answers that could not be delivered."""
        self._invoker = invoker
        self._deliveries = deliveries
        self._assortments = assortments
        self._settings = settings

    def actions(self) -> dict[str, Action]:
        """The handlers by the protocol's action names."""
        return {"getNumber": self._number, "getNumberV2": self._number_v2}

    async def _number(self, request: ActionRequest) -> Body:
        bought = await self._buy(request)
        return bought if isinstance(bought, str) else replies.number(bought)

    async def _number_v2(self, request: ActionRequest) -> Body:
        bought = await self._buy(request)
        if isinstance(bought, str):
            return bought
        price = await self._price(request, request.get("service") or "")
        country = request.get("country") or USA
        return replies.number_v2(
            bought
            if bought.price or not price
            else bought.model_copy(update={"price": price.price}),
            country=country if country.isdigit() else USA,
            again=price.multiple_sms if price else False,
            zone=self._settings.zone,
        )

    async def _buy(self, request: ActionRequest) -> Rental | str:
        """What was bought, or the token that says why not."""
        parameters = await self._purchase_parameters(request)
        if parameters is None:
            return BAD_ACTION
        service, highest = request.get("service"), highest_price(request)
        # A price list that cannot be read blocks no purchase.
        assortment = await self._assortments.if_readable(request.call)
        found = assortment.find(service) if assortment and service else None
        if not self._is_available(request, parameters):
            return NO_NUMBERS
        if service is None or (assortment and found is None):
            return BAD_SERVICE
        if highest.wrong:
            quoted = found if assortment and found and assortment.quotes(found) else None
            return wrong_max_price(parameters.lowest_price(quoted.price)) if quoted else NO_NUMBERS
        name = found.service_code if found else self._settings.codes.guess(service)
        try:
            return await self._rent(request, parameters, name, highest.amount)
        except PriceTooHigh as refusal:
            return _quote(request, refusal.price_needed, highest.amount)

    async def _purchase_parameters(self, request: ActionRequest) -> LegacyParameters | None:
        """The parameters besides the service; None where some are repeated or unknown."""
        if request.parameters.repeated or await is_body_unread(request.http):
            return None
        parameters = read_purchase_parameters(request.parameters.values, self._settings.harmless)
        if not parameters.unknown:
            return parameters
        names = ", ".join(redacted(name) for name in parameters.unknown[:_MOST_LOGGED])
        log.warning(
            "a purchase with unknown parameters was refused",
            parameters=names,
            trace_id=request.call.trace_id,
        )
        return None

    def _is_available(self, request: ActionRequest, parameters: LegacyParameters) -> bool:
        if parameters.impossible:
            names = ", ".join(parameters.impossible)
            log.info(
                "no number can have these parameters",
                parameters=names,
                trace_id=request.call.trace_id,
            )
            return False
        any_country = self._settings.any_country
        return country_key(request.get("country"), any_country=any_country) is not None

    async def _rent(
        self,
        request: ActionRequest,
        parameters: LegacyParameters,
        name: str,
        highest: Decimal | None,
    ) -> Rental:
        given: dict[str, object] = {"service_code": name, **parameters.inputs}
        if highest is not None:
            given["max_price"] = highest
        own_id = request_id(request.get("orderId"))
        call = replace(request.call, request_id=own_id, redeliverable=own_id is None)

        async def with_number(rental: Rental) -> Rental:
            if rental.number is None:  # lost in the answer of the purchase
                given = {"rental_id": rental.id}
                rental = await self._invoker.invoke(GET_RENTAL, request.call, given)
            if rental.number is None:
                raise UpstreamBadResponse
            return rental

        return await self._deliveries.buy(request.http, RENT_BY_CODE, call, given, with_number)

    async def _price(self, request: ActionRequest, service: str) -> Price | None:
        assortment = await self._assortments.if_readable(request.call)
        return assortment.find(service) if assortment else None


def _quote(request: ActionRequest, lowest: Decimal | None, highest: Decimal | None) -> str:
    """The lowest sufficient price, where only the request's own limit prevented the purchase."""
    if lowest is None or highest is None:
        return NO_NUMBERS
    limits = request.caller.limits
    above_key = limits is not None and limits.max_price is not None and lowest > limits.max_price
    return NO_NUMBERS if lowest <= highest or above_key else wrong_max_price(lowest)
