"""The actions that tell what there is: balance, prices, stock, services, countries."""

from gateway.core.invocation.invoker import Invoker
from gateway.core.model.prices import Price
from gateway.core.model.values import money_text
from gateway.core.operations.account import GET_BALANCE
from gateway.core.prices.service_codes import Assortment, Offer
from gateway.http.dropins.price_lists import PriceLists
from gateway.http.dropins.sms_activate import replies
from gateway.http.dropins.sms_activate.replies import ANY_OPERATOR, USA, Body, Json
from gateway.http.dropins.sms_activate.request import Action, Asked, country_key
from gateway.http.dropins.sms_activate.tokens import BAD_SERVICE

UNKNOWN_STOCK = 100  # "available": tools buy only where the count is above zero
_COUNTRY: Json = {
    "id": int(USA),
    "rus": "США",
    "eng": "USA",
    "chn": "美国",
    "visible": 1,
    "retry": 0,
    "rent": 0,
    "multiService": 0,
}


class Shopping:
    """What a tool asks before it buys."""

    def __init__(
        self, invoker: Invoker, assortments: PriceLists[Assortment], *, any_country: bool
    ) -> None:
        """`any_country`: other countries are answered with the USA's."""
        self._invoker = invoker
        self._assortments = assortments
        self._any_country = any_country

    def actions(self) -> dict[str, Action]:
        """By the names of the protocol."""
        return {
            "getBalance": self._balance,
            "getBalanceAndCashBack": self._balance,
            "getPrices": self._prices,
            "getPricesVerification": self._prices_turned,
            "getNumbersStatus": self._stock,
            "getCountries": self._countries,
            "getServicesList": self._services,
            "getTopCountriesByService": self._top_countries,
            "getOperators": self._operators,
        }

    async def _balance(self, asked: Asked) -> Body:
        held = await self._invoker.invoke(GET_BALANCE, asked.call, {})
        return replies.balance(held)

    async def _prices(self, asked: Asked) -> Body:
        offers = self._offers(await self._assortments.of(asked.call), asked)
        key = self._country(asked)
        if key is None or not offers:
            return {}
        return {key: {offer.code: _quote(offer.price) for offer in offers}}

    async def _prices_turned(self, asked: Asked) -> Body:
        offers = self._offers(await self._assortments.of(asked.call), asked)
        return {offer.code: {USA: _turned_quote(offer.price)} for offer in offers}

    async def _stock(self, asked: Asked) -> Body:
        offers = (await self._assortments.of(asked.call)).offers
        if self._country(asked) is None:
            return {}
        # Old tools read "wa_0", for a number without forwarding.
        names = ((offer, name) for offer in offers for name in (offer.code, f"{offer.code}_0"))
        return {name: count(offer.price) for offer, name in names}

    async def _countries(self, asked: Asked) -> Body:
        await self._assortments.if_readable(asked.call)  # a wrong key learns so even here
        return {USA: dict(_COUNTRY)}

    async def _services(self, asked: Asked) -> Body:
        offers = (await self._assortments.of(asked.call)).offers
        rows = [{"code": offer.code, "name": offer.price.service_name} for offer in offers]
        return {"status": "success", "services": rows}

    async def _top_countries(self, asked: Asked) -> Body:
        found = (await self._assortments.of(asked.call)).find(asked.get("service") or "")
        if found is None:
            return BAD_SERVICE
        price = float(found.price)
        row = {"country": int(USA), "count": count(found), "price": price, "retail_price": price}
        return {"0": row}

    async def _operators(self, asked: Asked) -> Body:
        await self._assortments.if_readable(asked.call)  # a wrong key learns so even here
        key = self._country(asked)
        operators = {} if key is None else {key: [ANY_OPERATOR]}
        return {"status": "success", "countryOperators": operators}

    def _country(self, asked: Asked) -> str | None:
        return country_key(asked.get("country"), any_country=self._any_country)

    def _offers(self, assortment: Assortment, asked: Asked) -> tuple[Offer, ...]:
        """Everything, or the one service that was asked for, under the name it was asked by."""
        service = asked.get("service")
        if service is None:
            return assortment.offers
        price = assortment.find(service)
        return (Offer(service, price),) if price else ()


def count(price: Price) -> int:
    """How many numbers there are; where the provider does not tell, there are some."""
    return UNKNOWN_STOCK if price.stock is None else price.stock


def _turned_quote(price: Price) -> Json:
    return {"count": count(price), "price": money_text(price.price)}


def _quote(price: Price) -> Json:
    numbers = count(price)
    return {"cost": float(price.price), "count": numbers, "physicalCount": numbers}
