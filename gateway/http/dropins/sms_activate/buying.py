"""getNumber and getNumberV2: buy one number for one service."""

from decimal import Decimal

from gateway.core.model.legacy_parameters import LegacyParameters
from gateway.core.model.provider_errors import PriceTooHigh
from gateway.core.model.rentals import Rental
from gateway.core.operations.rentals import RENT_BY_CODE
from gateway.core.prices.service_codes import Assortment
from gateway.http.dropins.common import DropInSettings
from gateway.http.dropins.price_lists import PriceLists
from gateway.http.dropins.sms_activate import replies
from gateway.http.dropins.sms_activate.purchases import Purchases
from gateway.http.dropins.sms_activate.replies import USA, Body
from gateway.http.dropins.sms_activate.request import Action, ActionRequest, highest_price
from gateway.http.dropins.sms_activate.tokens import (
    BAD_ACTION,
    BAD_SERVICE,
    NO_NUMBERS,
    wrong_max_price,
)


class BuyingActions:
    """Buys what the parameters wish for, at the price that they allow."""

    def __init__(
        self,
        purchases: Purchases,
        assortments: PriceLists[Assortment],
        settings: DropInSettings,
    ) -> None:
        self._purchases = purchases
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
        price = await self._purchases.listed(request, request.get("service") or "")
        country = request.get("country") or USA
        return replies.number_v2(
            bought,
            country=country if country.isdigit() else USA,
            again=price.multiple_sms if price else False,
            zone=self._settings.zone,
        )

    async def _buy(self, request: ActionRequest) -> Rental | str:
        """What was bought, or the token that says why not."""
        parameters = await self._purchases.parameters(request, request.parameters.values)
        if parameters is None:
            return BAD_ACTION
        service, highest = request.get("service"), highest_price(request)
        # A price list that cannot be read blocks no purchase.
        assortment = await self._assortments.if_readable(request.call)
        found = assortment.find(service) if assortment and service else None
        if not self._purchases.is_available(request, parameters.impossible):
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
        return await self._purchases.make(request, RENT_BY_CODE, given)


def _quote(request: ActionRequest, lowest: Decimal | None, highest: Decimal | None) -> str:
    """The lowest sufficient price, where only the request's own limit prevented the purchase."""
    if lowest is None or highest is None:
        return NO_NUMBERS
    limits = request.caller.limits
    above_key = limits is not None and limits.max_price is not None and lowest > limits.max_price
    return NO_NUMBERS if lowest <= highest or above_key else wrong_max_price(lowest)
