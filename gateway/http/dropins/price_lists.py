"""Caches what a face derives from a whole price list, once per list."""

from collections.abc import Callable, Collection
from typing import Generic, TypeVar

from gateway.core.identity_cache import IdentityCache
from gateway.core.invocation.invoker import Invoker
from gateway.core.model.errors import GatewayError, Unauthorized
from gateway.core.model.prices import Price, PricePage
from gateway.core.model.values import MAX_PAGE
from gateway.core.operations.call import Call
from gateway.core.operations.prices import LIST_PRICES

T = TypeVar("T")

_MOST_LISTS = 64


class PriceLists(Generic[T]):
    """Caches `make`'s result per price list.

    The invoker returns the same page object while a list is fresh, so the identity of the first
    page is the cache key: a hit reads no further page and derives nothing.
    """

    def __init__(
        self, invoker: Invoker, make: Callable[[list[Price], Collection[Price]], T]
    ) -> None:
        """`make` derives the value from all prices of a caller's list, and those withheld."""
        self._invoker = invoker
        self._make = make
        self._cached: IdentityCache[PricePage, T] = IdentityCache(_MOST_LISTS)

    async def of(self, call: Call) -> T:
        """The value for the caller's price list. Raises what list_prices raises."""
        first = await self._page(call, None)
        value = self._cached.get(first)
        if value is None:
            value = self._cached[first] = self._make(await self._whole(call, first), first.withheld)
        return value

    async def if_readable(self, call: Call) -> T | None:
        """The same, or None where the list cannot be read. Raises Unauthorized for a wrong key."""
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
