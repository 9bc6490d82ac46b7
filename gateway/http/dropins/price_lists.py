"""Whatever a face makes of a whole price list: made once for each list the one door answers."""

from collections.abc import Callable
from typing import Generic, TypeVar

from gateway.core.identity_cache import IdentityCache
from gateway.core.invocation.invoker import Invoker
from gateway.core.model.errors import GatewayError, Unauthorized
from gateway.core.model.prices import MAX_PAGE, Price, PricePage
from gateway.core.operations.call import Call
from gateway.core.operations.prices import LIST_PRICES

T = TypeVar("T")

_KEPT = 64


class PriceLists(Generic[T]):
    """Keeps what `make` makes: the one door answers the same page while a list is fresh."""

    def __init__(self, invoker: Invoker, make: Callable[[list[Price]], T]) -> None:
        """Start empty."""
        self._invoker = invoker
        self._make = make
        self._kept: IdentityCache[PricePage, T] = IdentityCache(_KEPT)

    async def of(self, call: Call) -> T:
        """What is made of the caller's price list. Raises what list_prices raises."""
        first = await self._page(call, None)
        kept = self._kept.get(first)
        if kept is not None:
            return kept
        made = self._make(await self._whole(call, first))
        self._kept[first] = made
        return made

    async def if_readable(self, call: Call) -> T | None:
        """The same, or None where it cannot be read. Raises Unauthorized for a wrong key."""
        try:
            return await self.of(call)
        except Unauthorized:
            raise
        except GatewayError:
            return None

    async def _whole(self, call: Call, first: PricePage) -> list[Price]:
        prices, page = list(first.data), first
        while page.next_cursor is not None:
            page = await self._page(call, page.next_cursor)
            prices.extend(page.data)
        return prices

    async def _page(self, call: Call, cursor: str | None) -> PricePage:
        given = {"limit": MAX_PAGE} if cursor is None else {"limit": MAX_PAGE, "cursor": cursor}
        return await self._invoker.invoke(LIST_PRICES, call, given)
