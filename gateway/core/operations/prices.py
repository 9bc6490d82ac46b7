"""The operation that lists prices."""

from gateway.core.model.prices import ListPrices, PricePage
from gateway.core.model.upstream_call import Effect
from gateway.core.operations.context import Context
from gateway.core.operations.operation import Operation, Rest
from gateway.core.upstream.calls import PRICES


async def _list_prices(context: Context, asked: ListPrices) -> PricePage:
    return await context.services.price_cache.page(context.upstream, asked)


def _fresh_prices(context: Context, asked: ListPrices) -> PricePage | None:
    return context.services.price_cache.fresh_page(context.upstream.account_id, asked)


LIST_PRICES = Operation(
    name="list_prices",
    summary="List what a number costs for each service, with its stock",
    description=(
        "Kept for a minute; stale: it is older. Surcharges for carrier and area code come on top."
    ),
    takes=ListPrices,
    gives=PricePage,
    effect=Effect.READ,
    rest=Rest("GET", "/v1/prices"),
    run=_list_prices,
    at_once=_fresh_prices,
    toolset="account",
    calls=(PRICES,),
)

OPERATIONS = (LIST_PRICES,)
