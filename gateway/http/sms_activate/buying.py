"""getNumber and getNumberV2: the only actions that cost money."""

from dataclasses import replace
from decimal import Decimal

from gateway.core.invoke import Invoker
from gateway.core.prices import Price
from gateway.core.provider_errors import PriceTooHigh, UpstreamBadResponse
from gateway.core.quote import with_surcharges
from gateway.core.rentals import Rental
from gateway.core.renting import GET_RENTAL, RENT_NUMBER
from gateway.core.service_codes import Assortment
from gateway.http.legacy import Legacy
from gateway.http.price_lists import PriceLists
from gateway.http.purchases import Purchases, request_id
from gateway.http.sms_activate import replies
from gateway.http.sms_activate.asked import Action, Asked, country_key, highest_price
from gateway.http.sms_activate.replies import USA, Body
from gateway.http.sms_activate.tokens import (
    BAD_SERVICE,
    NO_NUMBERS,
    wrong_max_price,
)
from gateway.http.sms_activate.wishes import Given, read_wishes


class Buying:
    """Buys one number for one service."""

    def __init__(
        self,
        invoker: Invoker,
        purchases: Purchases,
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
        bought = await self._buy(asked, request_id(asked.get("orderId")))
        return bought if isinstance(bought, str) else replies.number(bought)

    async def _number_v2(self, asked: Asked) -> Body:
        bought = await self._buy(asked, request_id(asked.get("orderId")))
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

    async def _buy(self, asked: Asked, request_id: str | None) -> Rental | str:
        """What was bought, or the token that says why not."""
        service, highest = asked.get("service"), highest_price(asked)
        # A price list that cannot be read blocks no purchase.
        assortment = await self._assortments.if_readable(asked.call)
        found = assortment.find(service) if assortment and service else None
        wishes = read_wishes(asked.parameters, self._legacy.harmless_parameters)
        if isinstance(wishes, str):
            return wishes
        if country_key(asked.get("country"), any_country=self._legacy.any_country) is None:
            return NO_NUMBERS
        if service is None or (assortment and found is None):
            return BAD_SERVICE
        price = _whole_price(found, wishes)
        if highest.wrong:
            return wrong_max_price(price) if price else NO_NUMBERS
        name = found.service_code if found else self._legacy.codes.guess(service)
        if highest.amount is not None:
            wishes["max_price"] = highest.amount
        try:
            return await self._rent(asked, request_id, {"service_code": name, **wishes})
        except PriceTooHigh:
            return _quote(price, highest.amount)

    async def _rent(self, asked: Asked, request_id: str | None, given: dict[str, object]) -> Rental:
        call = replace(asked.call, request_id=request_id, hands_over=request_id is None)

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


def _whole_price(found: Price | None, wishes: Given) -> Decimal | None:
    """What it may cost with all that is wished; None where nobody can tell."""
    if found is None:
        return None
    return with_surcharges(found.price, carrier="carrier" in wishes, area="area_codes" in wishes)


def _quote(price: Decimal | None, highest: Decimal | None) -> str:
    """The lowest price that would do, where the caller's own limit was what stood against it."""
    if price is None or highest is None or price <= highest:
        return NO_NUMBERS
    return wrong_max_price(price)
