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
from gateway.core.operations.rentals import GET_RENTAL, RENT_NUMBER
from gateway.core.prices.service_codes import Assortment
from gateway.http.dropins.common import Legacy
from gateway.http.dropins.delivery import Deliveries, request_id
from gateway.http.dropins.price_lists import PriceLists
from gateway.http.dropins.sms_activate import replies
from gateway.http.dropins.sms_activate.replies import USA, Body
from gateway.http.dropins.sms_activate.request import Action, Asked, country_key, highest_price
from gateway.http.dropins.sms_activate.tokens import (
    BAD_ACTION,
    BAD_SERVICE,
    NO_NUMBERS,
    wrong_max_price,
)
from gateway.http.wire.forms import is_body_unread

log = structlog.get_logger("gateway.sms_activate")
_MOST_TOLD = 5


class Buying:
    """Buys one number for one service."""

    def __init__(
        self,
        invoker: Invoker,
        purchases: Deliveries,
        assortments: PriceLists[Assortment],
        legacy: Legacy,
    ) -> None:
        """Take the one door, and who sees to it that answers arrive."""
        self._invoker = invoker
        self._purchases = purchases
        self._assortments = assortments
        self._legacy = legacy

    def actions(self) -> dict[str, Action]:
        """By the names of the protocol."""
        return {"getNumber": self._number, "getNumberV2": self._number_v2}

    async def _number(self, asked: Asked) -> Body:
        bought = await self._buy(asked)
        return bought if isinstance(bought, str) else replies.number(bought)

    async def _number_v2(self, asked: Asked) -> Body:
        bought = await self._buy(asked)
        if isinstance(bought, str):
            return bought
        price = await self._price(asked, asked.get("service") or "")
        country = asked.get("country") or USA
        return replies.number_v2(
            bought
            if bought.price or not price
            else bought.model_copy(update={"price": price.price}),
            country=country if country.isdigit() else USA,
            again=price.multiple_sms if price else False,
            zone=self._legacy.zone,
        )

    async def _buy(self, asked: Asked) -> Rental | str:
        """What was bought, or the token that says why not."""
        wanted = await self._wanted(asked)
        if wanted is None:
            return BAD_ACTION
        service, highest = asked.get("service"), highest_price(asked)
        # A price list that cannot be read blocks no purchase.
        assortment = await self._assortments.if_readable(asked.call)
        found = assortment.find(service) if assortment and service else None
        if not self._may_be_had(asked, wanted):
            return NO_NUMBERS
        if service is None or (assortment and found is None):
            return BAD_SERVICE
        if highest.wrong:
            return wrong_max_price(wanted.lowest_price(found.price)) if found else NO_NUMBERS
        name = found.service_code if found else self._legacy.codes.guess(service)
        try:
            return await self._rent(asked, wanted, name, highest.amount)
        except PriceTooHigh:
            return _quote(asked, wanted, found, highest.amount)

    async def _wanted(self, asked: Asked) -> LegacyParameters | None:
        """What is wished besides the service; None where it cannot be told for sure."""
        if asked.parameters.repeated or await is_body_unread(asked.request):
            return None
        wanted = read_purchase_parameters(asked.parameters.values, self._legacy.harmless)
        if not wanted.unknown:
            return wanted
        names = ", ".join(redacted(name) for name in wanted.unknown[:_MOST_TOLD])
        log.warning(
            "a purchase with unknown parameters was refused",
            parameters=names,
            trace_id=asked.call.trace_id,
        )
        return None

    def _may_be_had(self, asked: Asked, wanted: LegacyParameters) -> bool:
        if wanted.impossible:
            names = ", ".join(wanted.impossible)
            log.info("no number can be as wished", parameters=names, trace_id=asked.call.trace_id)
            return False
        any_country = self._legacy.any_country
        return country_key(asked.get("country"), any_country=any_country) is not None

    async def _rent(
        self, asked: Asked, wanted: LegacyParameters, name: str, highest: Decimal | None
    ) -> Rental:
        given: dict[str, object] = {"service_code": name, **wanted.inputs}
        if highest is not None:
            given["max_price"] = highest
        own_id = request_id(asked.get("orderId"))
        call = replace(asked.call, request_id=own_id, redeliverable=own_id is None)

        async def whole(rental: Rental) -> Rental:
            if rental.number is None:  # lost in the answer of the purchase
                wanted = {"rental_id": rental.id}
                rental = await self._invoker.invoke(GET_RENTAL, asked.call, wanted)
            if rental.number is None:
                raise UpstreamBadResponse
            return rental

        return await self._purchases.buy(asked.request, RENT_NUMBER, call, given, whole)

    async def _price(self, asked: Asked, service: str) -> Price | None:
        assortment = await self._assortments.if_readable(asked.call)
        return assortment.find(service) if assortment else None


def _quote(
    asked: Asked, wanted: LegacyParameters, found: Price | None, highest: Decimal | None
) -> str:
    """The lowest price that would do, where the caller's own limit was what stood against it."""
    if found is None or highest is None:
        return NO_NUMBERS
    lowest, limits = wanted.lowest_price(found.price), asked.caller.limits
    above_key = limits is not None and limits.max_price is not None and lowest > limits.max_price
    return NO_NUMBERS if lowest <= highest or above_key else wrong_max_price(lowest)
