"""The read-only actions before a purchase: balance, prices, stock, services, countries."""

from gateway.core.invocation.invoker import Invoker
from gateway.core.model.prices import Price
from gateway.core.operations.account import GET_BALANCE
from gateway.core.prices.service_codes import Assortment, Offer
from gateway.http.dropins.price_lists import PriceLists
from gateway.http.dropins.sms_activate import replies
from gateway.http.dropins.sms_activate.dialects.dialect import count
from gateway.http.dropins.sms_activate.replies import ANY_OPERATOR, USA, Body, Json
from gateway.http.dropins.sms_activate.request import Action, ActionRequest, country_key
from gateway.http.dropins.sms_activate.tokens import BAD_SERVICE

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


class ListingActions:
    """Answers what is for sale, from the caller's price list."""

    def __init__(
        self, invoker: Invoker, assortments: PriceLists[Assortment], *, any_country: bool
    ) -> None:
        """`any_country`: requests for other countries get the USA's numbers."""
        self._invoker = invoker
        self._assortments = assortments
        self._any_country = any_country

    def actions(self) -> dict[str, Action]:
        """The handlers by the protocol's action names."""
        return {
            "getBalance": self._balance,
            "getBalanceAndCashBack": self._balance,
            "getPrices": self._prices,
            "getPricesExtended": self._prices,
            "getPricesVerification": self._prices_turned,
            "getNumbersStatus": self._stock,
            "getCountries": self._countries,
            "getServicesList": self._services,
            "getServices": self._services,
            "getTopCountriesByService": self._top_countries,
            "getTopCountriesByServiceRank": self._top_countries,
            "getListOfTopCountriesByService": self._top_countries,
            "getOperators": self._operators,
        }

    async def _balance(self, request: ActionRequest) -> Body:
        held = await self._invoker.invoke(GET_BALANCE, request.call, {})
        return replies.balance(held)

    async def _prices(self, request: ActionRequest) -> Body:
        offers = self._offers(await self._assortments.of(request.call), request)
        key = self._country(request)
        if key is None or not offers:
            return {}
        row = request.dialect.price_row
        return {key: {offer.code: row(offer.price) for offer in offers}}

    async def _prices_turned(self, request: ActionRequest) -> Body:
        offers = self._offers(await self._assortments.of(request.call), request)
        row = request.dialect.verification_row
        return {offer.code: {USA: row(offer.price)} for offer in offers}

    async def _stock(self, request: ActionRequest) -> Body:
        assortment = await self._assortments.of(request.call)
        if self._country(request) is None:
            return {}
        counts = {offer.code: count(offer.price) for offer in assortment.offers}
        for offer in assortment.offers:
            name = offer.price.service_code
            # A name may be the code of another service.
            if name not in counts and assortment.find(name) is offer.price:
                counts[name] = count(offer.price)
        # Old tools read "wa_0", for a number without forwarding.
        return {spelt: found for name, found in counts.items() for spelt in (name, f"{name}_0")}

    async def _countries(self, request: ActionRequest) -> Body:
        await self._assortments.if_readable(request.call)  # refuses a wrong key
        return countries()

    async def _services(self, request: ActionRequest) -> Body:
        offers = (await self._assortments.of(request.call)).offers
        rows = [{"code": offer.code, "name": offer.price.service_name} for offer in offers]
        return {"status": "success", "services": rows}

    async def _top_countries(self, request: ActionRequest) -> Body:
        assortment = await self._assortments.of(request.call)
        service = request.get("service")
        if service is None:
            return {offer.code: _top(offer.price) for offer in assortment.offers}
        found = assortment.find(service)
        if found is None:
            return BAD_SERVICE
        return _top(found) if assortment.quotes(found) else {}

    async def _operators(self, request: ActionRequest) -> Body:
        await self._assortments.if_readable(request.call)  # refuses a wrong key
        key = self._country(request)
        operators = {} if key is None else {key: [ANY_OPERATOR]}
        return {"status": "success", "countryOperators": operators}

    def _country(self, request: ActionRequest) -> str | None:
        return country_key(request.get("country"), any_country=self._any_country)

    def _offers(self, assortment: Assortment, request: ActionRequest) -> tuple[Offer, ...]:
        """All offers, or the one service the request names, under the name it uses."""
        service = request.get("service")
        if service is None:
            return assortment.offers
        price = assortment.find(service)
        return (Offer(service, price),) if price and assortment.quotes(price) else ()


def countries() -> Json:
    """The one country there is."""
    return {USA: dict(_COUNTRY)}


def _top(price: Price) -> Json:
    cost = float(price.price)
    row = {"country": int(USA), "count": count(price), "price": cost, "retail_price": cost}
    return {"0": row}
